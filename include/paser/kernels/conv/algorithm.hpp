#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/text.hpp"
#include "paser/kernels/conv/shape.hpp"

/// Which algorithm computes a convolution, and the names of the algorithms.
namespace paser {

namespace detail {
inline const std::vector<std::string>& conv_algorithm_names() {
  static const std::vector<std::string> names{"automatic", "direct", "winograd_2x2", "winograd_4x4"};
  return names;
}
}  // namespace detail

/// "automatic", "direct", "winograd_2x2" or "winograd_4x4".
inline const std::string& name(ConvAlgorithm algorithm) {
  return detail::conv_algorithm_names()[static_cast<std::size_t>(algorithm)];
}

/// The algorithm of that name. Throws ValueError for any other.
inline ConvAlgorithm conv_algorithm(std::string_view name) {
  const auto& names = detail::conv_algorithm_names();
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) throw ValueError(unknown_name("convolution algorithm", name, names));
  return static_cast<ConvAlgorithm>(at - names.begin());
}

namespace kernels {

/// Which of the three calculations of a convolution.
enum class ConvDirection { forward, backward_input, backward_weight };

namespace winograd {
/// True when Winograd's algorithm can compute the convolution.
constexpr bool applies(const ConvShape& s) {
  const auto &stride = s.options.stride, &padding = s.options.padding, &dilation = s.options.dilation;
  const auto in_window = [](Index p) { return p >= 0 && p <= 2; };
  return s.r == 3 && s.s == 3 && stride[0] == 1 && stride[1] == 1 && dilation[0] == 1 && dilation[1] == 1 &&
         s.options.groups == 1 && in_window(padding[0]) && in_window(padding[1]) && s.out_h() > 0 && s.out_w() > 0;
}

/// True for a dilated 3x3 convolution that keeps the size of the image: see phase_shape.
constexpr bool splits_into_phases(const ConvShape& s) {
  const auto &stride = s.options.stride, &padding = s.options.padding, &dilation = s.options.dilation;
  return s.r == 3 && s.s == 3 && stride[0] == 1 && stride[1] == 1 && dilation[0] * dilation[1] > 1 &&
         dilation[0] * dilation[1] <= largest_setting && padding[0] == dilation[0] && padding[1] == dilation[1] &&
         s.options.groups == 1;
}

/// The plain convolution that such a dilated one is of the phases of its images, all in one batch.
constexpr ConvShape phase_shape(const ConvShape& s) {
  const auto& d = s.options.dilation;
  ConvShape phases = s;
  phases.n = s.n * d[0] * d[1];
  phases.h = (s.h + d[0] - 1) / d[0];
  phases.w = (s.w + d[1] - 1) / d[1];
  phases.options.padding = phases.options.dilation = {1, 1};
  return phases;
}
}  // namespace winograd

/// True when `algorithm` can compute the convolution.
constexpr bool computes(ConvAlgorithm algorithm, const ConvShape& shape) {
  return algorithm == ConvAlgorithm::automatic || algorithm == ConvAlgorithm::direct || winograd::applies(shape) ||
         winograd::splits_into_phases(shape);
}

/// The algorithm of a calculation in T: in double direct summation, in float the one that the settings name, or the one
/// that should be fastest by a model of their times on this instruction set. Only the shape matters, not the number of
/// threads, so results keep their bits.
template <class T>
ConvAlgorithm algorithm_of(const ConvShape& s, ConvDirection direction);

/// The algorithm for one direction of a convolution in float.
inline ConvAlgorithm choose_algorithm(const ConvShape& s, ConvDirection direction) {
  return algorithm_of<float>(s, direction);
}

}  // namespace kernels
}  // namespace paser

#ifndef PASER_COMPILED
#include "paser/kernels/conv/cost_model.hpp"

template <class T>
paser::ConvAlgorithm paser::kernels::algorithm_of(const ConvShape& s, ConvDirection direction) {
  return std::is_same_v<T, float> ? detail::plan_convolution(s, direction).algorithm : ConvAlgorithm::direct;
}
#endif
#include "paser/core/macros_on.inc"
