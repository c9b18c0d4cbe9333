#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

#include "paser/core/random_words.hpp"
#include "paser/data/synthetic/arithmetic.hpp"

namespace paser::data::synthetic {

/// A value for each pixel of one image, row after row.
template <class T>
struct Map {
  Index height = 0, width = 0;
  std::vector<T> values;

  Map() = default;
  Map(Index h, Index w, T value = T()) : height(h), width(w), values(static_cast<std::size_t>(h * w), value) {}

  T* row(Index y) { return values.data() + y * width; }  ///< Row y.
  const T* row(Index y) const { return values.data() + y * width; }
  T& operator()(Index y, Index x) { return row(y)[x]; }
  T operator()(Index y, Index x) const { return row(y)[x]; }
  std::size_t size() const { return values.size(); }
  T& operator[](std::size_t i) { return values[i]; }
  T operator[](std::size_t i) const { return values[i]; }
};

using Field = Map<float>;  ///< A real number per pixel.

/// Rows to columns.
inline Field transposed(const Field& in) {
  constexpr Index block = 16;
  Field out(in.width, in.height);
  for (Index y0 = 0; y0 < in.height; y0 += block)
    for (Index x0 = 0; x0 < in.width; x0 += block)
      for (Index x = x0; x < std::min(x0 + block, in.width); ++x)
        for (Index y = y0; y < std::min(y0 + block, in.height); ++y) out(x, y) = in(y, x);
  return out;
}

namespace detail {

/// The mean over a box of 2 radius + 1 rows, fractional at its ends, down each column; borders are repeated.
inline void box_columns(const Field& in, Field& out, float radius) {
  const auto reach = static_cast<Index>(radius);
  const double part = static_cast<double>(radius) - static_cast<double>(reach), width = 2 * static_cast<double>(radius);
  const double whole_weight = 1 / (width + 1), part_weight = part / (width + 1);
  const auto line = [&](Index y) { return in.row(std::clamp<Index>(y, 0, in.height - 1)); };
  std::vector<double> sums(static_cast<std::size_t>(in.width));
  for (Index y = -reach; y <= reach; ++y)
    for (Index x = 0; x < in.width; ++x) sums[static_cast<std::size_t>(x)] += static_cast<double>(line(y)[x]);
  double* const sum = sums.data();
  for (Index y = 0; y < in.height; ++y) {
    const float *const first = line(y - reach), *const before = line(y - reach - 1), *const after = line(y + reach + 1);
    float* const to = out.row(y);
    for (Index x = 0; x < in.width; ++x) {
      const double next = static_cast<double>(after[x]);
      // Each product is rounded to float before the two are added.
      to[x] = static_cast<float>(sum[x] * whole_weight) +
              static_cast<float>((static_cast<double>(before[x]) + next) * part_weight);
      sum[x] += next - static_cast<double>(first[x]);
    }
  }
}

inline void box_columns_thrice(Field& field, float radius) {
  Field other(field.height, field.width);
  box_columns(field, other, radius);
  box_columns(other, field, radius);
  box_columns(field, other, radius);
  std::swap(field, other);
}

/// The radius of a box whose three-fold use has the variance of a Gaussian of this width: 3 boxes of 2 whole + 1 equal
/// pixels and two parts p have the variance 3 (whole (whole+1) (2 whole+1) / 3 + 2 p (whole+1)^2) / (2 (whole + p) +
/// 1). Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box filtering", SSVM 2011.
inline float box_radius(float sigma) {
  const double variance = exact(sigma, sigma) / 3;
  const auto whole = static_cast<double>(static_cast<Index>((std::sqrt(4 * exact(sigma, sigma) + 1) - 1) / 2));
  const double inner = whole * (whole + 1) / 3, outer = (whole + 1) * (whole + 1);
  const double missing = variance - inner;  // at least 0, the variance of the whole box is at most the wanted one
  const double scale = 2 * whole + 1;
  return static_cast<float>(whole + scale * missing / (2 * (outer - variance)));
}

}  // namespace detail

/// Gaussian blur of width sigma, in pixels, as three boxes each way; borders are repeated.
inline Field blurred(Field field, float sigma) {
  const float radius = detail::box_radius(sigma);
  detail::box_columns_thrice(field, radius);
  field = transposed(field);
  detail::box_columns_thrice(field, radius);
  return transposed(field);
}

/// Independent values of variance 1 and mean 0: each the sum of four uniform bytes.
inline Field white_noise(Key key, Index height, Index width) {
  Field noise(height, width);
  std::vector<std::uint32_t> words(noise.size() + 32);
  fill_words(key, 0, static_cast<Index>(noise.size()), words.data());
  constexpr float deviation = 0.00676588f;  // 1 / sqrt(4 (256^2 - 1) / 12)
  for (std::size_t i = 0; i < noise.size(); ++i) {
    const std::uint32_t w = words[i];
    const auto sum = static_cast<int>((w & 255) + (w >> 8 & 255) + (w >> 16 & 255) + (w >> 24));
    noise[i] = static_cast<float>(sum - 510) * deviation;
  }
  return noise;
}

/// Shifts and scales a field to mean 0 and variance 1.
inline void standardise(Field& field) {
  // Eight sums side by side: an order of additions that is fixed and that vector units can follow.
  double sum[8] = {}, squares[8] = {};
  const std::size_t n = field.size(), whole = n / 8 * 8;
  for (std::size_t i = 0; i < n; i += i < whole ? 8 : 1)
    for (std::size_t k = 0; k < (i < whole ? 8u : 1u); ++k) {
      sum[k] += static_cast<double>(field[i + k]);
      squares[k] += exact(field[i + k], field[i + k]);
    }
  const auto total = [](const double* s) { return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])); };
  const auto mean = static_cast<float>(total(sum) / static_cast<double>(n));
  const double variance = total(squares) / static_cast<double>(n) - exact(mean, mean);
  const double scale = 1 / std::sqrt(std::max(variance, 1e-12));
  for (float& v : field.values) v = static_cast<float>(static_cast<double>(v - mean) * scale);
}

