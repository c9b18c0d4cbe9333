#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <cstdint>

#include "paser/core/random.hpp"

/// Arithmetic that gives the same bits on every machine, for data that is named by its seed alone.
///
/// IEEE 754 fixes the result of + - * / and sqrt, but a compiler may fuse a product and a sum into one rounding where
/// the machine can, and the last bits of exp, log and sin are those of the C library. So, in data/synthetic: numbers
/// are float; a product that is added to something is taken in double, where it is exact, so that fusing changes
/// nothing; powers are made of square roots and products alone; angles are unit vectors; normal draws are sums of
/// uniform ones. (Options such as -ffast-math, which give up IEEE 754, void that.)
namespace paser::data::synthetic {

/// a * b without rounding.
constexpr double exact(float a, float b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

/// a * b + c, rounded the same way with and without a fused instruction.
constexpr float multiply_add(float a, float b, float c) {
  return static_cast<float>(exact(a, b) + static_cast<double>(c));
}

/// a * b + c * d, likewise.
constexpr float dot(float a, float b, float c, float d) {
  return static_cast<float>(exact(a, b) + exact(c, d));
}

/// a at t = 0, b at t = 1.
constexpr float mix(float a, float b, float t) {
  return multiply_add(t, b - a, a);
}

/// base^exponent of positive numbers, the exponent rounded down to a multiple of 2^-16: from square roots and products.
inline double power(double base, double exponent) {
  auto fixed = static_cast<std::uint64_t>(exponent * 65536);
  double result = 1, square = base;
  for (std::uint64_t whole = fixed >> 16; whole > 0; whole >>= 1, square *= square)
    if (whole & 1) result *= square;
  double root = base;
  for (std::uint64_t bits = (fixed & 0xFFFF) << 16 & 0xFFFFFFFF; bits > 0; bits = bits << 1 & 0xFFFFFFFF) {
    root = std::sqrt(root);
    if (bits & 0x80000000) result *= root;
  }
  return result;
}

/// e^x.
inline float exponential(float x) {
  constexpr double e = 2.718281828459045;
  const double magnitude = power(e, static_cast<double>(x < 0 ? -x : x));
  return static_cast<float>(x < 0 ? 1 / magnitude : magnitude);
}

/// A vector of the plane.
struct Vector {
  float x = 0, y = 0;

  /// This vector turned by an angle, exact to its third power: in radians, for steps below a half.
  constexpr Vector turned(float angle) const {
    const float t = angle / 2;
    const double square = exact(t, t), scale = 1 + square;
    return turned({static_cast<float>((1 - square) / scale), static_cast<float>(2 * static_cast<double>(t) / scale)});
  }
  /// This vector turned by the angle of a unit vector.
  constexpr Vector turned(Vector unit) const { return {dot(x, unit.x, -y, unit.y), dot(x, unit.y, y, unit.x)}; }
};

/// The values between which a property is drawn, evenly unless said otherwise.
struct Range {
  float low = 0, high = 0;

  constexpr bool operator==(const Range&) const = default;
};

/// Random draws of one key, one after the other.
class Draws {
 public:
  explicit constexpr Draws(Key key) : key_(key) {}

  /// In [0, 1).
  constexpr float uniform() { return static_cast<float>(key_.uniform(4 * next_++)); }
  constexpr float uniform(Range range) { return multiply_add(uniform(), range.high - range.low, range.low); }
  constexpr float uniform(float low, float high) { return uniform(Range{low, high}); }
  constexpr Index uniform_int(Index n) { return key_.uniform_int(4 * next_++, n); }  ///< A whole number in [0, n).

  /// Evenly in the logarithm.
  float log_uniform(Range range) {
    const double ratio = static_cast<double>(range.high) / static_cast<double>(range.low);
    return static_cast<float>(static_cast<double>(range.low) * power(ratio, static_cast<double>(uniform())));
  }

  /// Normal, as the sum of twelve uniform draws: never beyond 6 deviations.
  constexpr float normal() {
    std::int64_t sum = -6 * (std::int64_t{1} << 24);
    for (int i = 0; i < 3; ++i)
      for (const std::uint32_t word : key_.words(next_++)) sum += word >> 8;
    return static_cast<float>(sum) * 0x1p-24f;
  }

  /// Gamma distributed, by the cube of a normal draw: Wilson and Hilferty, "The distribution of chi-square", PNAS 1931.
  float gamma(float mean, float shape) {
    const float c = 1 / (9 * shape);
    const float root = multiply_add(normal(), std::sqrt(c), 1 - c);
    return root > 0 ? mean * (root * root * root) : 0;
  }

  /// A direction of the plane.
  Vector direction() {
    for (;;) {
      const float x = uniform(-1, 1), y = uniform(-1, 1), square = dot(x, x, y, y);
      if (square > 1 || square < 0.01f) continue;
      const float length = std::sqrt(square);
      return {x / length, y / length};
    }
  }

 private:
  Key key_;
  std::uint64_t next_ = 0;
};

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
