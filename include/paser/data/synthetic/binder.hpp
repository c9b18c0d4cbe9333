#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/battery.hpp"
#include "paser/data/synthetic/cracks.hpp"
#include "paser/data/synthetic/distance.hpp"
#include "paser/data/synthetic/outline.hpp"

/// Where the carbon-binder domain lies: films and necks at contacts, agglomerates, walls of pores. Zielke et al.,
/// "Three-phase multiscale modeling of a LiCoO2 cathode", Adv. Energy Mater. 2015; Mistry, Smith, Mukherjee, "Secondary
/// phase stochastics in lithium-ion battery porous electrodes", ACS Appl. Mater. Interfaces 2018.
namespace paser::data::synthetic {

/// A BatteryClass for each pixel.
using Materials = Map<std::uint8_t>;

inline constexpr std::uint8_t pore = static_cast<std::uint8_t>(BatteryClass::pore);  ///< The label of a pore.
/// The label of carbon and binder.
inline constexpr std::uint8_t carbon = static_cast<std::uint8_t>(BatteryClass::carbon);
/// The label of active material.
inline constexpr std::uint8_t nickel = static_cast<std::uint8_t>(BatteryClass::nickel);

/// Which shares of its pixels an image is to have.
struct Shares {
  float pore = 0, carbon = 0;

  /// The shares of one image, drawn from gamma distributions about those of the parameters.
  static Shares draw(const ElectrodeParameters& parameters, Key key) {
    Draws d(key);
    const float p = d.gamma(parameters.pore_share, 3.2f), c = d.gamma(parameters.carbon_share, 5.5f);
    return {std::clamp(p, 0.1f * parameters.pore_share, 2.9f * parameters.pore_share),
            std::clamp(c, 0.18f * parameters.carbon_share, 2.36f * parameters.carbon_share)};
  }
};

namespace detail {

/// A pixel is solid for the growths s with low < s < high.
struct Growth {
  Field low, high;

  Growth(const ElectrodeParameters& parameters, const Packing& packing, const Outline& outline, Key key)
      : low(outline.first), high(outline.first.height, outline.first.width, std::numeric_limits<float>::infinity()) {
    const Index rows = low.height, columns = low.width;
    const float r = packing.radius;
    Draws draw(key.fold(0));
    const float level = draw.uniform(parameters.film_level);
    const float film = draw.uniform(parameters.film) * static_cast<float>(fine);
    const float bare = draw.uniform(0, 0.2f) * static_cast<float>(fine);
    const float recede = draw.uniform(parameters.agglomerates) * r;
    const Field films = random_field(key.fold(1), rows, columns, 0.5f * r);
    const Field agglomerates = random_field(key.fold(2), rows, columns, draw.uniform(0.7f, 1.2f) * r);
    for (std::size_t i = 0; i < low.size(); ++i) {
      const float thinned = std::max(0.f, agglomerates[i] - 0.9f);
      low[i] = multiply_add(recede, thinned, outline.first[i]);
      // At a contact the solid ends where both particles are about equally near.
      if (outline.second[i] - outline.first[i] <= (films[i] > level ? film : bare))
        high[i] = multiply_add(recede, thinned, outline.second[i]);
    }
  }

  Index solid(float s) const {
    Index count = 0;
    for (std::size_t i = 0; i < low.size(); ++i) count += low[i] < s && s < high[i];
    return count;
  }

