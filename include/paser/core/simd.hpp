#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>
#include <type_traits>

#include "paser/core/shape.hpp"

// A packet function that leaves a register's old content is written in g++ 12's AVX-512 header as a variable set to
// itself, and g++ warns wherever that is inlined, system header or not. Its pragmas hold for every function that code
// is inlined through, so this silences Eigen's packets and those below, and nothing in the code that calls them.
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <Eigen/Core>

/// The one place that names Eigen's packet functions. A kernel is written once in these words and becomes SSE,
/// AVX2+FMA, AVX-512 or NEON code by the compiler's flags; without any of them a packet is a single scalar.
namespace paser::simd {

/// As many numbers as one instruction takes.
template <class T>
using Packet = typename Eigen::internal::packet_traits<T>::type;

/// Elements in a packet.
template <class T>
inline constexpr Index width = Eigen::internal::unpacket_traits<Packet<T>>::size;

/// Vector registers that a kernel may plan with.
inline constexpr int registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS;

/// The numbers from p on, which need not be aligned.
template <class T>
inline Packet<T> load(const T* p) {
  return Eigen::internal::ploadu<Packet<T>>(p);
}
/// Writes the numbers to p, which need not be aligned.
template <class T>
inline void store(T* p, const Packet<T>& v) {
  Eigen::internal::pstoreu(p, v);
}
/// The first `count` elements from p, zeros behind them; nothing past p + count is read.
template <class T>
inline Packet<T> load_partial(const T* p, Index count) {
  T values[width<T>] = {};
  for (Index i = 0; i < count; ++i) values[i] = p[i];
  return load(values);
}
/// Writes the first `count` elements only.
template <class T>
inline void store_partial(T* p, const Packet<T>& v, Index count) {
  T values[width<T>];
  store(values, v);
  for (Index i = 0; i < count; ++i) p[i] = values[i];
}
/// Bytes as numbers of type T.
template <class T>
inline Packet<T> load_bytes(const std::uint8_t* p) {
#ifdef __AVX2__
  if constexpr (std::is_same_v<T, float> && width<T> == 8)
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#endif
  T values[width<T>];
  for (Index i = 0; i < width<T>; ++i) values[i] = static_cast<T>(p[i]);
  return load(values);
}
/// Whole numbers from 0 to 255 as bytes.
template <class T>
inline void store_bytes(std::uint8_t* p, const Packet<T>& v) {
#ifdef __AVX2__
  if constexpr (std::is_same_v<T, float> && width<T> == 8) {
    const __m256i numbers = _mm256_cvttps_epi32(v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(numbers), _mm256_extracti128_si256(numbers, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
    return;
  }
#endif
  T values[width<T>];
  store(values, v);
  for (Index i = 0; i < width<T>; ++i) p[i] = static_cast<std::uint8_t>(values[i]);
}
/// The value in every lane.
template <class T>
inline Packet<T> broadcast(T value) {
  return Eigen::internal::pset1<Packet<T>>(value);
}
/// Zero in every lane.
template <class T>
inline Packet<T> zero() {
  return broadcast(T(0));
}

/// Asks for the cache line of p; any address is harmless.
inline void prefetch(const void* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p);
#else
  static_cast<void>(p);
#endif
}
/// The same for the second-level cache alone.
inline void prefetch_far(const void* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p, 0, 2);
#else
  static_cast<void>(p);
#endif
}

/// a + b.
template <class P>
inline P add(const P& a, const P& b) {
  return Eigen::internal::padd(a, b);
}
/// a - b.
template <class P>
inline P sub(const P& a, const P& b) {
  return Eigen::internal::psub(a, b);
}
/// a * b.
template <class P>
inline P mul(const P& a, const P& b) {
  return Eigen::internal::pmul(a, b);
}
/// a / b.
template <class P>
inline P div(const P& a, const P& b) {
  return Eigen::internal::pdiv(a, b);
}
/// -a.
template <class P>
inline P negate(const P& a) {
  return Eigen::internal::pnegate(a);
}
/// a * b + c, fused where the machine has it.
template <class P>
inline P fma(const P& a, const P& b, const P& c) {
  return Eigen::internal::pmadd(a, b, c);
}
/// The larger of each pair.
template <class P>
inline P max(const P& a, const P& b) {
  return Eigen::internal::pmax(a, b);
}
/// The smaller of each pair.
template <class P>
inline P min(const P& a, const P& b) {
  return Eigen::internal::pmin(a, b);
}
/// The square roots.
template <class P>
inline P sqrt(const P& a) {
  return Eigen::internal::psqrt(a);
}
/// The natural logarithms.
template <class P>
inline P log(const P& a) {
  return Eigen::internal::plog(a);
}
/// All bits set where a < b (a <= b), else zero; combine with select.
template <class P>
inline P less(const P& a, const P& b) {
  return Eigen::internal::pcmp_lt(a, b);
}
/// A mask of the lanes where a <= b.
template <class P>
inline P less_equal(const P& a, const P& b) {
  return Eigen::internal::pcmp_le(a, b);
}
/// A mask of the lanes where a = b.
template <class P>
inline P equal(const P& a, const P& b) {
  return Eigen::internal::pcmp_eq(a, b);
}
/// All bits set where a is NaN.
template <class P>
inline P is_nan(const P& a) {
  return Eigen::internal::pcmp_lt_or_nan(a, a);
}
/// Where either mask is set.
template <class P>
inline P mask_or(const P& a, const P& b) {
  return Eigen::internal::por(a, b);
}
/// x where the mask is set, else 0: less work than select.
template <class P>
inline P mask_and(const P& mask, const P& x) {
  return Eigen::internal::pand(mask, x);
}
/// The larger of both, NaN where either is; max alone may lose a NaN of b. All bits set are a NaN.
template <class P>
inline P max_or_nan(const P& a, const P& b) {
  return mask_or(max(a, b), is_nan(b));
}
/// mask ? a : b, per element.
template <class P>
inline P select(const P& mask, const P& a, const P& b) {
  return Eigen::internal::pselect(mask, a, b);
}
/// e to the power of a; 0 where that is less than the smallest normal number, since Eigen stops at a subnormal one, on
/// which all later arithmetic would be slow.
template <class P>
inline P exp(const P& a) {
  using T = typename Eigen::internal::unpacket_traits<P>::type;
  constexpr T lowest = sizeof(T) == 4 ? T(-87.33654) : T(-708.3964);
  return select(less(a, broadcast(lowest)), broadcast(T(0)), P(Eigen::internal::pexp(a)));
}
/// Turns width<T> packets, taken as the rows of a square, into its columns. Flattened, since a transposition of Eigen's
/// that is not inlined here has the warnings named above where Eigen was included before paser.
template <class T>
[[gnu::flatten]] inline void transpose(Packet<T> (&rows)[width<T>]) {
  if constexpr (1 < width<T>) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
    Eigen::internal::PacketBlock<Packet<T>, static_cast<int>(width<T>)> block;
#pragma GCC diagnostic pop
    for (Index i = 0; i < width<T>; ++i) block.packet[i] = rows[i];
    Eigen::internal::ptranspose(block);
    for (Index i = 0; i < width<T>; ++i) rows[i] = block.packet[i];
  }
}
/// The same packet, held in a register from here on: a compiler may otherwise load it again for each of its uses, and
/// loads are what the inner loops run short of. Needed by GCC alone; Eigen's fma does the same for Clang.
template <class P>
inline P keep(P a) {
#if EIGEN_COMP_GNUC_STRICT
  EIGEN_OPTIMIZATION_BARRIER(a);
#endif
  return a;
}
/// The sum of all lanes.
template <class T>
inline T sum(const Packet<T>& a) {
  return Eigen::internal::predux(a);
}

}  // namespace paser::simd

#pragma GCC diagnostic pop
#include "paser/core/macros_on.inc"
