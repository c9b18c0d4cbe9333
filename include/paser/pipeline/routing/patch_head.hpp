#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <vector>

#include "paser/autograd/count_context.hpp"
#include "paser/nn/linear.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/relu.hpp"

namespace paser::pipeline {

/// What routers judge a patch by: its statistics (uncertainty::patch_statistics), standardised, through one hidden
/// layer of ReLUs. A patch is judged by itself, so that the grid may be any. Means, deviations and the unit of the
/// outputs are stored beside the weights.
template <class T = float>
struct PatchHead {
  using Scalar = T;

  Buffer<T, 1> mean, deviation;  ///< of the statistics, F
  Buffer<T, 1> unit;             ///< 1: what an output of one means
  nn::Linear<T> hidden, out;

  /// Random weights; means 0, deviations and unit 1. Throws ShapeError unless all counts are positive.
  PatchHead(Index features, Index width, Index outputs, Key key)
      : mean{Tensor<T, 1>::zeros({features})},
        deviation{Tensor<T, 1>::full({features}, T(1))},
        unit{Tensor<T, 1>::full({1}, T(1))},
        hidden(features, width, key.fold(0)),
        out(width, outputs, key.fold(1)) {}

  Index features() const { return hidden.weight.value.shape()[0]; }  ///< Statistics that it reads.
  Index width() const { return hidden.weight.value.shape()[1]; }     ///< Hidden units.
  Index outputs() const { return out.weight.value.shape()[1]; }      ///< Numbers that it gives for a patch.

  /// Means and deviations of these rows (R, F); a statistic that never varies is left as it is.
  void standardise(const Tensor<T, 2>& rows) {
    check(rows.shape()[1] == features() && rows.shape()[0] >= 1, "PatchHead", "rows ", rows.shape(), ", expected (R,",
          features(), ") of at least one patch");
    const Index n = rows.shape()[0];
    T *const m = mean.value.mutable_data(), *const d = deviation.value.mutable_data();
    for (Index f = 0; f < features(); ++f) {
      double sum = 0, squares = 0;
      for (Index i = 0; i < n; ++i) sum += static_cast<double>(rows.data()[i * features() + f]);
      const double centre = sum / static_cast<double>(n);
      for (Index i = 0; i < n; ++i)
        squares += std::pow(static_cast<double>(rows.data()[i * features() + f]) - centre, 2);
      const double spread = std::sqrt(squares / static_cast<double>(n));
      m[f] = static_cast<T>(centre);
      d[f] = spread > 1e-6 ? static_cast<T>(spread) : T(1);
    }
  }

  /// (R, F) -> (R, outputs), in units. Statistics beyond 6 deviations count as 6: what was never seen says no more.
  template <class Context>
  auto operator()(Context& ctx, const Tensor<T, 2>& rows) const {
    check(rows.shape()[1] == features(), "PatchHead", "rows ", rows.shape(), ", expected (R,", features(), ")");
    Tensor<T, 2> x(rows.shape());
    T* const to = x.mutable_data();
    for (Index i = 0; i < rows.numel(); ++i) {
      const Index f = i % features();
      to[i] = std::clamp((rows.data()[i] - mean.value.data()[f]) / deviation.value.data()[f], T(-6), T(6));
    }
    return out(ctx, relu(hidden(ctx, ctx.constant(std::move(x)))));
  }

  /// Multiply-accumulates on so many patches.
  Operations operations(Index patches) const {
    Operations count;
    count.add("linear", patches * width() * (features() + outputs()));
    return count;
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("mean", self.mean);
    f("deviation", self.deviation);
    f("unit", self.unit);
    f("hidden", self.hidden);
    f("out", self.out);
  }
};

/// Numbers that a head holds, from its sizes.
constexpr Index patch_head_numbers(Index features, Index width, Index outputs) {
  return 2 * features + 1 + width * (features + 1) + outputs * (width + 1);
}

/// One head whose outputs are the means of those of several heads of one standardisation: their hidden layers side by
/// side. Throws ShapeError when the heads differ in features, outputs or standardisation, or there is none.
template <class T>
PatchHead<T> average_heads(const std::vector<PatchHead<T>>& heads) {
  check(!heads.empty(), "average_heads", "there is no head");
  const Index features = heads[0].features(), outputs = heads[0].outputs();
  Index width = 0;
  for (const auto& h : heads) {
    const auto same = [](const Buffer<T, 1>& a, const Buffer<T, 1>& b) {
      return std::equal(a.value.values().begin(), a.value.values().end(), b.value.values().begin(),
                        b.value.values().end());
    };
    check(h.features() == features && h.outputs() == outputs && same(h.mean, heads[0].mean) &&
              same(h.deviation, heads[0].deviation) && same(h.unit, heads[0].unit),
          "average_heads", "a head of ", h.features(), " features and ", h.outputs(), " outputs beside one of ",
          features, " and ", outputs, ", or of another standardisation");
    width += h.width();
  }
  PatchHead<T> all(features, width, outputs, Key{});
  all.mean = heads[0].mean;
  all.deviation = heads[0].deviation;
  all.unit = heads[0].unit;
  const T share = T(1) / static_cast<T>(heads.size());
  T *const w1 = all.hidden.weight.value.mutable_data(), *const b1 = all.hidden.bias.value.mutable_data(),
           *const w2 = all.out.weight.value.mutable_data(), *const b2 = all.out.bias.value.mutable_data();
  std::fill_n(b2, outputs, T(0));
  Index at = 0;
  for (const auto& h : heads) {
    for (Index f = 0; f < features; ++f)
      std::copy_n(h.hidden.weight.value.data() + f * h.width(), h.width(), w1 + f * width + at);
    std::copy_n(h.hidden.bias.value.data(), h.width(), b1 + at);
    for (Index i = 0; i < h.width() * outputs; ++i) w2[at * outputs + i] = share * h.out.weight.value.data()[i];
    for (Index o = 0; o < outputs; ++o) b2[o] += share * h.out.bias.value.data()[o];
    at += h.width();
  }
  return all;
}

/// The patches of a policy's state as rows, (N, P, F) -> (N * P, F). Throws ShapeError when the state holds none.
template <class T>
Tensor<T, 2> patch_rows(const Tensor<T, 3>& statistics) {
  const Shape<3>& s = statistics.shape();
  check(s.numel() > 0, "patch_rows", "the state holds no statistics of the patches");
  return statistics.reshape(Shape<2>{s[0] * s[1], s[2]});
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
