#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <optional>

#include "paser/kernels/conv/relu_max_pool.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/max_pool2d.hpp"
#include "paser/ops/relu.hpp"

namespace paser::nn {

/// What follows a convolution and its batch norm. Value: Tensor<T, 4> or Var<T, 4>.
template <class Value>
struct AfterNorm {
  const Value* addend = nullptr;     ///< added, with the shape of the result; null for none
  bool relu = false;                 ///< then max(0, .)
  std::optional<Pool2dSpec> pool{};  ///< then a max-pool
};

/// norm(conv(x)), + addend, ReLU and max-pool as asked. (N, H, W, C) -> (N, H', W', K).
template <class Context>
Image<Context> conv_batch_norm(Context& ctx, const Conv2d<typename Context::Scalar>& conv,
                               const BatchNorm<typename Context::Scalar>& norm, const Image<Context>& x,
                               const std::type_identity_t<AfterNorm<Image<Context>>>& after = {}) {
  Image<Context> y = norm(ctx, conv(ctx, x));
  if (after.addend) y = add(y, *after.addend);
  if (after.relu) y = relu(y);
  return after.pool ? max_pool2d(y, *after.pool) : y;
}

namespace detail {

/// A convolution that includes the batch norm after it.
template <class T>
struct FoldedConv {
  Tensor<T, 4> weight;
  Tensor<T, 1> bias;
};

/// norm by its running statistics is a scale and an offset per channel, which the weights and the bias take up.
template <class T>
FoldedConv<T> fold(const Conv2d<T>& conv, const BatchNorm<T>& norm) {
  const Index k = conv.weight.value.shape().c();
  check(norm.weight.value.numel() == k, "conv_batch_norm", "a convolution to ", k, " channels before a norm of ",
        norm.weight.value.numel());
  FoldedConv<T> folded{Tensor<T, 4>(conv.weight.value.shape()), Tensor<T, 1>({k})};
  std::vector<double> scale(static_cast<std::size_t>(k));
  T* const bias = folded.bias.mutable_data();
  for (Index i = 0; i < k; ++i) {
    const auto at = [i](const auto& p) { return static_cast<double>(p.value.data()[i]); };
    const double s = at(norm.weight) / std::sqrt(at(norm.running_var) + norm.spec.eps);
    const double before = conv.bias.value.empty() ? 0 : at(conv.bias);
    scale[static_cast<std::size_t>(i)] = s;
    bias[i] = static_cast<T>(at(norm.bias) + (before - at(norm.running_mean)) * s);
  }
  const T* const from = conv.weight.value.data();
  T* const to = folded.weight.mutable_data();
  for (Index i = 0; i < folded.weight.numel(); ++i)
    to[i] = static_cast<T>(static_cast<double>(from[i]) * scale[static_cast<std::size_t>(i % k)]);
  return folded;
}

}  // namespace detail

/// The same in a run without a tape: with frozen statistics the norm is folded into the weights and everything that
/// follows is done as the convolution writes its result. Differs from the separate steps by rounding alone.
template <class T>
Tensor<T, 4> conv_batch_norm(EvalContext<T>& ctx, const Conv2d<T>& conv, const BatchNorm<T>& norm,
                             const Tensor<T, 4>& x, const std::type_identity_t<AfterNorm<Tensor<T, 4>>>& after = {}) {
  if (ctx.mode.batch_statistics || (norm.spec.relu && after.addend)) {
    Tensor<T, 4> y = norm(ctx, conv(ctx, x));
    if (after.addend) y = add(y, *after.addend);
    if (after.relu) y = relu(y);
    return after.pool ? max_pool2d(y, *after.pool) : y;
  }
  const detail::FoldedConv<T> folded = detail::fold(conv, norm);
  const auto s = paser::detail::conv2d_shape(x.shape(), folded.weight.shape(), conv.spec);
  const bool with_relu = after.relu || norm.spec.relu;
  if (with_relu && after.pool && !after.addend && kernels::fuses_with_pool(s)) {
    const auto pool = kernels::pool_shape("max_pool2d", Shape<4>{s.n, s.out_h(), s.out_w(), s.k}, *after.pool);
    Tensor<T, 4> y({s.n, pool.out_h, pool.out_w, s.k});
    kernels::conv2d_relu_max_pool(s, pool, x.data(), folded.weight.data(), folded.bias.data(), y.mutable_data());
    return y;
  }
  Tensor<T, 4> y({s.n, s.out_h(), s.out_w(), s.k});
  if (after.addend) check_same_shape("conv_batch_norm", y, *after.addend);
  kernels::conv2d_forward(s, kernels::ConvInput<T>(x.data(), s.c), folded.weight.data(),
                          kernels::ConvEpilogue<T>{.bias = folded.bias.data(),
                                                   .addend = after.addend ? after.addend->data() : nullptr,
                                                   .addend_images = s.n,
                                                   .relu = with_relu},
                          y.mutable_data());
  return after.pool ? max_pool2d(y, *after.pool) : y;
}

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
