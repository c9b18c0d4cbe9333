#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/tree_sum.hpp"

/// Several processes that compute one thing together, and get the bits that one process gets.
namespace paser::distributed {

/// A process of the team was waited for in vain. The message names it.
struct LostRank : Error {
  using Error::Error;
};

/// Bytes for another process, and room for those of another.
struct Outgoing {
  Index rank;
  std::span<const std::byte> bytes;
};
/// Bytes that another process is to send, and where they go.
struct Incoming {
  Index rank;
  std::span<std::byte> bytes;
};

/// Whether waiting for others has an end.
enum class Patience { limited, endless };

/// How the processes of a team send each other bytes; MpiLink is one. Between two of them all arrives in the order in
/// which it was sent.
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  virtual Index rank() const = 0;  ///< The number of this process, from 0.
  virtual Index size() const = 0;
  /// A process for messages: "rank 1 (node b, pid 4711)".
  virtual std::string name(Index rank) const = 0;
  /// Returns when all is sent and received; the others call it with the counterparts. `what` says for messages what is
  /// exchanged. Throws LostRank when another does not answer in time.
  virtual void exchange(std::span<const Outgoing> out, std::span<const Incoming> in, const std::string& what,
                        Patience patience) = 0;
};

/// The processes that work together, as one of them sees them; without a link a team of one, whose every sum, word and
/// table is its own. A copy is the same team. All members of a team make the same calls in the same order, which the
/// sentence of each function means by "everyone". What is said of Link::exchange holds for all of them.
class Team {
 public:
  Team() = default;
  explicit Team(std::unique_ptr<Link> link) : shared_(std::make_shared<Shared>(Shared{std::move(link)})) {}

  Index rank() const { return shared_ ? shared_->link->rank() : 0; }  ///< The number of this process, from 0.
  Index size() const { return shared_ ? shared_->link->size() : 1; }
  bool alone() const { return size() == 1; }  ///< Whether there is no other process.
  /// Whether this is rank 0, which alone writes files and reports.
  bool leads() const { return rank() == 0; }
  /// This process for messages, with its rank.
  std::string name() const { return shared_ ? shared_->link->name(rank()) : "rank 0"; }

  /// The consecutive parts that this process owns, none where there are fewer parts than processes.
  PartRange share(Index parts) const { return share_of(rank(), parts); }
  /// The same of another.
  PartRange share_of(Index rank, Index parts) const { return {parts * rank / size(), parts * (rank + 1) / size()}; }

  /// Says where the work is, such as "pretrain f3, step 812", for messages about those who are waited for.
  void at(std::string place) const {
    if (shared_) shared_->place = std::move(place);
  }

  /// See Link::exchange.
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in, const std::string& what,
                Patience patience = Patience::limited) const {
    if (!shared_) return;
    for (const Outgoing& o : out) shared_->sent += o.bytes.size();
    shared_->link->exchange(out, in, shared_->place.empty() ? what : shared_->place + ", " + what, patience);
  }

  /// Bytes that this process has sent to others.
  std::size_t sent() const { return shared_ ? shared_->sent : 0; }

  /// What each process has, by rank, for everyone.
  std::vector<std::string> all(const std::string& own, const std::string& what) const {
    std::vector<std::string> words(static_cast<std::size_t>(size()));
    const std::uint64_t length = own.size();
    std::vector<std::uint64_t> lengths(words.size(), length);
    exchange_with_all(
        std::as_bytes(std::span(&length, 1)),
        [&](std::size_t k) { return std::as_writable_bytes(std::span(&lengths[k], 1)); }, what);
    for (std::size_t k = 0; k < words.size(); ++k) words[k].resize(lengths[k]);
    exchange_with_all(
        std::as_bytes(std::span(own)), [&](std::size_t k) { return std::as_writable_bytes(std::span(words[k])); },
        what);
    words[static_cast<std::size_t>(rank())] = own;
    return words;
  }

  /// The numbers of each process, one process after the other, for everyone. Value: trivially copyable.
  template <class Value>
  std::vector<Value> join(std::span<const Value> own, const std::string& what) const {
    std::vector<Value> joined;
    for (const std::string& part : all({reinterpret_cast<const char*>(own.data()), own.size_bytes()}, what)) {
      const std::size_t before = joined.size();
      joined.resize(before + part.size() / sizeof(Value));
      if (!part.empty()) std::memcpy(joined.data() + before, part.data(), part.size());
    }
    return joined;
  }

  /// The word of the leader, for everyone; those of the others do not count. It goes along a binomial tree.
  std::string of_leader(std::string word, const std::string& what, Patience patience = Patience::limited) const {
    std::uint64_t length = word.size();
    pass_down(std::as_writable_bytes(std::span(&length, 1)), what, patience);
    word.resize(length);
    pass_down(std::as_writable_bytes(std::span(word)), what, patience);
    return word;
  }

  /// Whether it is so at any process.
  bool any(bool here, const std::string& what) const {
    if (alone()) return here;
    return std::ranges::any_of(all(here ? "1" : "0", what), [](const std::string& word) { return word == "1"; });
  }

  /// Throws ValueError, at everyone, unless all have the same text; `what` it is, "the instruction set".
  void require_same(const std::string& text, const std::string& what) const {
    const auto texts = all(text, what);
    for (std::size_t k = 1; k < texts.size(); ++k)
      check<ValueError>(texts[k] == texts[0], "team", what, " differs, so that no two numbers of processes would give ",
                        "the same bits: ", shared_->link->name(0), " has ", texts[0], ", ",
                        shared_->link->name(static_cast<Index>(k)), " has ", texts[k]);
  }

 private:
  struct Shared {
    std::unique_ptr<Link> link;
    std::string place{};
    std::size_t sent = 0;
  };

  /// Sends the same to everyone; room(k) is for what comes from rank k.
  template <class Room>
  void exchange_with_all(std::span<const std::byte> own, const Room& room, const std::string& what) const {
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (Index k = 0; k < size(); ++k) {
      if (k == rank()) continue;
      out.push_back({k, own});
      in.push_back({k, room(static_cast<std::size_t>(k))});
    }
    exchange(out, in, what);
  }

  /// Fills the bytes with those of the leader.
  void pass_down(std::span<std::byte> bytes, const std::string& what, Patience patience) const {
    Index reach = 1;
    while (reach < size()) reach *= 2;
    std::vector<Outgoing> out;
    for (Index below = reach; below >= 1; below /= 2) {
      if (rank() % (2 * below) == below) {
        const Incoming from_above{rank() - below, bytes};
        exchange({}, std::span(&from_above, 1), what, patience);
      } else if (rank() % (2 * below) == 0 && rank() + below < size()) {
        out.push_back({rank() + below, bytes});
      }
    }
    exchange(out, {}, what, patience);
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace paser::distributed
#include "paser/core/macros_on.inc"
