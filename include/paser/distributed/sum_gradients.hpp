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

/// Calls f(i, at, count) for every member i with elements in the slice, which has `count` of them, from element `at`
/// on.
template <class F>
void for_each_in(const std::vector<MemberPlace>& places, PartRange slice, const F& f) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const MemberPlace& place = places[i];
    const Index begin = std::max(place.begin, slice.begin), end = std::min(place.begin + place.size, slice.end);
    if (begin < end) f(i, begin - slice.begin, end - begin);
  }
}

/// A slice of what the parts of a node have added. The values are kept elsewhere; adding writes to those on the left.
template <class T>
struct SliceSum {
  const std::vector<MemberPlace>* places = nullptr;
  PartRange slice{};
  T* values = nullptr;
  RootHead head{};

  /// As Gradients add.
  SliceSum& operator+=(const SliceSum& other) {
    const FlushDenormals flush;
    for (std::size_t n = 0; n < head.numbers.size(); ++n) head.numbers[n] += other.head.numbers[n];
    for_each_in(*places, slice, [&](std::size_t i, Index at, Index count) {
      const double weight = other.head.weights[i];
      if (weight == 0) return;
      if (head.weights[i] == 0)
        std::copy_n(other.values + at, count, values + at);
      else if ((*places)[i].buffer)
        Gradients<T>::average(count, other.values + at, weight / (head.weights[i] + weight), values + at);
      else
        kernels::accumulate(count, other.values + at, values + at);
    });
    for (std::size_t i = 0; i < head.weights.size(); ++i) {
      double& weight = head.weights[i];
      weight = (*places)[i].buffer ? weight + other.head.weights[i] : std::max(weight, other.head.weights[i]);
    }
    return *this;
  }
};

/// The members and roots of one sum, and the slices of everyone.
template <class T, class Result>
class GradientSum {
 public:
  template <class Module>
  GradientSum(const Team& team, const TreeSum<Result>& own, const Module& module)
      : team_(team),
        places_(places_of(module)),
        elements_(places_.empty() ? 0 : places_.back().begin + places_.back().size) {
    std::vector<double> heads;
    for (const auto& root : own.roots()) {
      RootHead head{root.begin, root.size, {}, {}};
      for (const double* number : root.sum.numbers()) head.numbers.push_back(*number);
      for (const MemberPlace& place : places_) head.weights.push_back(root.sum.gradients.weight(place.member));
      write_head(heads, head);
      own_.push_back(flat(root.sum.gradients));
    }
    const std::size_t numbers = Result().numbers().size();
    for (const std::string& bytes :
         team.all({reinterpret_cast<const char*>(heads.data()), heads.size() * sizeof(double)}, "losses"))
      heads_.push_back(read_heads(bytes, numbers, places_.size()));
  }

  Result total() && {
    const PartRange own = team_.share(elements_);
    const SliceSum<T> sum = add_own_slice();
    if (sum.places == nullptr) return Result();  // nobody had a part
    Tensor<T, 1> all({elements_});
    T* const values = all.mutable_data();
    std::copy_n(sum.values, own.end - own.begin, values + own.begin);
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (Index k = 0; k < team_.size(); ++k) {
      if (k == team_.rank()) continue;
      out.push_back({k, bytes_of(values, own)});
      in.push_back({k, bytes_of(values, team_.share_of(k, elements_))});
    }
    team_.exchange(out, in, "sums of gradients");
    Result result;
    const auto numbers = result.numbers();
    for (std::size_t n = 0; n < numbers.size(); ++n) *numbers[n] = sum.head.numbers[n];
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const MemberPlace& place = places_[i];
      if (sum.head.weights[i] == 0) continue;
      Tensor<T, 1> member({place.size});
      std::copy_n(values + place.begin, place.size, member.mutable_data());
      if (place.buffer)
        result.gradients.set_next(place.member, std::move(member), sum.head.weights[i]);
      else
        result.gradients.add(place.member, member);
    }
    return result;
  }

 private:
  static std::span<std::byte> bytes_of(T* values, PartRange range) {
    return std::as_writable_bytes(std::span(values + range.begin, static_cast<std::size_t>(range.end - range.begin)));
  }

  /// All elements of a root, 0 for those of members that have no value.
  Tensor<T, 1> flat(const Gradients<T>& gradients) const {
    Tensor<T, 1> values({elements_});
    T* to = values.mutable_data();
    for (const MemberPlace& place : places_) {
      const Tensor<T, 1>* member = gradients.find(place.member);
      to = member ? std::copy_n(member->data(), place.size, to) : std::fill_n(to, place.size, T(0));
    }
    return values;
  }

  /// Adds this process's slice of everyone's roots. The values of the sum are in own_ or received_.
  SliceSum<T> add_own_slice() {
    const PartRange own = team_.share(elements_);
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    std::vector<T*> slices;  // of everyone's roots, in order
    for (Index k = 0; k < team_.size(); ++k) {
      if (k == team_.rank()) {
        for (auto& root : own_) slices.push_back(root.mutable_data() + own.begin);
        continue;
      }
      for (auto& root : own_) out.push_back({k, bytes_of(root.mutable_data(), team_.share_of(k, elements_))});
      for (std::size_t i = 0; i < heads_[static_cast<std::size_t>(k)].size(); ++i) {
        slices.push_back(received_.emplace_back(Shape<1>{own.end - own.begin}).mutable_data());
        in.push_back({k, bytes_of(slices.back(), {0, own.end - own.begin})});
      }
    }
    team_.exchange(out, in, "gradients");
    TreeSum<SliceSum<T>> sum;
    auto slice = slices.cbegin();
    for (auto& roots : heads_)
      for (RootHead& head : roots) {
        const Index begin = head.begin, size = head.size;
        sum.append({begin, size, {&places_, own, *slice++, std::move(head)}});
      }
    return std::move(sum).total();
  }

  const Team& team_;
  std::vector<MemberPlace> places_;
  Index elements_;
  std::vector<Tensor<T, 1>> own_;             ///< of this process's roots, all elements
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
  return detail::GradientSum<T, Result>(team, own, module).total();
}

}  // namespace paser::distributed
#include "paser/core/macros_on.inc"
