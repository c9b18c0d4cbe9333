#pragma once
#include "paser/core/macros_off.inc"

#include <optional>
#include <utility>
#include <vector>

#include "paser/autograd/counted.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/batch_norm.hpp"
#include "paser/ops/concatenated_maps.hpp"
#include "paser/ops/gelu.hpp"
#include "paser/ops/hardswish.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/ops/relu.hpp"
#include "paser/ops/relu6.hpp"

/// Convolutions that wait for what follows them. A model says relu(instance_norm(conv2d(concat_channels(a, b)))) of
/// deferred maps; the concatenation and the norms before the convolution are then done while it reads, its bias, the
/// addend, the activation and the statistics of the norm after it while it writes.
namespace paser {

template <class V>
struct DeferredConv;

namespace detail {

/// What carries a tensor of another rank in the same kind of run.
template <class V, int Rank>
struct OfRank;
template <class T, int From, int Rank>
struct OfRank<Tensor<T, From>, Rank> {
  using type = Tensor<T, Rank>;
};
template <class T, int From, int Rank>
struct OfRank<Var<T, From>, Rank> {
  using type = Var<T, Rank>;
};
template <int From, int Rank>
struct OfRank<Counted<From>, Rank> {
  using type = Counted<Rank>;
};

template <class V>
DeferredNorm<V> run(const DeferredConv<V>& x);

/// A batch norm that has its statistics, and is not recorded before it is known what follows it.
template <class V>
struct UnrecordedBatchNorm {
  GroupedNormalization<typename V::Scalar> norm;
  typename OfRank<V, 1>::type weight, bias;
};

}  // namespace detail

/// A convolution that has not run, and what is to follow it, in this order: a norm, an addend, an activation. It runs
/// when it converts to a map. Without a kernel the map itself stands in place of the convolution's result.
template <class V>
struct DeferredConv {
  using Scalar = typename V::Scalar;

  /// The operands beside the map: V of rank 4 and of rank 1.
  struct Kernel {
    V weight;                                                 ///< (R, S, C / groups, K)
    std::optional<typename detail::OfRank<V, 1>::type> bias;  ///< (K)
    Conv2dOptions options{};
    FilterCache<Scalar>* cache = nullptr;  ///< may keep transformed weights for further calls
  };

  ConcatenatedMaps<V> input;
  std::optional<Kernel> kernel{};
  std::optional<InstanceNormOptions> norm{};
  std::optional<detail::UnrecordedBatchNorm<V>> batch_norm{};  ///< of a recorded map; deferred_batch_norm sets it
  std::optional<V> addend{};
  std::optional<Activation> activation{};

  DeferredConv(const ConcatenatedMaps<V>& x, Kernel k) : input(detail::readable(x)), kernel(std::move(k)) {
    if (kernel->bias) detail::check_conv2d_bias(kernel->weight.shape(), kernel->bias->shape());
  }
  /// What is there already.
  DeferredConv(V map) : input(std::move(map)) {}

  /// Nothing follows the convolution yet.
  bool bare() const { return kernel && !norm && !batch_norm && !addend && !activation; }

