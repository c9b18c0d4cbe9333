#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/shape.hpp"

/// \file
/// Whether numbers are finite, told by their bits: a compiler that was promised that all are (-ffast-math) cannot take
/// these tests away, as it takes away std::isfinite and x != x.
namespace paser {

namespace detail {

template <class T>
struct FloatBits;
template <>
struct FloatBits<float> {
  using Word = std::uint32_t;
  static constexpr std::uint64_t lanes = 0x0000000100000001;  // of a Word in 64 bits
};
template <>
struct FloatBits<double> {
  using Word = std::uint64_t;
  static constexpr std::uint64_t lanes = 1;
};

/// Bits that are worked on at once. Written as vectors since compilers make them from loops at high optimisation alone.
#if defined(__GNUC__)
using BitBlock = std::uint64_t __attribute__((vector_size(16)));
#else
using BitBlock = std::uint64_t;
#endif

/// The bits of |x|: ordered as the magnitudes are, infinity above all numbers and every NaN above infinity.
template <class T>
constexpr typename FloatBits<T>::Word magnitude_bits(T x) {
  using Word = typename FloatBits<T>::Word;
  return std::bit_cast<Word>(x) & (std::numeric_limits<Word>::max() >> 1);
}

template <class T>
constexpr typename FloatBits<T>::Word infinity_bits() {
  using Word = typename FloatBits<T>::Word;
  constexpr int fraction = std::numeric_limits<T>::digits - 1;
  return (std::numeric_limits<Word>::max() >> (fraction + 1)) << fraction;
}

}  // namespace detail

/// Neither infinite nor NaN.
template <class T>
constexpr bool is_finite(T x) {
  return detail::magnitude_bits(x) < detail::infinity_bits<T>();
}

/// Finite and not negative: what most settings must be.
constexpr bool is_finite_from_0(double x) {
  return is_finite(x) && x >= 0;
}

/// Whether a number, if it is finite, is so in another type too.
template <class To, class From>
constexpr bool stays_finite(From x) {
  if constexpr (sizeof(To) < sizeof(From)) return is_finite(static_cast<To>(x)) || !is_finite(x);
  return true;
}

/// Whether x is not a number, also under -ffast-math, which takes std::isnan for false.
template <class T>
constexpr bool is_nan(T x) {
  return detail::magnitude_bits(x) > detail::infinity_bits<T>();
}

/// The place of the first of n values that is not finite; n when all are. Reads at about the speed of memory.
template <class T>
Index first_non_finite(Index n, const T* x) {
  using Bits = detail::FloatBits<T>;
  using Word = typename Bits::Word;
  constexpr Word sign = ~(std::numeric_limits<Word>::max() >> 1);
  constexpr std::uint64_t mask = Bits::lanes * static_cast<std::uint64_t>(Word(~sign)), signs = Bits::lanes * sign;
  // Added to a magnitude that is not below infinity it carries into the place of the sign.
  constexpr std::uint64_t carry = Bits::lanes * static_cast<std::uint64_t>(Word(sign - detail::infinity_bits<T>()));
  using detail::BitBlock;
  constexpr Index lanes = static_cast<Index>(sizeof(BitBlock) / sizeof(T)), block = 128 * lanes;
  Index i = 0;
  for (; i + block <= n; i += block) {
    BitBlock sums[4]{};
    for (Index at = i; at < i + block; at += 4 * lanes) {
      BitBlock x0, x1, x2, x3;
      std::memcpy(&x0, x + at, sizeof x0);
      std::memcpy(&x1, x + at + lanes, sizeof x1);
      std::memcpy(&x2, x + at + 2 * lanes, sizeof x2);
      std::memcpy(&x3, x + at + 3 * lanes, sizeof x3);
      sums[0] |= (x0 & mask) + carry;
      sums[1] |= (x1 & mask) + carry;
      sums[2] |= (x2 & mask) + carry;
      sums[3] |= (x3 & mask) + carry;
    }
    const BitBlock sum = (sums[0] | sums[1]) | (sums[2] | sums[3]);
    std::array<std::uint64_t, sizeof sum / sizeof(std::uint64_t)> parts;
    std::memcpy(parts.data(), &sum, sizeof sum);
    std::uint64_t all = 0;
    for (const std::uint64_t part : parts) all |= part;
    if ((all & signs) != 0) break;
  }
  while (i < n && is_finite(x[i])) ++i;
  return i;
}

/// Whether all of n values are finite. Many are read on several threads, as those that wrote them did.
template <class T>
bool all_finite(Index n, const T* x) {
  std::atomic<bool> all{true};
  parallel_for(n, Index{1} << 14, [&](Index begin, Index end) {
    if (first_non_finite(end - begin, x + begin) < end - begin) all.store(false, std::memory_order_relaxed);
  });
  return all.load(std::memory_order_relaxed);
}

/// A value for messages: "nan", "inf", "-inf", or the number.
template <class T>
std::string value_text(T x) {
  if (is_nan(x)) return "nan";
  if (is_finite(x)) return message(x);
  return (std::bit_cast<typename detail::FloatBits<T>::Word>(x) >> (8 * sizeof(T) - 1)) != 0 ? "-inf" : "inf";
}

/// Throws NotFiniteError "where: what... has nan at position 3 of 72" unless all n values are finite.
template <class T, class... What>
void check_finite(const char* where, Index n, const T* x, const What&... what) {
  if (all_finite(n, x)) [[likely]]
    return;
  const Index i = first_non_finite(n, x);
  throw NotFiniteError(message(where, ": ", what..., " has ", value_text(x[i]), " at position ", i, " of ", n,
                               ", expected finite numbers"));
}

/// Throws NotFiniteError "where: what... is nan" unless the value is finite.
template <class T, class... What>
void check_finite_value(const char* where, T x, const What&... what) {
  if (!is_finite(x)) [[unlikely]]
    throw NotFiniteError(message(where, ": ", what..., " is ", value_text(x), ", expected a finite number"));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
