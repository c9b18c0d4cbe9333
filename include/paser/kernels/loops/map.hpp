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

/// The same by packets alone: the last one is completed by zeros, so no scalar twin is needed.
template <class T, class F, class... In>
void map_packets(Index n, T* y, const F& f, const In*... x) {
  constexpr Index width = simd::width<T>;
  parallel_for(n, grain, [&](Index begin, Index end) {
    Index i = begin;
    for (; i + width <= end; i += width) simd::store(y + i, f(simd::load(x + i)...));
    if (i < end) simd::store_partial(y + i, f(simd::load_partial(x + i, end - i)...), end - i);
  });
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
