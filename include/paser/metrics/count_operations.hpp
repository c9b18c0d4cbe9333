#pragma once

#include "paser/autograd/context.hpp"
#include "paser/metrics/flops.hpp"
#include "paser/ops/attention.hpp"
#include "paser/ops/batch_norm.hpp"
#include "paser/ops/conv2d_norm.hpp"
#include "paser/ops/group_norm.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/ops/layer_norm.hpp"
#include "paser/ops/linear.hpp"
#include "paser/ops/matmul.hpp"
#include "paser/ops/max_pool2d.hpp"
#include "paser/ops/pad.hpp"
#include "paser/ops/resize_spec.hpp"

/// The third meaning of a forward definition: beside computing and recording, it can be counted. A Counted is a value
/// of which only the shape is known; every op has an overload that works out the shape of its result and notes its
/// operations, so any model that is written in these ops is counted as it stands.
namespace paser::metrics {

template <int Rank>
class Counted {
 public:
  using Scalar = float;
  static constexpr int rank = Rank;

  Counted(const Shape<Rank>& shape, Operations& operations) : shape_(shape), operations_(&operations) {}

  const Shape<Rank>& shape() const { return shape_; }

  /// A result of this shape, and what it took.
  template <int NewRank>
  Counted<NewRank> then(const Shape<NewRank>& shape, const char* op, Index count) const {
    operations_->add(op, count);
    return {shape, *operations_};
  }
  template <int NewRank>
  Counted<NewRank> free(const Shape<NewRank>& shape) const {
    return {shape, *operations_};
  }

 private:
  Shape<Rank> shape_;
  Operations* operations_;
};

template <int Rank>
const Counted<Rank>& value_of(const Counted<Rank>& x) {
  return x;
}

/// A run that only counts.
template <class T>
class CountContext : public RunContext<T> {
 public:
  template <int Rank>
  using Value = Counted<Rank>;

  explicit CountContext(Operations& operations, Mode m = run::inference) : RunContext<T>(m), operations_(&operations) {}

  template <int Rank>
  Counted<Rank> operator()(const Parameter<T, Rank>& p) const {
    return {p.value.shape(), *operations_};
  }
  template <int Rank>
  Counted<Rank> constant(const Tensor<T, Rank>& x) const {
    return {x.shape(), *operations_};
  }
  template <int Rank>
  void update(const Buffer<T, Rank>&, const Tensor<T, Rank>&, double = 1) {}

