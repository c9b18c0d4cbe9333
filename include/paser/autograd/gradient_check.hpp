#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "paser/autograd/tape.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/random.hpp"

namespace paser {

/// How a gradient is compared with its central differences.
struct GradientCheckOptions {
  double step = 1e-5;       ///< an element x is moved to x +- step * max(1, |x|)
  double tolerance = 1e-6;  ///< largest |analytic - numeric| / max(1, |analytic|, |numeric|)
  Index samples = 256;      ///< elements checked per tensor; a larger tensor is sampled by the key
  Key key{0x6C0DE};         ///< of the output's weights and of the sample
};

/// What a gradient check found.
struct GradientCheck {
  bool passed = true;  ///< false too when there was nothing to compare
  double worst = 0;    ///< the largest error, in the measure of GradientCheckOptions::tolerance
  std::string where;   ///< the element with the largest error and its two derivatives
};

namespace detail {

inline void check_samples(const GradientCheckOptions& o) {
  check<ValueError>(o.samples >= 1, "gradient_check", "expected at least 1 sample of each tensor, got ", o.samples);
}

/// What compare_gradient has found in all tensors, for an output of so many elements. A check that has compared nothing
/// proves nothing.
inline GradientCheck found_in_all(GradientCheck result, Index outputs) {
  if (result.passed && (result.where.empty() || outputs == 0))
    return {false, 0,
            outputs == 0 ? "nothing was compared: the output has no element"
                         : "nothing was compared: no input or parameter has an element"};
  return result;
}

/// Compares `gradient` with the differences of difference(i, step) = loss(x_i + step) - loss(x_i - step).
template <int Rank, class Difference>
void compare_gradient(const std::string& name, const Tensor<double, Rank>& x, const Tensor<double, Rank>& gradient,
                      const GradientCheckOptions& o, GradientCheck& result, const Difference& difference) {
  const Index count = std::min(x.numel(), o.samples);
  const auto order = count < x.numel() ? permutation(o.key.fold(1), x.numel()) : std::vector<Index>{};
  for (Index k = 0; k < count; ++k) {
    const Index i = order.empty() ? k : order[static_cast<std::size_t>(k)];
    const double analytic = gradient.data()[i], step = o.step * std::max(1.0, std::abs(x.data()[i]));
    const double numeric = difference(i, step) / (2 * step);
    double error = std::abs(analytic - numeric) / std::max({1.0, std::abs(analytic), std::abs(numeric)});
    if (is_nan(error)) error = std::numeric_limits<double>::infinity();
    if (error > result.worst || result.where.empty()) {
      result.worst = std::max(error, result.worst);
      result.where = message(name, " ", x.shape(), ", element ", i, ": analytic ", analytic, ", numeric ", numeric);
    }
  }
  result.passed = result.passed && result.worst <= o.tolerance;
}

/// sum of weight * (high - low): differences are taken element by element, where they lose the fewest digits.
template <int Rank>
double weighted_difference(const Tensor<double, Rank>& weight, const Tensor<double, Rank>& high,
                           const Tensor<double, Rank>& low) {
  double sum = 0;
  for (Index i = 0; i < weight.numel(); ++i) sum += weight.data()[i] * (high.data()[i] - low.data()[i]);
  return sum;
}

/// A copy with element i moved by `step`.
template <int Rank>
Tensor<double, Rank> moved(const Tensor<double, Rank>& x, Index i, double step) {
  Tensor<double, Rank> y = x.clone();
  y.mutable_data()[i] += step;
  return y;
}

/// The gradients of all inputs; input `only` alone is a variable when only >= 0.
template <class F, std::size_t... I, int... Ranks>
std::tuple<Tensor<double, Ranks>...> analytic_gradients(const F& f, const GradientCheckOptions& o, int only,
                                                        std::index_sequence<I...>, const Tensor<double, Ranks>&... x) {
  Tape<double> tape;
  const std::tuple<Var<double, Ranks>...> vars{only < 0 || only == static_cast<int>(I) ? tape.variable(x)
                                                                                       : Var<double, Ranks>(x)...};
  const auto y = std::apply(f, vars);
  tape.backward(y, uniform<double>(o.key, y.shape(), -1, 1));
  return {std::get<I>(vars).is_constant() ? Tensor<double, Ranks>{} : tape.gradient(std::get<I>(vars))...};
}

template <class F, std::size_t... I, int... Ranks>
GradientCheck gradient_check(const F& f, const GradientCheckOptions& o, std::index_sequence<I...> all,
                             const Tensor<double, Ranks>&... x) {
  check_samples(o);
  const auto forward = [&](const auto&... in) { return f(Var<double, Ranks>(in)...).value(); };
  const auto weight = uniform<double>(o.key, forward(x...).shape(), -1, 1);
  const auto gradients = analytic_gradients(f, o, -1, all, x...);
  const std::tuple<const Tensor<double, Ranks>&...> inputs(x...);
  GradientCheck result;
  const auto check_input = [&](auto index) {
    constexpr std::size_t k = decltype(index)::value;
    const auto& in = std::get<k>(inputs);
    const auto run = [&](Index i, double step) {
      std::tuple<Tensor<double, Ranks>...> copy(x...);
      std::get<k>(copy) = moved(in, i, step);
      return std::apply(forward, copy);
    };
    const std::string name = message("input ", k);
    compare_gradient(name, in, std::get<k>(gradients), o, result,
                     [&](Index i, double step) { return weighted_difference(weight, run(i, step), run(i, -step)); });
    if (sizeof...(Ranks) == 1) return;
    const auto alone = analytic_gradients(f, o, static_cast<int>(k), all, x...);
    if (max_abs_difference(std::get<k>(alone), std::get<k>(gradients)) != 0)
      result = {false, std::numeric_limits<double>::infinity(),
                message(name, ": another gradient when all other inputs are constants")};
  };
  (check_input(std::integral_constant<std::size_t, I>{}), ...);
  return found_in_all(std::move(result), weight.numel());
}

}  // namespace detail

/// Checks a hand-written backward: compares the gradient of sum(f(inputs...) * random) with central differences in
/// every input, and that the gradient of each input is the same when the other inputs are constants. f takes one
/// Var<double, Rank> per input and returns a Var<double, R>. Keep inputs away from kinks (ReLU at 0, ties of a max
/// pool). Throws ValueError when options.samples is below 1. The idea is that of dlib's test_layer.
template <class F, int... Ranks>
GradientCheck gradient_check(const F& f, const GradientCheckOptions& options, const Tensor<double, Ranks>&... inputs) {
  return detail::gradient_check(f, options, std::index_sequence_for<Tensor<double, Ranks>...>{}, inputs...);
}

/// The same with default options.
template <class F, int... Ranks>
GradientCheck gradient_check(const F& f, const Tensor<double, Ranks>&... inputs) {
  return gradient_check(f, GradientCheckOptions{}, inputs...);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
