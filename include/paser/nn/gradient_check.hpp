#pragma once
#include "paser/core/macros_off.inc"

#include <limits>
#include <string>
#include <tuple>

#include "paser/autograd/gradient_check.hpp"
#include "paser/nn/visit.hpp"

namespace paser::nn {

/// gradient_check of a module in double: every input and every parameter, in one run of the given mode and key. The
/// differences run the module on plain tensors, so the check also fails when its recorded and its unrecorded forward
/// are two different functions, and when there is nothing to compare. Throws ValueError when options.samples is below
/// 1. Call as module(ctx, inputs...).
template <class Module, int... Ranks>
GradientCheck gradient_check(const Module& module, Mode mode, Key key, const GradientCheckOptions& options,
                             const Tensor<double, Ranks>&... inputs) {
  paser::detail::check_samples(options);
  Module copy = module;
  const auto forward = [&](const auto&... in) {
    EvalContext<double> ctx(mode, key);
    return copy(ctx, in...);
  };
  TapeContext<double> ctx(mode, key);
  const std::tuple<Var<double, Ranks>...> vars{ctx.tape().variable(inputs)...};
  const auto y = std::apply([&](const auto&... in) { return copy(ctx, in...); }, vars);
  const auto weight = uniform<double>(options.key, y.shape(), -1, 1);
  const Gradients<double> gradients = ctx.backward(y, weight);

  GradientCheck result;
  const auto value = forward(inputs...);
  const double apart =
      value.shape() == y.shape() ? max_abs_difference(value, y.value()) : std::numeric_limits<double>::infinity();
  if (!(apart <= options.tolerance)) return {false, apart, "the recorded and the unrecorded output differ"};

  const auto check_input = [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
    const auto run = [&](Index i, double step) {
      std::tuple<Tensor<double, Ranks>...> moved_inputs(inputs...);
      auto& in = std::get<K>(moved_inputs);
      in = paser::detail::moved(in, i, step);
      return std::apply(forward, moved_inputs);
    };
    const auto& var = std::get<K>(vars);
    paser::detail::compare_gradient(
        message("input ", K), var.value(), ctx.tape().gradient(var), options, result,
        [&](Index i, double step) { return paser::detail::weighted_difference(weight, run(i, step), run(i, -step)); });
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (check_input(std::integral_constant<std::size_t, I>{}), ...);
  }
  (std::index_sequence_for<Tensor<double, Ranks>...>{});

  walk_parameters(copy, [&](const std::string& path, auto& p) {
    const auto original = p.value;
    const auto run = [&](Index i, double step) {
      p.value = paser::detail::moved(original, i, step);
      auto moved_output = forward(inputs...);
      p.value = original;
      return moved_output;
    };
    paser::detail::compare_gradient(path, original, gradients.of(p), options, result, [&](Index i, double step) {
      return paser::detail::weighted_difference(weight, run(i, step), run(i, -step));
    });
  });
  return paser::detail::found_in_all(std::move(result), weight.numel());
}

/// The same with default options.
template <class Module, int... Ranks>
GradientCheck gradient_check(const Module& module, Mode mode, Key key, const Tensor<double, Ranks>&... inputs) {
  return gradient_check(module, mode, key, GradientCheckOptions{}, inputs...);
}

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
