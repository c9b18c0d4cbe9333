#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/core/random.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace paser {

namespace detail {

/// Four 32-bit numbers, each in the lower half of 64 bits. Upper halves may hold anything: the product ignores them.
/// Eigen has no packet whose product keeps all 64 bits, hence the one use of intrinsics.
struct FourWords {
#if defined(__AVX2__)
  __m256i v;

  static FourWords broadcast(std::uint64_t x) {
    return {_mm256_set1_epi64x(static_cast<long long>(x))};
  }
  static FourWords count_from(std::uint64_t x) {
    return {_mm256_add_epi64(broadcast(x).v, _mm256_set_epi64x(3, 2, 1, 0))};
  }
  friend FourWords operator*(FourWords a, FourWords b) {
    return {_mm256_mul_epu32(a.v, b.v)};
  }
  friend FourWords operator^(FourWords a, FourWords b) {
    return {_mm256_xor_si256(a.v, b.v)};
  }
  FourWords upper() const {
    return {_mm256_srli_epi64(v, 32)};
  }

  /// Writes a0 b0 c0 d0, a1 b1 c1 d1, ...
  static void store(FourWords a, FourWords b, FourWords c, FourWords d, std::uint32_t* out) {
    const __m256i ab = _mm256_blend_epi32(a.v, _mm256_slli_epi64(b.v, 32), 0xAA);
    const __m256i cd = _mm256_blend_epi32(c.v, _mm256_slli_epi64(d.v, 32), 0xAA);
    const __m256i even = _mm256_unpacklo_epi64(ab, cd), odd = _mm256_unpackhi_epi64(ab, cd);
    auto* const to = reinterpret_cast<__m256i*>(out);
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(even, odd, 0x31));
  }
#else
  std::uint64_t v[4];

  static FourWords broadcast(std::uint64_t x) {
    return {{x, x, x, x}};
  }
  static FourWords count_from(std::uint64_t x) {
    return {{x, x + 1, x + 2, x + 3}};
  }
  friend FourWords operator*(const FourWords& a, const FourWords& b) {
    FourWords r{};
    for (int i = 0; i < 4; ++i) r.v[i] = (a.v[i] & 0xFFFFFFFFu) * (b.v[i] & 0xFFFFFFFFu);
    return r;
  }
  friend FourWords operator^(const FourWords& a, const FourWords& b) {
    return {{a.v[0] ^ b.v[0], a.v[1] ^ b.v[1], a.v[2] ^ b.v[2], a.v[3] ^ b.v[3]}};
  }
  FourWords upper() const {
    return {{v[0] >> 32, v[1] >> 32, v[2] >> 32, v[3] >> 32}};
  }

  static void store(const FourWords& a, const FourWords& b, const FourWords& c, const FourWords& d,
                    std::uint32_t* out) {
    for (int i = 0; i < 4; ++i) {
      out[4 * i] = static_cast<std::uint32_t>(a.v[i]);
      out[4 * i + 1] = static_cast<std::uint32_t>(b.v[i]);
      out[4 * i + 2] = static_cast<std::uint32_t>(c.v[i]);
      out[4 * i + 3] = static_cast<std::uint32_t>(d.v[i]);
    }
  }
#endif
};

/// Philox of four consecutive counters.
struct FourCounters {
  FourWords a, b, c, d;

  explicit FourCounters(std::uint64_t first)
      : a(FourWords::count_from(first)), b(a.upper()), c(FourWords::broadcast(0)), d(c) {}

  void mix(const FourWords& key0, const FourWords& key1) {
    const auto p = a * FourWords::broadcast(0xD2511F53u), q = c * FourWords::broadcast(0xCD9E8D57u);
    a = q.upper() ^ (b ^ key0);
    b = q;
    c = p.upper() ^ (d ^ key1);
    d = p;
  }
};

}  // namespace detail

/// out[i] = key.word(first + i) for i in 0 .. count-1, many at once. first must be a multiple of 4, and out must have
/// room for `count` rounded up to a multiple of 32.
inline void fill_words(Key key, std::uint64_t first, Index count, std::uint32_t* out) {
  for (Index i = 0; i < count; i += 32) {
    // Two at a time, since each waits for its own multiplications.
    const std::uint64_t counter = (first + static_cast<std::uint64_t>(i)) / 4;
    detail::FourCounters x(counter), y(counter + 4);
    auto k0 = static_cast<std::uint32_t>(key.value), k1 = static_cast<std::uint32_t>(key.value >> 32);
    for (int pass = 0; pass < 10; ++pass, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
      const auto key0 = detail::FourWords::broadcast(k0), key1 = detail::FourWords::broadcast(k1);
      x.mix(key0, key1);
      y.mix(key0, key1);
    }
    detail::FourWords::store(x.a, x.b, x.c, x.d, out + i);
    detail::FourWords::store(y.a, y.b, y.c, y.d, out + i + 16);
  }
}

}  // namespace paser
#include "paser/core/macros_on.inc"
