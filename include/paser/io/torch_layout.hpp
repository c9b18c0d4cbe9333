#pragma once
#include "paser/core/macros_off.inc"

#include <numeric>

#include "paser/autograd/parameter.hpp"
#include "paser/io/raw_tensor.hpp"

/// Layouts at the border to PyTorch, whose images are (N,C,H,W) and whose weights have the output channel first.
namespace paser::io {

/// Axis i of the result is axis axes[i] of t. Throws ShapeError when `axes` is not an order of all axes of t.
inline RawTensor permute(const RawTensor& t, const std::vector<int>& axes) {
  const std::size_t rank = t.shape.size();
  std::vector<int> sorted = axes, natural(rank);
  std::sort(sorted.begin(), sorted.end());
  std::iota(natural.begin(), natural.end(), 0);
  check(sorted == natural, "permute", t.origin, " of shape ", t.shape_text(), " does not have the axes asked for");
  std::vector<Index> strides(rank, 1);
  for (std::size_t axis = rank; axis-- > 1;) strides[axis - 1] = strides[axis] * t.shape[axis];
  RawTensor result;
  result.dtype = t.dtype;
  result.origin = t.origin;
  std::vector<Index> steps;
  for (const int axis : axes) {
    result.shape.push_back(t.shape[static_cast<std::size_t>(axis)]);
    steps.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  const Index element = info(t.dtype).bytes, count = t.numel();
  result.bytes = Tensor<std::uint8_t, 1>({count * element});
  std::uint8_t* out = result.bytes.mutable_data();
  std::vector<Index> position(rank, 0);
  Index source = 0;
  for (Index i = 0; i < count; ++i) {
    std::memcpy(out + i * element, t.bytes.data() + source * element, static_cast<std::size_t>(element));
    for (std::size_t axis = rank; axis-- > 0;) {  // the odometer of the result's axes
      source += steps[axis];
      if (++position[axis] < result.shape[axis]) break;
      source -= position[axis] * steps[axis];
      position[axis] = 0;
    }
  }
  return result;
}

/// The same for a tensor of known type.
template <class T, int Rank>
Tensor<T, Rank> permute(const Tensor<T, Rank>& t, const std::vector<int>& axes) {
  return permute(RawTensor::of(t), axes).template as<T, Rank>();
}

/// Images (N,C,H,W) -> (N,H,W,C).
template <class T>
Tensor<T, 4> nhwc_from_nchw(const Tensor<T, 4>& x) {
  return permute(x, {0, 2, 3, 1});
}
/// Images (N,H,W,C) -> (N,C,H,W).
template <class T>
Tensor<T, 4> nchw_from_nhwc(const Tensor<T, 4>& x) {
  return permute(x, {0, 3, 1, 2});
}

using paser::WeightKind;

/// The axes of torch's tensor in the order of ours.
inline std::vector<int> axes_from_torch(WeightKind kind) {
  switch (kind) {
    case WeightKind::linear:
      return {1, 0};
    case WeightKind::conv:
      return {2, 3, 1, 0};
    case WeightKind::transposed_conv:
      return {2, 3, 0, 1};
    case WeightKind::plain:
      break;
  }
  return {};
}
/// The axes of our tensor in the order of torch's.
inline std::vector<int> axes_to_torch(WeightKind kind) {
  const auto from = axes_from_torch(kind);
  std::vector<int> to(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[static_cast<std::size_t>(from[i])] = static_cast<int>(i);
  return to;
}

/// A weight (or its gradient) in torch's layout -> ours. Throws ShapeError when the rank does not fit the kind.
inline RawTensor weight_from_torch(const RawTensor& t, WeightKind kind) {
  return kind == WeightKind::plain ? t : permute(t, axes_from_torch(kind));
}
/// A weight in our layout -> torch's.
inline RawTensor weight_to_torch(const RawTensor& t, WeightKind kind) {
  return kind == WeightKind::plain ? t : permute(t, axes_to_torch(kind));
}
template <class T, int Rank>
Tensor<T, Rank> weight_from_torch(const Tensor<T, Rank>& t, WeightKind kind) {
  return weight_from_torch(RawTensor::of(t), kind).template as<T, Rank>();
}
template <class T, int Rank>
Tensor<T, Rank> weight_to_torch(const Tensor<T, Rank>& t, WeightKind kind) {
  return weight_to_torch(RawTensor::of(t), kind).template as<T, Rank>();
}

namespace detail {

/// The counter beside the running statistics of every batch norm, of which paser's networks know nothing.
inline constexpr const char* batch_counter = ".num_batches_tracked";
inline constexpr const char* beside_counter = ".running_mean";

/// The name of the counter beside this tensor; empty where there is none.
inline std::string counter_beside(const std::string& name) {
  const std::string_view beside = beside_counter;
  return name.ends_with(beside) ? name.substr(0, name.size() - beside.size()) + batch_counter : std::string();
}

/// What that counter is of a network that does not know it: a scalar of 0 batches, as torch writes it.
inline RawTensor no_batches() {
  RawTensor counter = RawTensor::of(Tensor<std::int64_t, 1>::zeros({1}));
  counter.shape.clear();
  return counter;
}

}  // namespace detail

}  // namespace paser::io
#include "paser/core/macros_on.inc"