  /// The growth that makes `wanted` pixels solid.
  float find(Index wanted, float least, float most) const {
    for (int step = 0; step < 26; ++step) {
      const float middle = (least + most) / 2;
      (solid(middle) < wanted ? least : most) = middle;
    }
    return (least + most) / 2;
  }
};

/// Carbon finely dispersed in the solid, in some zones only.
inline Mask carbon_specks(const ElectrodeParameters& parameters, const Packing& packing, Key key) {
  const Index rows = parameters.height * fine, columns = parameters.width * fine;
  Draws draw(key.fold(0));
  const Field specks = random_field(key.fold(1), rows, columns, draw.uniform(1.2f, 2.2f) * static_cast<float>(fine));
  const Field zones = random_field(key.fold(2), rows, columns, 1.1f * packing.radius);
  const float level = draw.uniform(parameters.carbon_specks);
  Mask mask(rows, columns);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = specks[i] > 2 && zones[i] > level;
  return mask;
}

/// How much a pixel of a gap is like a pore: in the middle of a wide gap most.
inline Field openness(const Packing& packing, const Materials& materials, Key key) {
  const Index rows = materials.height, columns = materials.width;
  Mask solid(rows, columns);
  for (std::size_t i = 0; i < solid.size(); ++i) solid[i] = materials[i] == nickel;
  const auto squared = squared_distance(solid);
  Field distance(rows, columns);
  for (std::size_t i = 0; i < distance.size(); ++i) distance[i] = std::sqrt(static_cast<float>(squared[i]));
  const Field widest = window_maximum(distance, static_cast<Index>(0.5f * packing.radius));
  Draws draw(key.fold(0));
  const Field small = random_field(key.fold(1), rows, columns, draw.uniform(0.2f, 0.4f) * packing.radius);
  const Field large = random_field(key.fold(2), rows, columns, 1.1f * packing.radius);
  for (std::size_t i = 0; i < distance.size(); ++i)
    distance[i] = static_cast<float>(static_cast<double>(distance[i] / (widest[i] + 1)) +
                                     (exact(0.30f, small[i]) + exact(0.30f, large[i])));
  return distance;
}

}  // namespace detail

/// The materials of an image on the fine grid: particles grow until the solid has its share; of the gaps between them
/// the most open pixels are pore, up to its share, and the rest is carbon.
inline Materials fill(const ElectrodeParameters& parameters, const Packing& packing, const Outline& outline,
                      Shares shares, Key key) {
  const Mask holes = defects(parameters, packing, shares.pore, key.fold(0));
  const Mask specks = detail::carbon_specks(parameters, packing, key.fold(1));
  detail::Growth growth(parameters, packing, outline, key.fold(2));
  for (std::size_t i = 0; i < holes.size(); ++i)
    if (holes[i] || specks[i]) growth.low[i] = std::numeric_limits<float>::infinity();
  const auto pixels = [&](float share) {
    return static_cast<Index>(static_cast<double>(share) * static_cast<double>(holes.size()));
  };
  const float s = growth.find(static_cast<Index>(holes.size()) - pixels(shares.pore) - pixels(shares.carbon),
                              -packing.radius, 0.6f * packing.radius);

  Materials materials(holes.height, holes.width, carbon);
  Index open = 0;
  for (std::size_t i = 0; i < materials.size(); ++i) {
    if (growth.low[i] < s && s < growth.high[i]) materials[i] = nickel;
    if (holes[i]) materials[i] = pore, ++open;
  }
  const Field score = detail::openness(packing, materials, key.fold(3));
  const auto in_gap = [&](std::size_t i) { return materials[i] == carbon && !specks[i]; };
  std::vector<float> scores;
  for (std::size_t i = 0; i < score.size(); ++i)
    if (in_gap(i)) scores.push_back(score[i]);
  const float least = threshold_of_top(std::move(scores), pixels(shares.pore) - open);
  for (std::size_t i = 0; i < score.size(); ++i)
    if (in_gap(i) && score[i] >= least) materials[i] = pore;
  return materials;
}

/// The majority of each square of fine pixels; ties go to nickel, then to carbon.
inline Materials reduced(const Materials& materials) {
  Materials result(materials.height / fine, materials.width / fine);
  for (Index y = 0; y < result.height; ++y)
    for (Index x = 0; x < result.width; ++x) {
      int count[battery_classes] = {};
      for (Index i = 0; i < fine; ++i)
        for (Index k = 0; k < fine; ++k) ++count[materials(y * fine + i, x * fine + k)];
      result(y, x) = count[nickel] >= count[carbon] && count[nickel] >= count[pore] ? nickel
                     : count[carbon] >= count[pore]                                 ? carbon
                                                                                    : pore;
    }
  return result;
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