 private:
  Operations* operations_;
};

/// The operations of one run of a model on an input of this shape. Computes nothing, so it is instant for any size;
/// throws what the run would throw about shapes.
template <class T = float, class Model, int Rank>
Operations count_operations(const Model& model, const Shape<Rank>& input, Mode mode = run::inference) {
  Operations operations;
  CountContext<T> ctx(operations, mode);
  model(ctx, Counted<Rank>(input, operations));
  return operations;
}

inline Counted<4> conv2d(const Counted<4>& x, const Counted<4>& weight, const Conv2dSpec& spec = {}) {
  const auto shape = paser::detail::conv2d_shape(x.shape(), weight.shape(), spec);
  return x.then(Shape<4>{shape.n, shape.out_h(), shape.out_w(), shape.k}, "conv", flops::conv2d(shape));
}
inline Counted<4> conv2d(const Counted<4>& x, const Counted<4>& weight, const Counted<1>&,
                         const Conv2dSpec& spec = {}) {
  return conv2d(x, weight, spec);
}

/// weight: (R, S, in, out / groups). Spec: the settings of a transposed convolution.
template <class Spec>
Counted<4> conv_transpose2d(const Counted<4>& x, const Counted<4>& weight, const Spec& spec) {
  const Shape<4>&s = x.shape(), &w = weight.shape();
  check(s.c() == w[2], "conv_transpose2d", "input ", s, " and weight ", w, " (rows,columns,in,out) differ in channels");
  Shape<4> shape{s.n(), 0, 0, w[3] * spec.groups};
  for (const int axis : {0, 1}) {
    const auto a = static_cast<std::size_t>(axis);
    shape[axis + 1] = (s[axis + 1] - 1) * spec.stride[a] - 2 * spec.padding[a] + spec.dilation[a] * (w[axis] - 1) + 1;
    if constexpr (requires { spec.output_padding[a]; }) shape[axis + 1] += spec.output_padding[a];
  }
  return x.then(shape, "conv", flops::conv_transpose2d(s, w.numel()));
}
template <class Spec>
Counted<4> conv_transpose2d(const Counted<4>& x, const Counted<4>& weight, const Counted<1>&, const Spec& spec) {
  return conv_transpose2d(x, weight, spec);
}

template <int Rank>
Counted<Rank> linear(const Counted<Rank>& x, const Counted<2>& weight) {
  return x.then(paser::detail::linear_shape(x.shape(), weight.shape()), "linear",
                flops::matmul(x.shape(), weight.shape()[1]));
}
template <int Rank>
Counted<Rank> linear(const Counted<Rank>& x, const Counted<2>& weight, const Counted<1>&) {
  return linear(x, weight);
}
template <int Rank>
Counted<Rank> matmul(const Counted<Rank>& a, const Counted<Rank>& b) {
  Shape<Rank> shape = a.shape();
  shape[Rank - 1] = paser::detail::matmul_shape(a.shape(), b.shape()).n;
  return a.then(shape, "matmul", flops::matmul(a.shape(), shape[Rank - 1]));
}
inline Counted<4> attention(const Counted<4>& query, const Counted<4>& key, const Counted<4>& value, double) {
  Shape<4> shape = query.shape();
  shape[3] = value.shape()[3];
  return query.then(shape, "matmul", flops::attention(query.shape(), key.shape(), value.shape()));
}

inline Counted<4> instance_norm(const Counted<4>& x, const InstanceNormSpec& = {}) {
  return x.then(x.shape(), "instance_norm", flops::instance_norm(x.shape().numel(), false));
}
inline Counted<4> instance_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&,
                                const InstanceNormSpec& = {}) {
  return x.then(x.shape(), "instance_norm", flops::instance_norm(x.shape().numel(), true));
}
/// Of maps whose norm and ReLU may be pending, one or two side by side.
inline Counted<4> materialize(const FeatureMap<Counted<4>>& x) {
  return x.held();
}
inline Counted<4> conv2d(const FeatureMap<Counted<4>>& x, const Counted<4>& weight, const Counted<1>& bias,
                         const Conv2dSpec& spec = {}) {
  return conv2d(x.held(), weight, bias, spec);
}
inline FeatureMap<Counted<4>> conv2d_norm_relu(const FeatureMap<Counted<4>>& x,
                                               const std::optional<FeatureMap<Counted<4>>>& beside,
                                               const Counted<4>& weight, const Counted<1>& bias,
                                               const Conv2dSpec& spec = {}) {
  Shape<4> shape = x.shape();
  if (beside) shape[3] += beside->shape().c();
  return instance_norm(conv2d(x.held().free(shape), weight, bias, spec));
}
template <class T>
Counted<4> batch_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&, const Tensor<T, 1>&,
                      const Tensor<T, 1>&, const BatchNormSpec& = {}) {
  return x.then(x.shape(), "batch_norm", flops::batch_norm(x.shape().numel(), false));
}
/// What batch_norm_training returns: the running statistics are not known and stay as they are.
template <class T>
struct CountedBatchNorm {
  Counted<4> y;
  Tensor<T, 1> running_mean, running_var;
};
template <class T>
CountedBatchNorm<T> batch_norm_training(const Counted<4>& x, const Counted<1>&, const Counted<1>&,
                                        const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                        const BatchNormSpec& = {}, Index = 0) {
  return {x.then(x.shape(), "batch_norm", flops::batch_norm(x.shape().numel(), true)), mean, variance};
}
inline Counted<4> group_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&, const GroupNormSpec&) {
  return x.then(x.shape(), "group_norm", flops::group_norm(x.shape().numel()));
}
template <int Rank>
Counted<Rank> layer_norm(const Counted<Rank>& x, const Counted<1>&, const Counted<1>&, const LayerNormSpec& = {}) {
  return x.then(x.shape(), "layer_norm", flops::layer_norm(x.shape().numel()));
}

