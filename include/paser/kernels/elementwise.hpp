#pragma once

#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

/// Loops over flat arrays. Pieces start at multiples of `grain`, itself a multiple of every packet width, so whether an
/// element is computed by a packet or by the scalar tail depends on its position alone, never on the thread count.
namespace paser::kernels {

inline constexpr Index grain = Index{1} << 14;

/// y[i] = packet(x[i]...) for whole packets, scalar(x[i]...) for the tail. Both must compute the same function.
template <class T, class PacketFunction, class ScalarFunction, class... In>
void map(Index n, T* y, const PacketFunction& packet, const ScalarFunction& scalar, const In*... x) {
  parallel_for(n, grain, [&](Index begin, Index end) {
    Index i = begin;
    for (; i + simd::width<T> <= end; i += simd::width<T>) simd::store(y + i, packet(simd::load(x + i)...));
    for (; i < end; ++i) y[i] = scalar(x[i]...);
  });
}

/// y += x.
template <class T>
void accumulate(Index n, const T* x, T* y) {
  map<T>(
      n, y, [](const auto& a, const auto& b) { return simd::add(a, b); }, [](T a, T b) { return a + b; },
      static_cast<const T*>(y), x);
}

/// y = scale * x; x and y may be the same array.
template <class T>
void scale(Index n, T factor, const T* x, T* y) {
  const auto f = simd::broadcast(factor);
  map<T>(
      n, y, [f](const auto& a) { return simd::mul(a, f); }, [factor](T a) { return a * factor; }, x);
}

}  // namespace paser::kernels