/// The field at a place between pixels, borders repeated.
inline float sample(const Field& field, float y, float x) {
  y = std::clamp(y, 0.f, static_cast<float>(field.height - 1));
  x = std::clamp(x, 0.f, static_cast<float>(field.width - 1));
  const auto y0 = static_cast<Index>(y), x0 = static_cast<Index>(x);
  const Index x1 = std::min(x0 + 1, field.width - 1);
  const float *const upper = field.row(y0), *const lower = field.row(std::min(y0 + 1, field.height - 1));
  const float tx = x - static_cast<float>(x0), ty = y - static_cast<float>(y0);
  return mix(mix(upper[x0], upper[x1], tx), mix(lower[x0], lower[x1], tx), ty);
}

namespace detail {

/// Linear interpolation between the points of a coarse grid, `step` pixels apart.
inline Field refined(const Field& coarse, Index height, Index width, Index step) {
  const float fraction = 1 / static_cast<float>(step);  // a power of two
  Field across(coarse.height, width), field(height, width);
  for (Index y = 0; y < coarse.height; ++y)
    for (Index x = 0; x < width; ++x)
      across(y, x) = mix(coarse(y, x / step), coarse(y, x / step + 1), static_cast<float>(x % step) * fraction);
  for (Index y = 0; y < height; ++y) {
    const float *const upper = across.row(y / step), *const lower = across.row(y / step + 1);
    const float t = static_cast<float>(y % step) * fraction;
    for (Index x = 0; x < width; ++x) field(y, x) = mix(upper[x], lower[x], t);
  }
  return field;
}

}  // namespace detail

/// A Gaussian random field: white noise blurred by a Gaussian of width sigma (pixels), of mean 0 and variance 1. Wide
/// ones are drawn on a coarser grid.
inline Field random_field(Key key, Index height, Index width, float sigma) {
  Index step = 1;
  while (sigma >= 6 * static_cast<float>(step)) step *= 2;
  const float width_here = sigma / static_cast<float>(step);
  const Index margin = 3 * (static_cast<Index>(detail::box_radius(width_here)) + 1);
  const Index rows = step == 1 ? height : (height - 1) / step + 2;
  const Index columns = step == 1 ? width : (width - 1) / step + 2;
  const Field noise = blurred(white_noise(key, rows + 2 * margin, columns + 2 * margin), width_here);
  Field field(rows, columns);
  for (Index y = 0; y < rows; ++y) std::copy_n(noise.row(y + margin) + margin, columns, field.row(y));
  standardise(field);
  return step == 1 ? field : detail::refined(field, height, width, step);
}

/// The value that exactly `count` of the values reach (more where values are equal); above all of them for count 0.
inline float threshold_of_top(std::vector<float> values, Index count) {
  if (count <= 0 || values.empty()) return std::numeric_limits<float>::infinity();
  const auto nth = values.begin() + std::min<Index>(count, static_cast<Index>(values.size())) - 1;
  std::nth_element(values.begin(), nth, values.end(), std::greater<>());
  return *nth;
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