inline Counted<4> upsample_bilinear(const Counted<4>& x, const ResizeSpec& spec) {
  const auto out = paser::detail::resize_extent("upsample_bilinear", x.shape(), spec).out;
  const Shape<4> shape{x.shape().n(), out[0], out[1], x.shape().c()};
  return x.then(shape, "upsample_bilinear2d", flops::upsample_bilinear(shape.numel()));
}
inline Counted<4> upsample_nearest(const Counted<4>& x, const ResizeSpec& spec) {
  const auto out = paser::detail::resize_extent("upsample_nearest", x.shape(), spec).out;
  const Shape<4> shape{x.shape().n(), out[0], out[1], x.shape().c()};
  return x.then(shape, "upsample_nearest2d", flops::upsample_nearest(shape.numel()));
}
inline Counted<4> adaptive_avg_pool2d(const Counted<4>& x, const std::array<Index, 2>& size) {
  return x.then(Shape<4>{x.shape().n(), size[0], size[1], x.shape().c()}, "adaptive_avg_pool2d",
                flops::adaptive_avg_pool2d(x.shape().numel()));
}

inline Counted<4> max_pool2d(const Counted<4>& x, const Pool2dSpec& spec = {}) {
  const auto shape = kernels::pool_shape("max_pool2d", x.shape(), spec);
  return x.free(Shape<4>{shape.n, shape.out_h, shape.out_w, shape.c});
}
inline Counted<4> avg_pool2d(const Counted<4>& x, const Pool2dSpec& spec = {}, bool = true) {
  const auto shape = kernels::pool_shape("avg_pool2d", x.shape(), spec);
  return x.free(Shape<4>{shape.n, shape.out_h, shape.out_w, shape.c});
}
inline Counted<4> pad(const Counted<4>& x, const PadSpec& spec, double = 0) {
  const Shape<4>& s = x.shape();
  return x.free(Shape<4>{s.n(), s.h() + spec.top + spec.bottom, s.w() + spec.left + spec.right, s.c()});
}
template <class... More>
requires(std::is_same_v<More, Counted<4>>&&...) Counted<4> concat_channels(const Counted<4>& x, const More&... more) {
  Shape<4> shape = x.shape();
  shape[3] += (more.shape().c() + ... + 0);
  return x.free(shape);
}
template <int Rank, int NewRank>
Counted<NewRank> reshape(const Counted<Rank>& x, const Shape<NewRank>& shape) {
  check(shape.numel() == x.shape().numel(), "reshape", x.shape(), " and ", shape, " differ in elements");
  return x.free(shape);
}

/// Element by element, and free.
template <int Rank>
Counted<Rank> add(const Counted<Rank>& a, const Counted<Rank>& b) {
  check(a.shape() == b.shape(), "add", "shapes differ: ", a.shape(), " and ", b.shape());
  return a;
}
template <int Rank>
Counted<Rank> subtract(const Counted<Rank>& a, const Counted<Rank>& b) {
  return add(a, b);
}
template <int Rank>
Counted<Rank> multiply(const Counted<Rank>& a, const Counted<Rank>& b) {
  return add(a, b);
}
template <int Rank>
Counted<Rank> scale(const Counted<Rank>& x, double) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> relu(const Counted<Rank>& x, const Options&...) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> gelu(const Counted<Rank>& x, const Options&...) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> hardswish(const Counted<Rank>& x, const Options&...) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> silu(const Counted<Rank>& x, const Options&...) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> sigmoid(const Counted<Rank>& x, const Options&...) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> softmax(const Counted<Rank>& x, const Options&...) {
  return x;
}
template <int Rank, class... Options>
Counted<Rank> log_softmax(const Counted<Rank>& x, const Options&...) {
  return x;
}
inline Counted<4> dropout(const Counted<4>& x, double, const std::vector<Key>&) {
  return x;
}
template <class T>
Counted<4> dropout_with_mask(const Counted<4>& x, const Tensor<T, 4>&, double) {
  return x;
}

}  // namespace paser::metrics
