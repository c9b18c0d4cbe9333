#pragma once

#include "paser/kernels/kernels.hpp"

/// The kernels of paser::compiled, each named once. PASER_KERNELS(X) calls X(result, name, (parameters), (arguments))
/// for every one of them; T is its type of numbers. The compiler refuses a line that is not as the header declares it.
// clang-format off
#define PASER_KERNELS(X) \
  X(void, activate, (Activation f, Index n, const T* x, T* y), (f, n, x, y)) \
  X(void, activation_gradient, (Activation f, Index n, const T* kept, const T* dy, T* dx), (f, n, kept, dy, dx)) \
  X(void, argmax, (Index rows, Index n, const T* x, std::int32_t* places), (rows, n, x, places)) \
  X(void, attention_forward, (const AttentionHead<T>& head, T* y), (head, y)) \
  X(void, attention_backward, (const AttentionHead<T>& head, const T* dy, T* dq, const AttentionGradient<T>& gradient), \
     (head, dy, dq, gradient)) \
  X(void, apply_gate, (const GateShape& s, const T* x, const T* gate, T* y), (s, x, gate, y)) \
  X(void, gate_gradient, (const GateShape& s, const T* x, const T* dy, T* dgate), (s, x, dy, dgate)) \
  X(void, channel_moments, (const ChannelNormShape& s, const T* x, double* mean, double* variance), (s, x, mean, \
     variance)) \
  X(void, apply_channel_map, (const ChannelNormShape& s, const ChannelMap<T>& map, const T* x, T* y), (s, map, x, \
     y)) \
  X(void, channel_map_sums, (const ChannelNormShape& s, const ChannelMap<T>& map, const T* x, const T* dy, double* \
     sum_dy, double* sum_dy_d), (s, map, x, dy, sum_dy, sum_dy_d)) \
  X(void, apply_channel_gradient, (const ChannelNormShape& s, const ChannelMap<T>& map, const ChannelGradient<T>& \
     gradient, const T* x, const T* dy, T* dx), (s, map, gradient, x, dy, dx)) \
  X(ConvAlgorithm, algorithm_of, (const ConvShape& s, ConvDirection direction), (s, direction)) \
  X(bool, worth_preparing, (const ConvShape& shape), (shape)) \
  X(PreparedFilter<T>, prepare_filter, (const ConvShape& shape, const T* weight), (shape, weight)) \
  X(void, conv2d_forward, (const ConvShape& shape, const ConvInput<T>& input, const \
     std::type_identity_t<ConvFilter<T>>& filter, const ConvEpilogue<T>& epilogue, T* y), (shape, input, filter, \
     epilogue, y)) \
  X(void, conv2d_backward_input, (const ConvShape& shape, const T* dy, const T* weight, T* dx), (shape, dy, \
     weight, dx)) \
  X(void, conv2d_backward_weight, (const ConvShape& shape, const ConvInput<T>& input, const T* dy, T* dw), (shape, \
     input, dy, dw)) \
  X(void, conv2d_relu_max_pool, (const ConvShape& s, const PoolShape& pool, const T* x, const T* weight, const T* \
     bias, T* y), (s, pool, x, weight, bias, y)) \
  X(void, copy_channels, (Index pixels, Index channels, const T* x, Index x_stride, T* y, Index y_stride), \
     (pixels, channels, x, x_stride, y, y_stride)) \
  X(double, cross_entropy_labels, (Index rows, Index classes, const T* logits, const std::int32_t* labels, const \
     double* weight, std::int64_t ignored, double factor, T* gradient), (rows, classes, logits, labels, weight, \
     ignored, factor, gradient)) \
  X(double, cross_entropy_probabilities, (Index rows, Index classes, const T* logits, const T* target, const \
     double* weight, double factor, T* gradient), (rows, classes, logits, target, weight, factor, gradient)) \
  X(double, squared_error, (Index n, const T* a, const T* b, double factor, T* gradient), (n, a, b, factor, \
     gradient)) \
  X(double, tempered_divergence, (Index rows, Index n, const T* student, const T* teacher, double temperature, \
     double factor, T* dstudent, T* dteacher), (rows, n, student, teacher, temperature, factor, dstudent, \
     dteacher)) \
  X(void, dropout, (std::span<const Key> keys, Index images, Index size, double p, const T* x, T* y), (keys, \
     images, size, p, x, y)) \
  X(void, accumulate, (Index n, const T* x, T* y), (n, x, y)) \
  X(void, scale, (Index n, T factor, const T* x, T* y), (n, factor, x, y)) \
  X(void, add, (Index n, const T* a, const T* b, T* y), (n, a, b, y)) \
  X(void, subtract, (Index n, const T* a, const T* b, T* y), (n, a, b, y)) \
  X(void, multiply, (Index n, const T* a, const T* b, T* y), (n, a, b, y)) \
  X(void, apply_mask, (Index n, T factor, const T* keep, const T* x, T* y), (n, factor, keep, x, y)) \
  X(void, add_bias, (Index pixels, Index channels, const T* bias, T* y), (pixels, channels, bias, y)) \
  X(void, entropy, (Index rows, Index n, const T* p, double epsilon, T* entropy), (rows, n, p, epsilon, entropy)) \
  X(void, gemm, (const MatrixView<T>& a, const MatrixView<T>& b, T* c, GemmOutput<T> output), (a, b, c, output)) \
  X(void, patch_statistics, (const PatchMapShape& s, const T* probabilities, const std::int32_t* labels, const T* \
     entropy, T* statistics), (s, probabilities, labels, entropy, statistics)) \
  X(void, layer_norm_forward, (Index rows, Index n, double eps, const T* x, const T* weight, const T* bias, const \
     RowStatistics<T>& s, T* y), (rows, n, eps, x, weight, bias, s, y)) \
  X(void, layer_norm_backward_input, (Index rows, Index n, const T* x, const T* weight, const RowStatistics<T>& s, \
     const T* dy, T* dx), (rows, n, x, weight, s, dy, dx)) \
  X(void, layer_norm_backward_weights, (Index rows, Index n, const T* x, const RowStatistics<T>& s, const T* dy, \
     T* dweight, T* dbias), (rows, n, x, s, dy, dweight, dbias)) \
  X(void, relu_linear_attention_forward, (const LinearAttentionShape& shape, const T* qkv, T* y), (shape, qkv, y)) \
  X(void, relu_linear_attention_backward, (const LinearAttentionShape& shape, const T* qkv, const T* dy, T* dqkv), \
     (shape, qkv, dy, dqkv)) \
  X(void, max_pool2d_forward, (const PoolShape& s, const T* x, T* y, std::uint8_t* tap), (s, x, y, tap)) \
  X(void, max_pool2d_backward, (const PoolShape& s, const T* dy, const std::uint8_t* tap, T* dx), (s, dy, tap, \
     dx)) \
  X(void, adam, (Index n, const AdamStep<T>& step, const T* gradient, T* value, T* m, T* v), (n, step, gradient, \
     value, m, v)) \
  X(void, sgd, (Index n, const SgdStep<T>& step, const T* gradient, T* value, T* buffer), (n, step, gradient, \
     value, buffer)) \
  X(void, pad, (Index n, Index h, Index w, Index c, Index top, Index left, Index out_h, Index out_w, T value, \
     const T* x, T* y), (n, h, w, c, top, left, out_h, out_w, value, x, y)) \
  X(void, sum_per_channel, (Index rows, Index channels, const T* x, T* sums), (rows, channels, x, sums)) \
  X(void, apply_separable, (const AxisMap<T>& rows, const AxisMap<T>& columns, Index n, Index c, const T* x, T* \
     y), (rows, columns, n, c, x, y)) \
  X(void, add_separable, (std::span<const SeparableTerm<T>> terms, Index n, Index c, bool relu, T* y), (terms, n, c, \
     relu, y)) \
  X(void, softmax_forward, (Index rows, Index n, const T* x, T* y), (rows, n, x, y)) \
  X(void, softmax_backward, (Index rows, Index n, const T* y, const T* dy, T* dx), (rows, n, y, dy, dx)) \
  X(void, log_softmax_forward, (Index rows, Index n, const T* x, T* y), (rows, n, x, y)) \
  X(void, log_softmax_backward, (Index rows, Index n, const T* y, const T* dy, T* dx), (rows, n, y, dy, dx))
// clang-format on

namespace paser::kernels {

/// The kernels in T, as compiled for one instruction set.
template <class T>
struct KernelTable {
#define PASER_MEMBER(result, name, parameters, arguments) result(*name) parameters;
  PASER_KERNELS(PASER_MEMBER)
#undef PASER_MEMBER
};

}  // namespace paser::kernels
