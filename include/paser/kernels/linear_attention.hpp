#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"
#include "paser/kernels/gemm.hpp"

/// Linear attention with a ReLU in the place of the softmax (Cai et al., "EfficientViT", 2023).
namespace paser::kernels {

/// The extents of one such attention. A pixel has `groups` runs of 3 d channels: d of the query, d of the key, d of the
/// value; its result has `groups` runs of d.
struct LinearAttentionShape {
  Index images, pixels, groups, d;
  double eps;
};

/// For every group, with q and k through ReLU: y[n] = sum over m of v[m] (k[m] . q[n]) / (sum over m of k[m] . q[n] +
/// eps). qkv: (images, pixels, groups 3 d) -> y: (images, pixels, groups d).
template <class T>
void relu_linear_attention_forward(const LinearAttentionShape& shape, const T* qkv, T* y);

/// The gradient of qkv, overwritten. With S = sum of v k^T, z = sum of k, c = z . q + eps and g = dy / c:
///   dq = S^T g + h z with h = -(dy . y) / c,   dS = sum of g q^T,   dz = sum of h q,   dk = dS^T v + dz,   dv = dS k.
template <class T>
void relu_linear_attention_backward(const LinearAttentionShape& shape, const T* qkv, const T* dy, T* dqkv);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/activation.hpp"
#include "paser/kernels/loops/map.hpp"

namespace paser::kernels {

namespace detail {

/// One group of one image.
template <class T>
struct LinearAttentionGroup {
  static constexpr Index block = 256;  // pixels that are computed at a time

  Index pixels, d, in_stride, out_stride, in_offset, out_offset;
  T eps;
  const T *q, *k, *v;

  LinearAttentionGroup(const LinearAttentionShape& s, Index number, const T* qkv)
      : pixels(s.pixels),
        d(s.d),
        in_stride(3 * s.groups * s.d),
        out_stride(s.groups * s.d),
        in_offset(number / s.groups * s.pixels * in_stride + number % s.groups * 3 * s.d),
        out_offset(number / s.groups * s.pixels * out_stride + number % s.groups * s.d),
        eps(static_cast<T>(s.eps)),
        q(qkv + in_offset),
        k(q + s.d),
        v(k + s.d) {}

  /// relu(x) of `count` pixels from `pixel` on, one after the other.
  void positive(const T* x, Index pixel, Index count, T* to) const {
    for (Index i = 0; i < count; ++i)
      map_span(
          d, to + i * d, [](const auto& value) { return relu<T>(value); }, x + (pixel + i) * in_stride);
  }

  MatrixView<T> values(Index pixel, Index count) const { return {v + pixel * in_stride, count, d, in_stride, 1}; }

  /// f(first pixel, pixels) for one block after the other.
  template <class F>
  void for_each_block(F&& f) const {
    for (Index pixel = 0; pixel < pixels; pixel += block) f(pixel, std::min(block, pixels - pixel));
  }

  /// s = sum of v k^T, (d, d), and z = sum of k. `scratch` has a block's room.
  void sum_keys(T* s, T* z, T* scratch) const {
    std::fill_n(z, d, T(0));
    for_each_block([&](Index pixel, Index count) {
      positive(k, pixel, count, scratch);
      gemm<T>(values(pixel, count).transposed(), {scratch, count, d}, s, {.accumulate = pixel > 0});
      for (Index i = 0; i < count; ++i) map_span(d, z, simd::add<simd::Packet<T>>, z, scratch + i * d);
    });
  }

  /// 1 / (z . q + eps).
  T share(const T* z, const T* query) const { return 1 / (dot(d, z, query) + eps); }

