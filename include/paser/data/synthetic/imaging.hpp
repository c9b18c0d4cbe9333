#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/synthetic/binder.hpp"

/// What a tomograph makes of a structure: contrast, slice thickness, point spread, and then (artifacts.hpp) what the
/// detector and the reconstruction add. Pietsch, Wood, "X-ray tomography for lithium ion battery research: a practical
/// guide", Annu. Rev. Mater. Res. 2017.
namespace paser::data::synthetic {

namespace detail {

/// The gray value of each particle: near 1, or clearly less for those that the slice only grazes.
inline std::vector<float> particle_grays(const ElectrodeParameters& parameters, std::size_t particles, Key key) {
  Draws draw(key);
  const float grazed = draw.uniform(parameters.grazed);
  std::vector<float> grays(particles);
  for (float& gray : grays) {
    const float whole = multiply_add(0.05f, draw.normal(), 1), part = draw.uniform(parameters.grazed_gray);
    gray = draw.uniform() < grazed ? part : whole;
  }
  return grays;
}

/// The materials as gray values: each with its own mean and texture. Carbon is told from pores by a small step only.
inline Field contrast(const ElectrodeParameters& parameters, const Packing& packing, const Outline& outline,
                      const Materials& materials, Key key) {
  const Index rows = materials.height, columns = materials.width;
  constexpr auto scale = static_cast<float>(fine);
  Draws draw(key.fold(0));
  const float pore_gray = draw.uniform(parameters.pore_gray);
  const float carbon_gray = pore_gray + draw.uniform(parameters.carbon_step);
  const float rough = draw.uniform(parameters.carbon_texture);
  const float grain = draw.uniform(parameters.nickel_grain), cloud = draw.uniform(parameters.nickel_texture);
  const Field fibres = random_field(key.fold(1), rows, columns, draw.uniform(0.8f, 1.4f) * scale);
  const Field grains = random_field(key.fold(2), rows, columns, 1.3f * scale);
  const Field clouds = random_field(key.fold(3), rows, columns, packing.radius / 4);
  const auto grays = particle_grays(parameters, packing.particles.size(), key.fold(4));
  Field image(rows, columns);
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (materials[i] == pore) {
      image[i] = pore_gray;
    } else if (materials[i] == carbon) {
      image[i] = multiply_add(rough, fibres[i], carbon_gray);
    } else {
      const float mean = outline.owner[i] >= 0 ? grays[static_cast<std::size_t>(outline.owner[i])] : 1;
      image[i] = static_cast<float>(static_cast<double>(mean) + (exact(grain, grains[i]) + exact(cloud, clouds[i])));
    }
  }
  return image;
}

/// Averages over the thickness of the slice: the structure in it, and displaced above and below it.
inline Field thickened(const ElectrodeParameters& parameters, const Packing& packing, const Field& image, Key key) {
  const Index rows = image.height, columns = image.width;
  Draws draw(key.fold(0));
  const float amplitude = draw.uniform(parameters.thickness) * static_cast<float>(fine);
  Field result(rows, columns);
  for (std::size_t i = 0; i < image.size(); ++i) result[i] = image[i] / 2;
  for (std::uint64_t plane = 0; plane < 2; ++plane) {
    const Field down = random_field(key.fold(1 + 2 * plane), rows, columns, packing.radius / 2);
    const Field across = random_field(key.fold(2 + 2 * plane), rows, columns, packing.radius / 2);
    for (Index y = 0; y < rows; ++y)
      for (Index x = 0; x < columns; ++x)
        result(y, x) += sample(image, multiply_add(amplitude, down(y, x), static_cast<float>(y)),
                               multiply_add(amplitude, across(y, x), static_cast<float>(x))) /
                        4;
  }
  return result;
}

/// Point spread, sharper in some places than in others, and the fringes of propagation at edges.
inline Field focused(const ElectrodeParameters& parameters, const Field& image, Key key) {
  const Index rows = image.height, columns = image.width;
  Draws draw(key.fold(0));
  const float sharp = draw.uniform(parameters.blur) * static_cast<float>(fine);
  const Field in_focus = blurred(image, sharp), out_of_focus = blurred(image, sharp * draw.uniform(parameters.defocus));
  const Field mask = random_field(key.fold(1), rows, columns, static_cast<float>(rows) / 4);
  Field result(rows, columns);
  for (std::size_t i = 0; i < image.size(); ++i)
    result[i] = mix(in_focus[i], out_of_focus[i], std::clamp((mask[i] + 1) / 2, 0.f, 1.f));
  const float fringes = draw.uniform(parameters.fringes);
  const Field smooth = blurred(image, 1.3f * sharp);
  for (Index y = 0; y < rows; ++y) {
    const float* const here = smooth.row(y);
    const float* const above = smooth.row(std::max<Index>(y - 1, 0));
    const float* const below = smooth.row(std::min(y + 1, rows - 1));
    for (Index x = 0; x < columns; ++x) {
      const float around =
          (above[x] + below[x]) + (here[std::max<Index>(x - 1, 0)] + here[std::min(x + 1, columns - 1)]);
      result(y, x) = multiply_add(-fringes, around - 4 * here[x], result(y, x));
    }
  }
  return result;
}

/// The mean of each square of fine pixels.
inline Field reduced(const Field& image) {
  static_assert(fine == 2);
  Field result(image.height / fine, image.width / fine);
  for (Index y = 0; y < result.height; ++y)
    for (Index x = 0; x < result.width; ++x)
      result(y, x) =
          ((image(2 * y, 2 * x) + image(2 * y, 2 * x + 1)) + (image(2 * y + 1, 2 * x) + image(2 * y + 1, 2 * x + 1))) /
          4;
  return result;
}

}  // namespace detail

/// The structure as a perfect detector would see it, at the size of the image; the active material has gray value 1.
inline Field projected(const ElectrodeParameters& parameters, const Packing& packing, const Outline& outline,
                       const Materials& materials, Key key) {
  const Field image = detail::contrast(parameters, packing, outline, materials, key.fold(0));
  return detail::reduced(
      detail::focused(parameters, detail::thickened(parameters, packing, image, key.fold(1)), key.fold(2)));
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
