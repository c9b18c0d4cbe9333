#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/data/synthetic/packing.hpp"

namespace paser::data::synthetic {

/// Where a pixel lies relative to the particles: the tessellation that they span (an additively weighted Voronoi
/// diagram; Lautensack and Zuyev, "Random Laguerre tessellations", Adv. Appl. Probab. 2008, for its kind).
struct Outline {
  Field first;              ///< distance to the nearest outline, negative inside, in fine pixels
  Field second;             ///< to the second nearest
  Map<std::int32_t> owner;  ///< the nearest particle, or -1 far from all
};

namespace detail {

/// An outline's radius over the mean one: 1 + sum of a_k cos(k theta + phi_k), k = 2..5.
struct Harmonics {
  std::array<Vector, 4> a{};

  Harmonics(Draws& draw, float roughness) {
    constexpr float deviations[4] = {0.055f, 0.028f, 0.016f, 0.010f};
    for (std::size_t k = 0; k < 4; ++k) {
      const float size = roughness * (deviations[k] * draw.normal());
      const Vector phase = draw.direction();
      a[k] = {size * phase.x, size * phase.y};
    }
  }

  /// Towards (c, s), a unit vector.
  float radius(float c, float s) const {
    const float c2 = dot(c, c, -s, s), s2 = 2 * c * s;
    const float c3 = dot(c2, c, -s2, s), s3 = dot(c2, s, s2, c);
    const float c4 = dot(c2, c2, -s2, s2), s4 = 2 * c2 * s2;
    const float c5 = dot(c4, c, -s4, s), s5 = dot(c4, s, s4, c);
    return static_cast<float>(1 + ((exact(a[0].x, c2) + exact(a[0].y, s2)) + (exact(a[1].x, c3) + exact(a[1].y, s3))) +
                              ((exact(a[2].x, c4) + exact(a[2].y, s4)) + (exact(a[3].x, c5) + exact(a[3].y, s5))));
  }
};

/// Calls f(centre') for each periodic image of an interval that may reach into 0 .. period.
template <class F>
void for_each_image(float centre, float reach, float period, F&& f) {
  const auto before = static_cast<Index>((centre + reach) / period);
  const auto after = static_cast<Index>((reach - centre) / period) + 1;
  for (Index k = -before; k <= after; ++k) f(multiply_add(static_cast<float>(k), period, centre));
}

}  // namespace detail

/// Draws the particles of a packing, each with an outline of its own, on a grid that is slightly warped.
inline Outline outline(const ElectrodeParameters& parameters, const Packing& packing, Key key) {
  const Index rows = parameters.height * fine, columns = parameters.width * fine;
  Draws draw(key.fold(0));
  const float warp = draw.uniform(parameters.warp) * packing.radius;
  Field down = random_field(key.fold(1), rows, columns, 0.45f * packing.radius);
  Field across = random_field(key.fold(2), rows, columns, 0.45f * packing.radius);
  for (Index y = 0; y < rows; ++y)
    for (Index x = 0; x < columns; ++x) {
      down(y, x) = multiply_add(warp, down(y, x), static_cast<float>(y)) / packing.flattening;
      across(y, x) = multiply_add(warp, across(y, x), static_cast<float>(x));
    }

  const float far = 0.6f * packing.radius;        // from there on no distance is needed
  const float margin = multiply_add(5, warp, 1);  // what the warp may add to a particle's reach
  Outline result{Field(rows, columns, far), Field(rows, columns, far), Map<std::int32_t>(rows, columns, -1)};
  const auto draw_one = [&](const detail::Harmonics& shape, float cy, float cx, float radius, std::int32_t number) {
    const float reach = multiply_add(1.2f, radius, far), squared = reach * reach;
    const auto limit = [](float v, Index n) { return static_cast<Index>(std::clamp(v, 0.f, static_cast<float>(n))); };
    const Index top = limit(multiply_add(cy - reach, packing.flattening, -margin), rows);
    const Index bottom = limit(multiply_add(cy + reach, packing.flattening, margin), rows);
    const Index left = limit(cx - reach - margin, columns), right = limit(cx + reach + margin, columns);
    for (Index y = top; y < bottom; ++y)
      for (Index x = left; x < right; ++x) {
        const float dy = down(y, x) - cy, dx = across(y, x) - cx, square = dot(dy, dy, dx, dx);
        if (square >= squared) continue;
        const float distance = std::sqrt(square);
        const float c = distance > 0 ? dx / distance : 1, s = distance > 0 ? dy / distance : 0;
        const auto d = static_cast<float>(static_cast<double>(distance) - exact(radius, shape.radius(c, s)));
        float& first = result.first(y, x);
        float& second = result.second(y, x);
        if (d < first) {
          second = first;
          first = d;
          result.owner(y, x) = number;
        } else if (d < second) {
          second = d;
        }
      }
  };
  std::int32_t number = 0;
  for (const Particle& p : packing.particles) {
    const detail::Harmonics shape(draw, parameters.roughness);
    const float reach = multiply_add(1.2f, p.radius, far) + margin;
    detail::for_each_image(p.y, reach, packing.height, [&](float y) {
      detail::for_each_image(p.x, reach, packing.width, [&](float x) { draw_one(shape, y, x, p.radius, number); });
    });
    ++number;
  }
  return result;
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
