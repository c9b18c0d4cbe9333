#pragma once
#include "paser/core/macros_off.inc"

#include <numeric>

#include "paser/data/synthetic/field.hpp"
#include "paser/data/synthetic/parameters.hpp"

namespace paser::data::synthetic {

/// Structures are drawn on a grid this many times finer than the image.
inline constexpr Index fine = 2;

/// A particle of active material, in pixels of the fine grid. Heights are those before calendering.
struct Particle {
  float y = 0, x = 0, radius = 0;
};

/// A dense packing of discs in a periodic cell.
struct Packing {
  float height = 0, width = 0;  ///< of the cell; the image's height is `flattening` times this one
  float flattening = 1;
  float radius = 0;  ///< the mean that was drawn
  std::vector<Particle> particles;
};

namespace detail {

/// The shortest way from a to b in a period.
constexpr float periodic(float from, float to, float period) {
  const float d = to - from;
  return d > period / 2 ? d - period : d < -period / 2 ? d + period : d;
}
constexpr float wrapped(float v, float period) {
  return v < 0 ? v + period : v >= period ? v - period : v;
}

using Pair = std::pair<std::uint32_t, std::uint32_t>;

/// Pairs that overlap or nearly do.
inline std::vector<Pair> neighbours(const Packing& packing) {
  const auto& p = packing.particles;
  const std::size_t n = p.size();
  std::vector<std::uint32_t> by_height(n);
  std::iota(by_height.begin(), by_height.end(), 0u);
  std::sort(by_height.begin(), by_height.end(),
            [&](std::uint32_t a, std::uint32_t b) { return p[a].y != p[b].y ? p[a].y < p[b].y : a < b; });
  float largest = 0;
  for (const Particle& q : p) largest = std::max(largest, q.radius);
  const float slack = packing.radius / 2;
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < n; ++i) {
    const Particle& a = p[by_height[i]];
    for (std::size_t k = 1; k < n; ++k) {
      const Particle& b = p[by_height[(i + k) % n]];
      const float up = i + k < n ? b.y - a.y : b.y + packing.height - a.y;
      if (up > a.radius + largest + slack) break;
      const float dy = periodic(a.y, b.y, packing.height), dx = periodic(a.x, b.x, packing.width);
      const float reach = a.radius + b.radius + slack;
      if (dot(dy, dy, dx, dx) < static_cast<float>(exact(reach, reach)))
        pairs.emplace_back(by_height[i], by_height[(i + k) % n]);
    }
  }
  return pairs;
}

/// Moves two discs apart by 0.45 of their overlap, the smaller one more, by the squares of the radii.
inline bool separate(Packing& packing, Particle& a, Particle& b) {
  const float dy = periodic(a.y, b.y, packing.height), dx = periodic(a.x, b.x, packing.width);
  const float distance = std::sqrt(dot(dy, dy, dx, dx)), overlap = a.radius + b.radius - distance;
  if (!(overlap > 0)) return false;
  // Discs of one centre part to the right.
  const float uy = distance > 0 ? dy / distance : 0, ux = distance > 0 ? dx / distance : 1;
  const float share =
      static_cast<float>(exact(b.radius, b.radius) / (exact(a.radius, a.radius) + exact(b.radius, b.radius)));
  const auto shift = [&](Particle& p, float way) {
    p.y = wrapped(multiply_add(uy, way, p.y), packing.height);
    p.x = wrapped(multiply_add(ux, way, p.x), packing.width);
  };
  shift(a, -(0.45f * overlap) * share);
  shift(b, (0.45f * overlap) * (1 - share));
  return true;
}

}  // namespace detail

/// Throws discs of log-normal radii, finer in some zones than in others, until their areas would fill 90 % of the cell,
/// then moves overlapping ones apart. After Lubachevsky and Stillinger, "Geometric properties of random disk packings",
/// J. Stat. Phys. 1990, in its simplest form.
inline Packing pack(const ElectrodeParameters& parameters, Key key) {
  Draws draw(key.fold(0));
  Packing packing;
  const Index rows = parameters.height * fine, columns = parameters.width * fine;
  packing.radius = draw.log_uniform(parameters.radius) * static_cast<float>(fine);
  packing.flattening = draw.uniform(parameters.flattening);
  packing.height = static_cast<float>(rows) / packing.flattening;
  packing.width = static_cast<float>(columns);
  const float zones = draw.uniform(parameters.zones), spread = parameters.radius_spread;
  const Field zone = random_field(key.fold(1), rows, columns, static_cast<float>(rows) / 7);

  const double wanted = 0.90 / 3.14159265358979 * exact(packing.height, packing.width);
  for (double squares = 0; squares < wanted;) {
    Particle p{draw.uniform(0, packing.height), draw.uniform(0, packing.width), 0};
    const auto row = std::min(static_cast<Index>(p.y * packing.flattening), rows - 1);
    const auto column = std::min(static_cast<Index>(p.x), columns - 1);
    const float local = zones * std::clamp(zone(row, column), -2.f, 2.f);
    // A mean of 1 before clipping, whatever the spread.
    const float single = exponential(multiply_add(spread, draw.normal(), -(spread * spread) / 2));
    p.radius = packing.radius * std::clamp(single, 0.22f, 2.4f) * exponential(local);
    squares += exact(p.radius, p.radius);
    packing.particles.push_back(p);
  }

  std::vector<detail::Pair> pairs;
  for (int sweep = 0; sweep < 70; ++sweep) {
    if (sweep % 7 == 0) pairs = detail::neighbours(packing);
    bool moved = false;
    for (const auto& [a, b] : pairs)
      moved = detail::separate(packing, packing.particles[a], packing.particles[b]) || moved;
    if (!moved) break;
  }
  return packing;
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
