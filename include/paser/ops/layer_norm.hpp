#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/layer_norm.hpp"

namespace paser {

/// Settings of a layer norm.
struct LayerNormOptions {
  double eps = 1e-5;  ///< added to the variance
};

namespace detail {

/// The result, and the statistics of every row in three rows of one tensor.
template <class T, int Rank>
struct LayerNormalization {
  Tensor<T, Rank> y;
  Tensor<T, 2> statistics;
};

template <class T>
kernels::RowStatistics<T> row_statistics(Tensor<T, 2>& s) {
  const Index rows = s.shape()[1];
  T* const first = s.mutable_data();
  return {first, first + rows, first + 2 * rows};
}

template <class T, int Rank>
LayerNormalization<T, Rank> layer_normalization(const Tensor<T, Rank>& x, const Tensor<T, 1>& weight,
                                                const Tensor<T, 1>& bias, const LayerNormOptions& options) {
  const Index n = x.shape().last();
  check(x.numel() > 0, "layer_norm", "input ", x.shape(), " is empty");
  check(weight.numel() == n && bias.numel() == n, "layer_norm", "the last axis of input ", x.shape(), " has ", n,
        " elements, weight has ", weight.numel(), " and bias ", bias.numel());
  check<ValueError>(is_finite_from_0(options.eps), "layer_norm", "eps must be finite and not negative, got ",
                    value_text(options.eps));
  const Index rows = x.numel() / n;
  LayerNormalization<T, Rank> r{Tensor<T, Rank>(x.shape()), Tensor<T, 2>({3, rows})};
  kernels::layer_norm_forward(rows, n, options.eps, x.data(), weight.data(), bias.data(), row_statistics(r.statistics),
                              r.y.mutable_data());
  return r;
}

}  // namespace detail

/// Layer normalisation (Ba et al. 2016; torch.nn.functional.layer_norm) over the last axis: mean 0 and (biased)
/// variance 1 for every row, then * weight + bias. x: (..., D), weight, bias: (D) -> (..., D). Throws ShapeError when a
/// size is not D.
template <class T, int Rank>
Tensor<T, Rank> layer_norm(const Tensor<T, Rank>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                           const LayerNormOptions& options = {}) {
  return detail::layer_normalization(x, weight, bias, options).y;
}

/// The same value, recorded. Keeps x, weight and three numbers per row.
template <class T, int Rank>
Var<T, Rank> layer_norm(const Var<T, Rank>& x, const Var<T, 1>& weight, const Var<T, 1>& bias,
                        const LayerNormOptions& options = {}) {
  auto r = detail::layer_normalization(x.value(), weight.value(), bias.value(), options);
  return record(std::move(r.y), {x, weight, bias},
                [statistics = std::move(r.statistics), x = x.value(), weight = weight.value()](
                    const Tensor<T, Rank>& dy, GradientSink<T>& grad) mutable {
                  const Index n = x.shape().last(), rows = statistics.shape()[1];
                  const auto s = detail::row_statistics(statistics);
                  if (grad.wants(0)) {
                    Tensor<T, Rank> dx(x.shape());
                    kernels::layer_norm_backward_input(rows, n, x.data(), weight.data(), s, dy.data(),
                                                       dx.mutable_data());
                    grad.add(0, std::move(dx));
                  }
                  if (!grad.wants(1) && !grad.wants(2)) return;
                  Tensor<T, 1> dweight({n}), dbias({n});
                  kernels::layer_norm_backward_weights(rows, n, x.data(), s, dy.data(), dweight.mutable_data(),
                                                       dbias.mutable_data());
                  grad.add(1, std::move(dweight));
                  grad.add(2, std::move(dbias));
                });
}

/// Counted: five for each element.
template <int Rank>
Counted<Rank> layer_norm(const Counted<Rank>& x, const Counted<1>&, const Counted<1>&, const LayerNormOptions& = {}) {
  return x.then(x.shape(), "layer_norm", {5, x.shape().numel()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
