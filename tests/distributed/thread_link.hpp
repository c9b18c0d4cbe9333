#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "paser/distributed/team.hpp"

/// Teams within one process, a thread a rank: for tests without MPI.
namespace thread_link {

using namespace paser;

/// What is on its way, by sender and receiver.
struct Post {
  std::mutex lock;
  std::condition_variable arrived;
  std::map<std::pair<Index, Index>, std::deque<std::string>> boxes;
  std::size_t bytes = 0;  ///< sent by all together
};

class ThreadLink final : public distributed::Link {
 public:
  ThreadLink(Post& post, Index rank, Index size) : post_(post), rank_(rank), size_(size) {}
  Index rank() const override { return rank_; }
  Index size() const override { return size_; }
  std::string name(Index rank) const override { return message("rank ", rank); }

  void exchange(std::span<const distributed::Outgoing> out, std::span<const distributed::Incoming> in,
                const std::string& what, distributed::Patience) override {
    std::unique_lock held(post_.lock);
    for (const auto& o : out) {
      if (o.bytes.empty()) continue;
      post_.boxes[{rank_, o.rank}].emplace_back(reinterpret_cast<const char*>(o.bytes.data()), o.bytes.size());
      post_.bytes += o.bytes.size();
    }
    post_.arrived.notify_all();
    for (const auto& i : in) {
      if (i.bytes.empty()) continue;
      auto& box = post_.boxes[{i.rank, rank_}];
      if (!post_.arrived.wait_for(held, std::chrono::seconds(60), [&] { return !box.empty(); }))
        throw distributed::LostRank(message(what, ": rank ", i.rank, " does not answer"));
      check<ValueError>(box.front().size() == i.bytes.size(), "ThreadLink", what, ": ", box.front().size(),
                        " bytes came, expected ", i.bytes.size());
      std::memcpy(i.bytes.data(), box.front().data(), i.bytes.size());
      box.pop_front();
    }
  }

 private:
  Post& post_;
  Index rank_, size_;
};

/// Calls body(team) at each of `size` ranks at once and returns what they return, by rank.
template <class Body>
auto with_ranks(Index size, const Body& body, Post& post) {
  using Result = decltype(body(std::declval<const distributed::Team&>()));
  std::vector<std::optional<Result>> results(static_cast<std::size_t>(size));
  std::vector<std::exception_ptr> errors(results.size());
  std::vector<std::thread> ranks;
  for (Index k = 0; k < size; ++k)
    ranks.emplace_back([&, k] {
      const auto i = static_cast<std::size_t>(k);
      try {
        results[i] = body(distributed::Team(std::make_unique<ThreadLink>(post, k, size)));
      } catch (...) {
        errors[i] = std::current_exception();
      }
    });
  for (std::thread& rank : ranks) rank.join();
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
  return results;
}
template <class Body>
auto with_ranks(Index size, const Body& body) {
  Post post;
  return with_ranks(size, body, post);
}

}  // namespace thread_link
