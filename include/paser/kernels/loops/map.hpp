#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"
#include "paser/kernels/elementwise.hpp"

/// Loops over flat arrays. Pieces start at multiples of `grain`, itself a multiple of every packet width, so whether an
/// element is computed by a packet or by the scalar tail depends on its position alone, never on the thread count.
namespace paser::kernels {

/// y[i] = packet(x[i]...) for whole packets, scalar(x[i]...) for the tail. Both must compute the same function.
template <class T, class PacketFunction, class ScalarFunction, class... In>
void map(Index n, T* y, const PacketFunction& packet, const ScalarFunction& scalar, const In*... x) {
  parallel_for(n, grain, [&](Index begin, Index end) {
    Index i = begin;
    for (; i + simd::width<T> <= end; i += simd::width<T>) simd::store(y + i, packet(simd::load(x + i)...));
    for (; i < end; ++i) y[i] = scalar(x[i]...);
  });
}

/// y[i] = f(x[i]...), f being a function of packets, on this thread; y may be one of the x. The last packet is
/// completed by zeros: the same number gives the same bits wherever in the array it stands, and no scalar twin is
/// needed.
template <class T, class F, class... In>
void map_span(Index n, T* y, const F& f, const In*... x) {
  constexpr Index width = simd::width<T>;
  Index i = 0;
  for (; i + width <= n; i += width) simd::store(y + i, f(simd::load(x + i)...));
  if (i < n) simd::store_partial(y + i, f(simd::load_partial(x + i, n - i)...), n - i);
}

/// The same by all threads.
template <class T, class F, class... In>
void map_packets(Index n, T* y, const F& f, const In*... x) {
  parallel_for(n, grain, [&](Index begin, Index end) { map_span(end - begin, y + begin, f, x + begin...); });
}

/// The sum of x[i] y[i], on this thread.
template <class T>
T dot(Index n, const T* x, const T* y) {
  constexpr Index width = simd::width<T>;
  auto total = simd::zero<T>();
  Index i = 0;
  for (; i + width <= n; i += width) total = simd::fma(simd::load(x + i), simd::load(y + i), total);
  T sum = simd::sum<T>(total);
  for (; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
