#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/synthetic/packing.hpp"

/// Pores inside of particles: radial cracks and hollow cores. Petrich et al., "Crack detection in lithium-ion cells
/// using machine learning", Comput. Mater. Sci. 2017; Heenan et al., "Identifying the origins of microstructural
/// defects such as cracking within Ni-rich NMC811 cathode particles", Adv. Energy Mater. 2020.
namespace paser::data::synthetic {

using Mask = Map<std::uint8_t>;  ///< A number per pixel that says what is there.

namespace detail {

/// Marks the pixels of a disc on a periodic grid.
inline void stamp(Mask& mask, float cy, float cx, float radius) {
  const auto reach = static_cast<Index>(radius) + 1;
  const auto y0 = static_cast<Index>(std::floor(cy)), x0 = static_cast<Index>(std::floor(cx));
  const auto squared = static_cast<float>(exact(radius, radius));
  const auto inside = [](Index i, Index n) { return (i % n + n) % n; };
  for (Index y = y0 - reach; y <= y0 + reach + 1; ++y)
    for (Index x = x0 - reach; x <= x0 + reach + 1; ++x) {
      const float dy = static_cast<float>(y) - cy, dx = static_cast<float>(x) - cx;
      if (dot(dy, dy, dx, dx) <= squared) mask(inside(y, mask.height), inside(x, mask.width)) = 1;
    }
}

/// One branch: a walk from (y, x) that bends and trembles, and gets thinner.
inline void branch(Mask& mask, Draws& draw, float y, float x, Vector way, float length, float half_width) {
  constexpr float step = 0.35f * static_cast<float>(fine);
  const float bend = 0.02f * draw.normal();
  const auto steps = static_cast<Index>(length / step);
  for (Index i = 0; i < steps; ++i) {
    const float gone = static_cast<float>(i) / static_cast<float>(steps);
    stamp(mask, y, x, half_width * multiply_add(-0.7f, gone, 1));
    way = way.turned(multiply_add(0.13f, draw.normal(), bend));
    y = multiply_add(step, way.y, y);
    x = multiply_add(step, way.x, x);
  }
}

/// 1-4 branches at even angles from near the centre.
inline void crack(const ElectrodeParameters& parameters, Mask& mask, Draws& draw, float y, float x, float radius) {
  constexpr Vector apart[4] = {{1, 0}, {-1, 0}, {-0.5f, 0.8660254f}, {0, 1}};
  const Index branches = 1 + draw.uniform_int(4);
  y = multiply_add(0.12f * radius, draw.uniform(-1, 1), y);
  x = multiply_add(0.12f * radius, draw.uniform(-1, 1), x);
  Vector way = draw.direction();
  for (Index i = 0; i < branches; ++i) {
    const float length = draw.uniform(parameters.crack_length) * radius;
    const float width = draw.uniform(parameters.crack_width) * static_cast<float>(fine);
    branch(mask, draw, y, x, way.turned(draw.uniform(-0.3f, 0.3f)), length, width);
    way = way.turned(apart[branches - 1]);
  }
}

/// A ragged ellipse; `rag` is a random field that moves its border.
inline void hollow(Mask& mask, Draws& draw, const Field& rag, float cy, float cx, float radius) {
  const float a = draw.uniform(0.12f, 0.26f) * radius, b = a * draw.uniform(0.6f, 1);
  const Vector axis = draw.direction();
  const auto reach = static_cast<Index>(1.8f * a) + 1;
  const auto y0 = static_cast<Index>(cy), x0 = static_cast<Index>(cx);
  for (Index y = std::max<Index>(y0 - reach, 0); y <= std::min(y0 + reach, mask.height - 1); ++y)
    for (Index x = std::max<Index>(x0 - reach, 0); x <= std::min(x0 + reach, mask.width - 1); ++x) {
      const float dy = static_cast<float>(y) - cy, dx = static_cast<float>(x) - cx;
      const float along = dot(dx, axis.x, dy, axis.y) / a, beside = dot(dy, axis.x, -dx, axis.y) / b;
      const float border = multiply_add(0.2f, rag(y, x), 1);
      if (border > 0 && dot(along, along, beside, beside) < static_cast<float>(exact(border, border))) mask(y, x) = 1;
    }
}

/// Keeps at most `count` marked pixels, where a random field is high.
inline void keep_some(Mask& mask, Index count, const Field& field) {
  std::vector<float> values;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i]) values.push_back(field[i]);
  if (static_cast<Index>(values.size()) <= count) return;
  const float least = threshold_of_top(std::move(values), count);
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (field[i] < least) mask[i] = 0;
}

}  // namespace detail

/// The pixels that are pore whatever is around them: cracks, hollow cores and specks; at most 60 % of the pores that
/// the image is to have.
inline Mask defects(const ElectrodeParameters& parameters, const Packing& packing, float pore_share, Key key) {
  const Index rows = parameters.height * fine, columns = parameters.width * fine;
  Mask mask(rows, columns);
  Draws draw(key.fold(0));
  const float cracked = draw.uniform(parameters.cracked), specks = draw.uniform(parameters.pore_specks);
  const Field fine_field = random_field(key.fold(1), rows, columns, 1.7f * static_cast<float>(fine));
  for (std::size_t i = 0; i < packing.particles.size(); ++i) {
    const Particle& p = packing.particles[i];
    if (p.radius <= 0.6f * packing.radius) continue;
    Draws own(key.fold(2).fold(i));
    const float y = p.y * packing.flattening;
    if (own.uniform() < cracked) detail::crack(parameters, mask, own, y, p.x, p.radius);
    if (own.uniform() < parameters.voids) detail::hollow(mask, own, fine_field, y, p.x, p.radius);
  }
  const auto pixels = static_cast<double>(mask.size());
  const float top = threshold_of_top(fine_field.values, static_cast<Index>(static_cast<double>(specks) * pixels));
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (fine_field[i] >= top) mask[i] = 1;
  detail::keep_some(mask, static_cast<Index>(0.6 * static_cast<double>(pore_share) * pixels),
                    random_field(key.fold(3), rows, columns, 0.8f * packing.radius));
  return mask;
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
