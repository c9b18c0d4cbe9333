#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/data/synthetic/field.hpp"

namespace paser::data::synthetic {

/// The squared distance of every pixel to the nearest marked one, in whole numbers: Meijster, Roerdink, Hesselink, "A
/// general algorithm for computing distance transforms in linear time", 2000. Where nothing is marked: larger than any.
inline Map<std::int32_t> squared_distance(const Map<std::uint8_t>& marked) {
  const Index rows = marked.height, columns = marked.width;
  const auto none = static_cast<std::int32_t>(rows + columns);
  Map<std::int32_t> result(rows, columns);
  // Down and up each column.
  for (Index y = 0; y < rows; ++y)
    for (Index x = 0; x < columns; ++x)
      result(y, x) = marked(y, x) ? 0 : y > 0 ? std::min(result(y - 1, x) + 1, none) : none;
  for (Index y = rows - 2; y >= 0; --y)
    for (Index x = 0; x < columns; ++x) result(y, x) = std::min(result(y, x), result(y + 1, x) + 1);

  // Along each row: the lower envelope of the parabolas (x - i)^2 + g(i)^2.
  const auto n = static_cast<std::size_t>(columns);
  std::vector<std::int32_t> g(n), site(n), start(n);
  const auto at = [](std::int32_t i) { return static_cast<std::size_t>(i); };
  for (Index y = 0; y < rows; ++y) {
    std::copy_n(result.row(y), columns, g.begin());
    const auto height = [&](std::int32_t x, std::int32_t i) { return (x - i) * (x - i) + g[at(i)] * g[at(i)]; };
    std::int32_t q = 0;
    site[0] = start[0] = 0;
    for (std::int32_t u = 1; u < columns; ++u) {
      while (q >= 0 && height(start[at(q)], site[at(q)]) > height(start[at(q)], u)) --q;
      if (q < 0) {
        q = 0;
        site[0] = u;
        continue;
      }
      const std::int32_t i = site[at(q)];
      const std::int32_t rise = u * u - i * i + g[at(u)] * g[at(u)] - g[at(i)] * g[at(i)];
      // Never negative: parabola i is the lower one at the start of its own reign.
      const std::int32_t crossing = 1 + rise / (2 * (u - i));
      if (crossing < columns) {
        ++q;
        site[at(q)] = u;
        start[at(q)] = crossing;
      }
    }
    for (auto u = static_cast<std::int32_t>(columns) - 1; u >= 0; --u) {
      result(y, u) = height(u, site[at(q)]);
      if (u == start[at(q)]) --q;
    }
  }
  return result;
}

namespace detail {

inline void maximum_columns(Field& field, Index radius) {
  // Windows of doubled height, then two that overlap to the wanted one.
  const Index wanted = std::min(2 * radius + 1, 2 * field.height - 1);
  Field padded(field.height + wanted - 1, field.width, -std::numeric_limits<float>::infinity());
  for (Index y = 0; y < field.height; ++y) std::copy_n(field.row(y), field.width, padded.row(y + wanted / 2));
  const auto combine = [&](Index shift, Index rows) {
    for (Index y = 0; y < rows; ++y) {
      float* const a = padded.row(y);
      const float* const b = padded.row(y + shift);
      for (Index x = 0; x < field.width; ++x) a[x] = a[x] > b[x] ? a[x] : b[x];
    }
  };
  Index height = 1;
  for (; 2 * height <= wanted; height *= 2) combine(height, padded.height - 2 * height + 1);
  if (height < wanted) combine(wanted - height, field.height);
  std::copy_n(padded.row(0), field.size(), field.row(0));
}

}  // namespace detail

/// The largest value in a square of 2 radius + 1 pixels around each pixel.
inline Field window_maximum(Field field, Index radius) {
  detail::maximum_columns(field, radius);
  field = transposed(field);
  detail::maximum_columns(field, radius);
  return transposed(field);
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
