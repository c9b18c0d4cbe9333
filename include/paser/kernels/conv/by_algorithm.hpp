#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/conv/cost_model.hpp"
#include "paser/kernels/conv/depthwise/depthwise.hpp"
#include "paser/kernels/conv/direct/forward.hpp"
#include "paser/kernels/conv/direct/input_gradient.hpp"
#include "paser/kernels/conv/direct/weight_gradient.hpp"
#include "paser/kernels/conv/phases.hpp"
#include "paser/kernels/conv/plain_input.hpp"
#include "paser/kernels/conv/winograd/winograd.hpp"
#include "paser/kernels/conv2d.hpp"

/// Each convolution by the algorithm that is chosen for it.
namespace paser::kernels {

namespace detail {

/// Calls f with the side of the tiles, as a constant, if the algorithm of this convolution is Winograd's.
template <class T, class F>
bool with_winograd(const ConvShape& shape, ConvDirection direction, const F& f) {
  if constexpr (std::is_same_v<T, float>) {
    const ConvAlgorithm algorithm = choose_algorithm(shape, direction);
    if (algorithm == ConvAlgorithm::winograd_2x2) return f(std::integral_constant<int, 2>()), true;
    if (algorithm == ConvAlgorithm::winograd_4x4) return f(std::integral_constant<int, 4>()), true;
  }
  return false;
}

template <int Tile>
PreparedFilter<float> transform_filter(const ConvShape& shape, ConvAlgorithm algorithm, const float* weight) {
  const auto plane = winograd::Plane<Tile>::forward(shape);
  PreparedFilter<float> filter(shape, algorithm, winograd::FilterLayout<Tile, float>(plane).size());
  winograd::transform_whole_filter(plane, winograd::Filter<float>{weight, false}, filter.values());
  return filter;
}

}  // namespace detail

template <class T>
bool worth_preparing(const ConvShape& shape) {
  const auto plan = detail::plan_convolution(shape, ConvDirection::forward);
  if (plan.weight_share <= 0.05) return false;
  return algorithm_of<T>(shape, ConvDirection::forward) != ConvAlgorithm::direct ||
         (!depthwise::applies(shape) && direct::keeps_packed<T>(shape));
}

template <class T>
PreparedFilter<T> prepare_filter(const ConvShape& shape, const T* weight) {
  if (!worth_preparing<T>(shape)) return {};
  const ConvAlgorithm algorithm = algorithm_of<T>(shape, ConvDirection::forward);
  if constexpr (std::is_same_v<T, float>) {
    if (algorithm == ConvAlgorithm::winograd_2x2) return detail::transform_filter<2>(shape, algorithm, weight);
    if (algorithm == ConvAlgorithm::winograd_4x4) return detail::transform_filter<4>(shape, algorithm, weight);
  }
  const auto problem = direct::forward_problem(shape, weight);
  const direct::Blocking<T> b(problem);
  PreparedFilter<T> filter(shape, algorithm, problem.groups * b.blocks * b.block_size());
  direct::pack_filter(problem, b, filter.values());
  return filter;
}

template <class T>
void conv2d_forward(const ConvShape& shape, const ConvInput<T>& input,
                    const std::type_identity_t<ConvFilter<T>>& filter, const ConvEpilogue<T>& epilogue, T* y) {
  if (shape.n == 0) return;
  const auto kept = [&](ConvAlgorithm algorithm) {
    return filter.prepared ? filter.prepared->find(shape, algorithm) : nullptr;
  };
  const auto by_tiles = [&](auto tile) {
    const T* const transformed = kept(tile() == 2 ? ConvAlgorithm::winograd_2x2 : ConvAlgorithm::winograd_4x4);
    const winograd::Filter<T> weights{filter.data, false, transformed};
    ConvEpilogue<T> fused = epilogue;
    fused.activation.reset();
    if (winograd::splits_into_phases(shape))
      winograd::forward_by_phases<tile()>(shape, input, weights, fused, y);
    else
      winograd::forward<tile()>(shape, input, weights, fused, y);
    if (epilogue.activation) activate(*epilogue.activation, shape.y_size(), y, y);
  };
  if (detail::with_winograd<T>(shape, ConvDirection::forward, by_tiles)) return;
  if (!depthwise::applies(shape))
    return direct::forward(shape, input, filter.data, epilogue, y, kept(ConvAlgorithm::direct));
  Scratch<T> scratch(0);
  depthwise::forward(shape, plain_input(shape, input, scratch), filter.data, epilogue, y);
}

template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* dy, const T* weight, T* dx) {
  if (shape.n == 0) return;
  const auto by_tiles = [&](auto tile) {
    if (winograd::splits_into_phases(shape))
      winograd::backward_input_by_phases<tile()>(shape, dy, weight, dx);
    else
      winograd::backward_input<tile()>(shape, dy, weight, dx);
  };
  if (detail::with_winograd<T>(shape, ConvDirection::backward_input, by_tiles)) return;
  if (depthwise::applies(shape)) return depthwise::backward_input(shape, dy, weight, dx);
  direct::backward_input(shape, dy, weight, dx);
}

template <class T>
void conv2d_backward_weight(const ConvShape& shape, const ConvInput<T>& input, const T* dy, T* dw) {
  if (shape.n == 0) return static_cast<void>(std::fill_n(dw, shape.weight_size(), T(0)));
  const auto by_tiles = [&](auto tile) {
    if (winograd::splits_into_phases(shape))
      winograd::backward_weight_by_phases<tile()>(shape, input, dy, dw);
    else
      winograd::backward_weight<tile()>(shape, input, dy, dw);
  };
  if (detail::with_winograd<T>(shape, ConvDirection::backward_weight, by_tiles)) return;
  if (!depthwise::applies(shape)) return direct::backward_weight(shape, input, dy, dw);
  Scratch<T> scratch(0);
  depthwise::backward_weight(shape, plain_input(shape, input, scratch), dy, dw);
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
