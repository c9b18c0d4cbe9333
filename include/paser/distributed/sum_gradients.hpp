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

/// Elements begin .. end - 1 of all members, of which `values` are a root's, as gradients of their own.
template <class T>
Gradients<T> slice_of(const std::vector<MemberPlace>& places, const std::vector<double>& weights, PartRange slice,
                      const T* values) {
  Gradients<T> gradients;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const MemberPlace& place = places[i];
    const Index begin = std::max(place.begin, slice.begin), end = std::min(place.begin + place.size, slice.end);
    if (begin >= end || weights[i] == 0) continue;
    Tensor<T, 1> part({end - begin});
    std::copy_n(values + begin - slice.begin, end - begin, part.mutable_data());
    if (place.buffer)
      gradients.set_next(place.member, std::move(part), weights[i]);
    else
      gradients.add(place.member, part);
  }
  return gradients;
}

/// The other way: writes the elements of a slice to `values`; those of a member that has no value are left.
template <class T>
void write_slice(const std::vector<MemberPlace>& places, const Gradients<T>& gradients, PartRange slice, T* values) {
  for (const MemberPlace& place : places) {
    const Index begin = std::max(place.begin, slice.begin), end = std::min(place.begin + place.size, slice.end);
    if (begin >= end) continue;
    if (const Tensor<T, 1>* part = gradients.find(place.member))
      std::copy_n(part->data(), end - begin, values + begin - slice.begin);
  }
}

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
      flat_.emplace_back(static_cast<std::size_t>(elements_), T(0));
      write_slice(places_, root.sum.gradients, {0, elements_}, flat_.back().data());
    }
    const std::size_t numbers = Result().numbers().size();
    for (const std::string& bytes :
         team.all({reinterpret_cast<const char*>(heads.data()), heads.size() * sizeof(double)}, "losses"))
      heads_.push_back(read_heads(bytes, numbers, places_.size()));
  }

  Result total() && {
    Result sum = add_own_slice();
    std::vector<T> all(static_cast<std::size_t>(elements_));
    const PartRange own = team_.share(elements_);
    write_slice(places_, sum.gradients, own, all.data() + own.begin);
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (Index k = 0; k < team_.size(); ++k) {
      if (k == team_.rank()) continue;
      out.push_back({k, bytes_of(all, own)});
      in.push_back({k, bytes_of(all, team_.share_of(k, elements_))});
    }
    team_.exchange(out, in, "sums of gradients");
    std::vector<double> weights(places_.size(), 0.0);
    for (const auto& roots : heads_)
      for (const RootHead& head : roots)
        for (std::size_t i = 0; i < weights.size(); ++i)
          weights[i] = places_[i].buffer ? weights[i] + head.weights[i] : std::max(weights[i], head.weights[i]);
    sum.gradients = slice_of(places_, weights, {0, elements_}, all.data());
    return sum;
  }

 private:
  static std::span<std::byte> bytes_of(std::vector<T>& values, PartRange range) {
    return std::as_writable_bytes(
        std::span(values.data() + range.begin, static_cast<std::size_t>(range.end - range.begin)));
  }

  /// Adds this process's slice of everyone's roots.
  Result add_own_slice() {
    const PartRange own = team_.share(elements_);
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    std::vector<std::vector<std::vector<T>>> slices(heads_.size());
    for (Index k = 0; k < team_.size(); ++k) {
      auto& roots = slices[static_cast<std::size_t>(k)];
      if (k == team_.rank()) {
        for (auto& root : flat_) roots.emplace_back(root.begin() + own.begin, root.begin() + own.end);
        continue;
      }
      for (auto& root : flat_) out.push_back({k, bytes_of(root, team_.share_of(k, elements_))});
      for (std::size_t i = 0; i < heads_[static_cast<std::size_t>(k)].size(); ++i)
        roots.emplace_back(static_cast<std::size_t>(own.end - own.begin));
      for (auto& root : roots) in.push_back({k, std::as_writable_bytes(std::span(root))});
    }
    team_.exchange(out, in, "gradients");
    TreeSum<Result> sum;
    for (std::size_t k = 0; k < heads_.size(); ++k)
      for (std::size_t i = 0; i < heads_[k].size(); ++i) {
        const RootHead& head = heads_[k][i];
        Result result;
        const auto numbers = result.numbers();
        for (std::size_t n = 0; n < numbers.size(); ++n) *numbers[n] = head.numbers[n];
        result.gradients = slice_of(places_, head.weights, own, slices[k][i].data());
        sum.append({head.begin, head.size, std::move(result)});
      }
    return std::move(sum).total();
  }

  const Team& team_;
  std::vector<MemberPlace> places_;
  Index elements_;
  std::vector<std::vector<T>> flat_;          ///< of this process's roots, all elements
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