  operator DeferredNorm<V>() const { return detail::run(*this); }
};

namespace detail {

/// Records y = the convolution of x. Inputs 0 and 1 are the maps, 2 the weight, 3 the bias.
template <class T>
Var<T, 4> record_convolution(Tensor<T, 4> y, const DeferredConv<Var<T, 4>>& conv) {
  const ConcatenatedMaps<Var<T, 4>>& x = conv.input;
  const auto& k = *conv.kernel;
  const auto s = conv2d_shape(x.shape(), k.weight.shape(), k.options);
  const Var<T, 4> second = x.second ? x.second->raw() : Var<T, 4>(Tensor<T, 4>());
  const Var<T, 1> bias = k.bias ? *k.bias : Var<T, 1>(Tensor<T, 1>());
  return record(std::move(y), {x.first.raw(), second, k.weight, bias},
                [s, x, weight = k.weight.value(), cancels = conv.norm.has_value()](const Tensor<T, 4>& dy,
                                                                                   GradientSink<T>& grad) {
                  if (grad.wants(0) || grad.wants(1)) {
                    Tensor<T, 4> dx({s.n, s.h, s.w, s.c});
                    kernels::conv2d_backward_input(s, dy.data(), weight.data(), dx.mutable_data());
                    if (x.second) {
                      const Shape<4> a = x.first.shape(), b = x.second->shape();
                      if (grad.wants(0)) grad.add(0, slice_channels(dx, a, 0));
                      if (grad.wants(1)) grad.add(1, slice_channels(dx, b, a.c()));
                    } else {
                      grad.add(0, std::move(dx));
                    }
                  }
                  if (grad.wants(2)) {
                    Tensor<T, 4> dweight(weight.shape());
                    read(x, [&, out = dweight.mutable_data()](const auto& input) {
                      kernels::conv2d_backward_weight(s, input, dy.data(), out);
                    });
                    grad.add(2, std::move(dweight));
                  }
                  if (!grad.wants(3)) return;
                  auto dbias = Tensor<T, 1>::zeros({s.k});
                  if (!cancels) kernels::sum_per_channel(dy.numel() / s.k, s.k, dy.data(), dbias.mutable_data());
                  grad.add(3, std::move(dbias));
                });
}

/// The norm after a convolution with these moments.
template <class T>
std::shared_ptr<const Normalization<T>> norm_of(const Shape<4>& y, ConvMoments m, double eps, bool relu) {
  check(y.numel() > 0, "instance_norm", "the result ", y, " of the convolution is empty");
  return std::make_shared<const Normalization<T>>(normalization<T>({y.n(), y.h() * y.w(), y.c()}, std::move(m.mean),
                                                                   std::move(m.variance), {}, {}, eps, relu_if(relu)));
}

/// True when the instance norm takes the ReLU along.
template <class V>
bool norm_with_relu(const DeferredConv<V>& x) {
  return x.norm && x.activation == Activation::relu && !x.addend;
}

/// The convolution and its norm; for plain tensors also the steps that `done` says.
template <class T>
DeferredNorm<Tensor<T, 4>> convolved(const DeferredConv<Tensor<T, 4>>& x, bool& done) {
  using Map = DeferredNorm<Tensor<T, 4>>;
  const auto& [weight, given_bias, options, cache] = *x.kernel;
  Map first = x.input.first;
  std::optional<Map> second = x.input.second;
  if (first.repeats() > 1 && !second) first = materialize(first);
  if (second && second->repeats() > 1) second = materialize(*second);
  const T* const bias = given_bias && !x.norm ? given_bias->data() : nullptr;
  const bool shared = second && first.repeats() > 1 && options.groups == 1;
  if (!shared && first.repeats() > 1) first = materialize(first);
  ConvMoments moments;
  ConvMoments* const wanted = x.norm ? &moments : nullptr;
  done = x.norm ? !x.addend && (!x.activation || x.activation == Activation::relu) : !shared;
  kernels::ConvEpilogue<T> epilogue{.bias = bias};
  if (!x.norm && !shared) {
    if (x.addend) {
      epilogue.addend = x.addend->data();
      epilogue.addend_images = x.addend->shape().n();
      const auto s = conv2d_shape(x.input.shape(), weight.shape(), options);
      check(x.addend->shape() == Shape<4>{s.n, s.out_h(), s.out_w(), s.k}, "add", "an addend ", x.addend->shape(),
            " to a convolution of ", x.input.shape(), " by ", weight.shape());
    }
    epilogue.relu = x.activation == Activation::relu || x.activation == Activation::relu6;
    if (x.activation == Activation::relu6) epilogue.highest = T(6);
    if (!epilogue.relu) epilogue.activation = x.activation;
  }
  auto y =
      shared ? convolve_shared(first, *second, weight, options, bias, wanted)
             : convolve(second ? ConcatenatedMaps<Tensor<T, 4>>(first, *second) : ConcatenatedMaps<Tensor<T, 4>>(first),
                        weight, options, epilogue, wanted, cache);
  if (!x.norm) return y;
  auto norm = norm_of<T>(y.shape(), std::move(moments), x.norm->eps, norm_with_relu(x));
  return {std::move(y), std::move(norm)};
}
template <class T>
DeferredNorm<Var<T, 4>> convolved(const DeferredConv<Var<T, 4>>& x, bool& done) {
  const auto& k = *x.kernel;
  check<ValueError>(x.input.first.repeats() == 1, "conv2d", "repeated images are not recorded");
  done = norm_with_relu(x);
  ConvMoments moments;
  const T* const bias = k.bias && !x.norm ? k.bias->value().data() : nullptr;
  const Var<T, 4> y = record_convolution(convolve(x.input, k.weight.value(), k.options,
                                                  kernels::ConvEpilogue<T>{.bias = bias}, x.norm ? &moments : nullptr),
                                         x);
  if (!x.norm) return y;
  const auto norm = norm_of<T>(y.shape(), std::move(moments), x.norm->eps, norm_with_relu(x));
  return {record(y.value(), {y},
                 [norm, raw = y.value()](const Tensor<T, 4>& dz, GradientSink<T>& grad) {
                   instance_norm_backward(*norm, raw, dz, grad);
                 }),
          norm};
}
/// Counted as its parts, and concatenation and ReLU as free.
inline DeferredNorm<Counted<4>> convolved(const DeferredConv<Counted<4>>& x, bool& done) {
  done = false;
  const auto& k = *x.kernel;
  const Counted<4> first = materialize(x.input.first);
  const Counted<4> y =
      conv2d(x.input.second ? concat_channels(first, materialize(*x.input.second)) : first, k.weight, k.options);
  return x.norm ? instance_norm(y, *x.norm) : y;
}

/// The batch norm, and the activation where it takes that along.
template <class T>
Var<T, 4> batch_normalised(const DeferredConv<Var<T, 4>>& x, bool& done) {
  GroupedNormalization<T> norm = x.batch_norm->norm;
  done = !x.addend && x.activation && kernels::fits_channel_map(*x.activation);
  if (done) norm.n.activation = x.activation;
  return record_batch_norm(std::move(norm), materialize(x.input.first), x.batch_norm->weight, x.batch_norm->bias);
}

/// What stands in place of a convolution's result, and its norm.
template <class V>
DeferredNorm<V> normalised(const DeferredConv<V>& x, bool& done) {
  if constexpr (std::is_same_v<V, Var<typename V::Scalar, 4>>)
    if (x.batch_norm) return batch_normalised(x, done);
  if (!x.norm) return x.input.first;
  return instance_norm(materialize(x.input.first), InstanceNormOptions{x.norm->eps});
}

template <class V>
DeferredNorm<V> run(const DeferredConv<V>& x) {
  bool done = false;
  DeferredNorm<V> y = x.kernel ? convolved(x, done) : normalised(x, done);
  if (done || (!x.addend && !x.activation)) return y;
  V result = materialize(y);
  if (x.addend) result = add(result, *x.addend);
  return x.activation ? activate(*x.activation, result) : result;
}

/// The activation behind all else.
template <class V>
DeferredConv<V> followed_by(DeferredConv<V> x, Activation f) {
  const bool as_once = f == Activation::relu || f == Activation::relu6;
  if (as_once && x.activation == f) return x;
  if (x.activation) x = materialize(x);
  x.activation = f;
  return x;
}

template <class V>
DeferredNorm<V> run_and_pool(const DeferredConv<V>& x, const Pool2dOptions& options) {
  return max_pool2d(run(x), options);
}
/// Where a convolution has few taps, its ReLU and the pooling are done as it writes.
template <class T>
DeferredNorm<Tensor<T, 4>> run_and_pool(const DeferredConv<Tensor<T, 4>>& x, const Pool2dOptions& options) {
  const bool fits = x.kernel && !x.norm && !x.addend && x.activation == Activation::relu && !x.input.second &&
                    !x.input.first.norm() && x.input.first.repeats() == 1;
  const auto s =
      fits ? conv2d_shape(x.input.shape(), x.kernel->weight.shape(), x.kernel->options) : kernels::ConvShape{};
  if (!fits || !kernels::fuses_with_pool(s)) return max_pool2d(run(x), options);
  const auto pool = kernels::pool_shape("max_pool2d", Shape<4>{s.n, s.out_h(), s.out_w(), s.k}, options);
  Tensor<T, 4> y({s.n, pool.out_h, pool.out_w, s.k});
  kernels::conv2d_relu_max_pool(s, pool, x.input.first.raw().data(), x.kernel->weight.data(),
                                x.kernel->bias ? x.kernel->bias->data() : nullptr, y.mutable_data());
  return y;
}

}  // namespace detail

/// The result with nothing left to do.
template <class V>
V materialize(const DeferredConv<V>& x) {
  return materialize(detail::run(x));
}

/// conv2d of a map whose last steps are still to be done: (N, H, W, C) -> (N, H', W', K). See conv2d for plain values.
template <class V>
DeferredConv<V> conv2d(const ConcatenatedMaps<V>& x, typename DeferredConv<V>::Kernel kernel) {
  return {x, std::move(kernel)};
}

/// instance_norm of the convolution's result. The bias of the convolution cancels in the norm: it is not added, and its
/// gradient is zero.
template <class V>
DeferredConv<V> instance_norm(DeferredConv<V> x, const InstanceNormOptions& options = {}) {
  if (!x.bare()) x = materialize(x);
  x.norm = options;
  x.activation = detail::relu_if(options.relu);
  return x;
}

/// The result and an addend of its shape. Throws ShapeError when it runs and the shapes differ.
template <class V>
DeferredConv<V> add(DeferredConv<V> x, const std::type_identity_t<DeferredNorm<V>>& addend) {
  if (x.addend || x.activation) x = materialize(x);
  x.addend = materialize(addend);
  return x;
}

/// max(0, .) of the result.
template <class V>
DeferredConv<V> relu(DeferredConv<V> x) {
  return detail::followed_by(std::move(x), Activation::relu);
}

/// min(6, max(0, .)) of the result.
template <class V>
DeferredConv<V> relu6(DeferredConv<V> x) {
  return detail::followed_by(std::move(x), Activation::relu6);
}

/// hardswish of the result.
template <class V>
V hardswish(DeferredConv<V> x) {
  return materialize(detail::followed_by(std::move(x), Activation::hardswish));
}

/// gelu of the result.
template <class V>
V gelu(DeferredConv<V> x) {
  return materialize(detail::followed_by(std::move(x), Activation::gelu));
}

/// gelu_tanh of the result.
template <class V>
V gelu_tanh(DeferredConv<V> x) {
  return materialize(detail::followed_by(std::move(x), Activation::gelu_tanh));
}

/// max_pool2d of the result.
template <class V>
DeferredNorm<V> max_pool2d(const DeferredConv<V>& x, const Pool2dOptions& options = {}) {
  return detail::run_and_pool(x, options);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
