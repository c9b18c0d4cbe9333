#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/linear_attention.hpp"

namespace paser {

namespace detail {

inline kernels::LinearAttentionShape linear_attention_shape(const Shape<4>& x, Index d, double eps) {
  check(d >= 1 && x.c() % (3 * d) == 0 && x.c() > 0, "relu_linear_attention", "the ", x.c(), " channels of input ", x,
        " are no groups of a query, a key and a value of ", d, " features");
  check<ValueError>(is_finite_from_0(eps), "relu_linear_attention", "eps must be finite and not negative, got ",
                    value_text(eps));
  return {x.n(), x.h() * x.w(), x.c() / (3 * d), d, eps};
}

inline Shape<4> linear_attention_result(const Shape<4>& x) {
  return {x.n(), x.h(), x.w(), x.c() / 3};
}

}  // namespace detail

/// Multi-head attention without a softmax, linear in the number of pixels (Cai et al., "EfficientViT", 2023): for every
/// head, with q and k through ReLU, y[n] = sum over m of v[m] (k[m] . q[n]) / (sum over m of k[m] . q[n] + eps).
/// qkv: (N, H, W, heads 3 d), every head d channels of the query, d of the key and d of the value in turn ->
/// (N, H, W, heads d). Throws ShapeError when the channels do not split so.
template <class T>
Tensor<T, 4> relu_linear_attention(const Tensor<T, 4>& qkv, Index d, double eps = 1e-15) {
  const auto shape = detail::linear_attention_shape(qkv.shape(), d, eps);
  Tensor<T, 4> y(detail::linear_attention_result(qkv.shape()));
  kernels::relu_linear_attention_forward(shape, qkv.data(), y.mutable_data());
  return y;
}

/// The same value, recorded. Keeps qkv.
template <class T>
Var<T, 4> relu_linear_attention(const Var<T, 4>& qkv, Index d, double eps = 1e-15) {
  return record(relu_linear_attention(qkv.value(), d, eps), {qkv},
                [qkv = qkv.value(), d, eps](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  if (!grad.wants(0)) return;
                  Tensor<T, 4> dqkv(qkv.shape());
                  kernels::relu_linear_attention_backward(detail::linear_attention_shape(qkv.shape(), d, eps),
                                                          qkv.data(), dy.data(), dqkv.mutable_data());
                  grad.add(0, std::move(dqkv));
                });
}

/// Counted as the published form: the products with [v; 1] where there are more pixels than features, else those with
/// the matrix of scores.
inline Counted<4> relu_linear_attention(const Counted<4>& qkv, Index d, double eps = 1e-15) {
  const auto s = detail::linear_attention_shape(qkv.shape(), d, eps);
  const Index macs =
      s.pixels > d ? Operations::product({2, d + 1, d, s.pixels}) : Operations::product({2, d, s.pixels, s.pixels});
  return qkv.then(detail::linear_attention_result(qkv.shape()), "matmul", {s.images, s.groups, macs});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
