#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/context.hpp"
#include "paser/distributed/team.hpp"
#include "paser/nn/visit.hpp"

/// Losses and gradients whose parts several processes have computed, added to the bits of one process.
///
/// Every process owns a slice of the elements of all parameters and buffers, in the order of the module's walk. It
/// receives its slice of what the others have added so far, the roots of their parts of the tree (see TreeSum), and
/// adds it along that tree; then everyone sends its slice of the total to everyone. So each element is added in the
/// order in which one process adds it, and per step and process 2 (n - 1) / n of the gradients are sent and as many
/// received, for n processes whose parts are one node of the tree each; r roots make it (r + 1) (n - 1) / n.
/// (Rabenseifner 2004 gives the same traffic for a sum whose order depends on n.)
namespace paser::distributed {

namespace detail {

/// Where the elements of a parameter or a buffer lie in the order of the walk.
struct MemberPlace {
  const void* member;
  bool buffer;
  Index begin, size;
};

/// The parameters and buffers of a module.
template <class Module>
std::vector<MemberPlace> places_of(const Module& module) {
  std::vector<MemberPlace> places;
  Index end = 0;
  nn::walk(module, [&](const std::string&, const auto& member) {
    constexpr bool buffer = !nn::detail::is_parameter<std::remove_cvref_t<decltype(member)>>;
    places.push_back({&member, buffer, end, member.value.numel()});
    end += member.value.numel();
  });
  return places;
}

/// What a process says of a root of its parts: the node, the sums that are single numbers, and the weight of each
/// member: 0 when there is no value of it, else 1 or that of a buffer's next value.
struct RootHead {
  Index begin = 0, size = 1;
  std::vector<double> numbers, weights;
};

/// Heads as doubles, in which an Index of less than 2^53 is exact.
inline void write_head(std::vector<double>& to, const RootHead& head) {
  to.push_back(static_cast<double>(head.begin));
  to.push_back(static_cast<double>(head.size));
  to.insert(to.end(), head.numbers.begin(), head.numbers.end());
  to.insert(to.end(), head.weights.begin(), head.weights.end());
}

inline std::vector<RootHead> read_heads(const std::string& bytes, std::size_t numbers, std::size_t members) {
  std::vector<double> values(bytes.size() / sizeof(double));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  std::vector<RootHead> heads;
  for (auto at = values.cbegin(); at != values.cend();) {
    RootHead head{static_cast<Index>(at[0]), static_cast<Index>(at[1]), {}, {}};
    at += 2;
    head.numbers.assign(at, at + static_cast<std::ptrdiff_t>(numbers));
    at += static_cast<std::ptrdiff_t>(numbers);
    head.weights.assign(at, at + static_cast<std::ptrdiff_t>(members));
    at += static_cast<std::ptrdiff_t>(members);
    heads.push_back(std::move(head));
  }
  return heads;
}

/// Calls f(i, at, count) for every member i with elements in the slice, which are `count` of them from its element `at`
/// on.
template <class F>
void for_each_in(const std::vector<MemberPlace>& places, PartRange slice, const F& f) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const MemberPlace& place = places[i];
    const Index begin = std::max(place.begin, slice.begin), end = std::min(place.begin + place.size, slice.end);
    if (begin < end) f(i, begin - place.begin, end - begin);
  }
}

/// A slice of what the parts of a node have added. The values are kept elsewhere; adding writes to those on the left.
template <class T>
struct SliceSum {
  const std::vector<MemberPlace>* places = nullptr;
  PartRange slice{};
  std::vector<T*> values{};  ///< by member, its first element in the slice; null where it has none or no value
  RootHead head{};

  /// As Gradients add.
  SliceSum& operator+=(const SliceSum& other) {
    const FlushDenormals flush;
    for (std::size_t n = 0; n < head.numbers.size(); ++n) head.numbers[n] += other.head.numbers[n];
    for_each_in(*places, slice, [&](std::size_t i, Index, Index count) {
      const double weight = other.head.weights[i];
      if (weight == 0) return;
      if (head.weights[i] == 0)
        values[i] = other.values[i];
      else if ((*places)[i].buffer)
        Gradients<T>::average(count, other.values[i], weight / (head.weights[i] + weight), values[i]);
      else
        kernels::accumulate(count, other.values[i], values[i]);
    });
    for (std::size_t i = 0; i < head.weights.size(); ++i) {
      double& weight = head.weights[i];
      weight = (*places)[i].buffer ? weight + other.head.weights[i] : std::max(weight, other.head.weights[i]);
    }
    return *this;
  }
};

/// The members and roots of one sum. Everything is sent from, received into and added in tensors of the members' own
/// sizes, which a training always has at hand: no step asks the system for memory.
template <class T, class Result>
class GradientSum {
 public:
  template <class Module>
  GradientSum(const Team& team, TreeSum<Result> own, const Module& module)
      : team_(team),
        places_(places_of(module)),
        elements_(places_.empty() ? 0 : places_.back().begin + places_.back().size) {
    std::vector<double> heads;
    for (auto& root : std::move(own).roots()) {
      RootHead head{root.begin, root.size, {}, {}};
      for (const double* number : std::as_const(root.sum).numbers()) head.numbers.push_back(*number);
      Members& members = own_.emplace_back();
      for (const MemberPlace& place : places_) {
        head.weights.push_back(root.sum.gradients.weight(place.member));
        members.push_back(root.sum.gradients.take(place.member));
      }
      write_head(heads, head);
    }
    const std::size_t numbers = Result().numbers().size();
    for (const std::string& bytes :
         team.all({reinterpret_cast<const char*>(heads.data()), heads.size() * sizeof(double)}, "losses"))
      heads_.push_back(read_heads(bytes, numbers, places_.size()));
  }