  /// No gradient where the ReLU, whose results x are, held back its input.
  void mask(const T* x, Index count, T* gradient) const {
    for (Index i = 0; i < count; ++i)
      map_span(
          d, gradient + i * in_stride, [](const auto& y, const auto& g) { return relu_gradient<T>(y, g); }, x + i * d,
          gradient + i * in_stride);
  }
};

template <class T>
void linear_attention_forward(const LinearAttentionGroup<T>& a, T* y) {
  const Index d = a.d;
  Scratch<T> scratch(static_cast<std::size_t>(d * d + d + a.block * d));
  T *const s = scratch.data(), *const z = s + d * d, *const q = z + d;
  a.sum_keys(s, z, q);
  a.for_each_block([&](Index pixel, Index count) {
    T* const out = y + pixel * a.out_stride;
    a.positive(a.q, pixel, count, q);
    gemm<T>({q, count, d}, MatrixView<T>(s, d, d).transposed(), out, {.row_stride = a.out_stride});
    for (Index i = 0; i < count; ++i) {
      const auto share = simd::broadcast(a.share(z, q + i * d));
      T* const row = out + i * a.out_stride;
      map_span(
          d, row, [&](const auto& v) { return simd::mul(v, share); }, row);
    }
  });
}

template <class T>
void linear_attention_backward(const LinearAttentionGroup<T>& a, const T* dy, T* dqkv) {
  const Index d = a.d;
  Scratch<T> scratch(static_cast<std::size_t>(2 * (d * d + d) + 3 * a.block * d));
  T *const s = scratch.data(), *const ds = s + d * d, *const z = ds + d * d, *const dz = z + d, *const q = dz + d;
  T *const g = q + a.block * d, *const product = g + a.block * d;
  a.sum_keys(s, z, q);
  std::fill_n(dz, d, T(0));
  a.for_each_block([&](Index pixel, Index count) {
    const T* const from = dy + pixel * a.out_stride;
    T* const dq = dqkv + pixel * a.in_stride;
    a.positive(a.q, pixel, count, q);
    gemm<T>({q, count, d}, MatrixView<T>(s, d, d).transposed(), product);
    for (Index i = 0; i < count; ++i) {
      const T share = a.share(z, q + i * d);
      map_span(
          d, g + i * d, [s = simd::broadcast(share)](const auto& v) { return simd::mul(v, s); },
          from + i * a.out_stride);
      const auto h = simd::broadcast(-dot(d, g + i * d, product + i * d) * share);
      map_span(
          d, dz, [&](const auto& sum, const auto& v) { return simd::fma(h, v, sum); }, dz, q + i * d);
      map_span(
          d, dq + i * a.in_stride, [&](const auto& v) { return simd::mul(h, v); }, z);
    }
    gemm<T>({g, count, d}, {s, d, d}, dq, {.accumulate = true, .row_stride = a.in_stride});
    gemm<T>(MatrixView<T>(g, count, d).transposed(), {q, count, d}, ds, {.accumulate = pixel > 0});
    a.mask(q, count, dq);
  });
  T* const k = q;
  a.for_each_block([&](Index pixel, Index count) {
    T *const dk = dqkv + pixel * a.in_stride + d, *const dv = dk + d;
    a.positive(a.k, pixel, count, k);
    for (Index i = 0; i < count; ++i) std::copy_n(dz, d, dk + i * a.in_stride);
    gemm<T>(a.values(pixel, count), {ds, d, d}, dk, {.accumulate = true, .row_stride = a.in_stride});
    gemm<T>({k, count, d}, MatrixView<T>(ds, d, d).transposed(), dv, {.row_stride = a.in_stride});
    a.mask(k, count, dk);
  });
}

}  // namespace detail

template <class T>
void relu_linear_attention_forward(const LinearAttentionShape& shape, const T* qkv, T* y) {
  parallel_for(shape.images * shape.groups, gemm_grain(2 * shape.pixels * shape.d * shape.d),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const detail::LinearAttentionGroup<T> group(shape, i, qkv);
                   detail::linear_attention_forward(group, y + group.out_offset);
                 }
               });
}

template <class T>
void relu_linear_attention_backward(const LinearAttentionShape& shape, const T* qkv, const T* dy, T* dqkv) {
  parallel_for(shape.images * shape.groups, gemm_grain(6 * shape.pixels * shape.d * shape.d),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const detail::LinearAttentionGroup<T> group(shape, i, qkv);
                   detail::linear_attention_backward(group, dy + group.out_offset, dqkv + group.in_offset);
                 }
               });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