  Result total() && {
    const PartRange slice = team_.share(elements_);
    const SliceSum<T> sum = add_own_slice();
    if (sum.places == nullptr) return Result();  // nobody had a part
    if (own_.empty()) own_.emplace_back(places_.size());
    Members& totals = own_.front();  // what is in it has been sent and added
    for (std::size_t i = 0; i < places_.size(); ++i)
      if (sum.head.weights[i] != 0 && totals[i].empty()) totals[i] = Tensor<T, 1>({places_[i].size});
    for_each_in(places_, slice, [&](std::size_t i, Index at, Index count) {
      if (sum.head.weights[i] == 0) return;
      T* const to = totals[i].mutable_data() + at;
      if (to != sum.values[i]) std::copy_n(sum.values[i], count, to);
    });
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (Index k = 0; k < team_.size(); ++k) {
      if (k == team_.rank()) continue;
      for (const auto bytes : pieces(totals, sum.head, slice)) out.push_back({k, bytes});
      for (const auto bytes : pieces(totals, sum.head, team_.share_of(k, elements_))) in.push_back({k, bytes});
    }
    team_.exchange(out, in, "sums of gradients");
    Result result;
    const auto numbers = result.numbers();
    for (std::size_t n = 0; n < numbers.size(); ++n) *numbers[n] = sum.head.numbers[n];
    for (std::size_t i = 0; i < places_.size(); ++i) {
      if (sum.head.weights[i] == 0) continue;
      if (places_[i].buffer)
        result.gradients.set_next(places_[i].member, std::move(totals[i]), sum.head.weights[i]);
      else
        result.gradients.add(places_[i].member, totals[i]);
    }
    return result;
  }

 private:
  using Members = std::vector<Tensor<T, 1>>;  ///< in the order of the places, empty where there is no value

  /// The elements in a slice of those members that have a value.
  std::vector<std::span<std::byte>> pieces(Members& members, const RootHead& head, PartRange slice) const {
    std::vector<std::span<std::byte>> found;
    for_each_in(places_, slice, [&](std::size_t i, Index at, Index count) {
      if (head.weights[i] != 0)
        found.push_back(
            std::as_writable_bytes(std::span(members[i].mutable_data() + at, static_cast<std::size_t>(count))));
    });
    return found;
  }

  /// Adds this process's slice of everyone's roots. The values of the sum are in own_ or received_.
  SliceSum<T> add_own_slice() {
    const PartRange slice = team_.share(elements_);
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    std::vector<std::vector<T*>> slices;  // of everyone's roots, in order
    for (Index k = 0; k < team_.size(); ++k) {
      const auto& heads = heads_[static_cast<std::size_t>(k)];
      for (std::size_t r = 0; r < heads.size(); ++r) {
        auto& values = slices.emplace_back(places_.size(), nullptr);
        for_each_in(places_, slice, [&](std::size_t i, Index at, Index count) {
          if (heads[r].weights[i] == 0) return;
          if (k == team_.rank()) {
            values[i] = own_[r][i].mutable_data() + at;
            return;
          }
          values[i] = received_.emplace_back(Shape<1>{count}).mutable_data();
          in.push_back({k, std::as_writable_bytes(std::span(values[i], static_cast<std::size_t>(count)))});
        });
      }
      if (k == team_.rank()) continue;
      const auto& own_heads = heads_[static_cast<std::size_t>(team_.rank())];
      for (std::size_t r = 0; r < own_.size(); ++r)
        for (const auto bytes : pieces(own_[r], own_heads[r], team_.share_of(k, elements_))) out.push_back({k, bytes});
    }
    team_.exchange(out, in, "gradients");
    TreeSum<SliceSum<T>> sum;
    auto values = slices.begin();
    for (auto& roots : heads_)
      for (RootHead& head : roots) {
        const Index begin = head.begin, size = head.size;
        sum.append({begin, size, {&places_, slice, std::move(*values++), std::move(head)}});
      }
    return std::move(sum).total();
  }

  const Team& team_;
  std::vector<MemberPlace> places_;
  Index elements_;
  std::vector<Members> own_;                  ///< of this process's roots
  std::vector<Tensor<T, 1>> received_;        ///< this process's slice of the others' roots
  std::vector<std::vector<RootHead>> heads_;  ///< of everyone's, by rank
};

}  // namespace detail

/// The sum of the parts that all processes of the team have added, for everyone; `own` are those of this one, which
/// follow those of the processes before it. module: whose gradients these are, the same at everyone. Result: a loss as
/// pipeline::SupervisedResult: += , `gradients`, and numbers(), an array of pointers to the sums beside them.
template <class T, class Module, class Result>
Result sum_gradients(const Team& team, TreeSum<Result> own, const Module& module) {
  if (team.alone()) return std::move(own).total();
  return detail::GradientSum<T, Result>(team, std::move(own), module).total();
}

}  // namespace paser::distributed
#include "paser/core/macros_on.inc"
