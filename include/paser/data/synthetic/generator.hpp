#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/synthetic/artifacts.hpp"
#include "paser/data/synthetic/imaging.hpp"

/// Synthetic three-phase battery electrodes: a micro-structure (the labels) and a low-resolution tomogram of it (the
/// image), as the battery set of the PaSeR paper has them. docs/synthetic_electrode.md describes the recipe.
namespace paser::data {

using synthetic::ElectrodeParameters;

/// Changes whenever the same key and parameters give other electrodes.
inline constexpr int electrode_recipe = 1;

/// Tomograms and what is in them.
struct Electrodes {
  Tensor<std::uint8_t, 3> images;  ///< (N, H, W)
  Labels labels;                   ///< (N, H, W), a BatteryClass each
};

namespace detail {

/// Image and labels of one key.
inline void make_electrode(const ElectrodeParameters& parameters, Key key, std::uint8_t* image, std::int32_t* labels) {
  const auto packing = synthetic::pack(parameters, key.fold(0));
  const auto outline = synthetic::outline(parameters, packing, key.fold(1));
  const auto shares = synthetic::Shares::draw(parameters, key.fold(2));
  const auto materials = synthetic::fill(parameters, packing, outline, shares, key.fold(3));
  const auto seen = synthetic::projected(parameters, packing, outline, materials, key.fold(4));
  std::ranges::copy(synthetic::detected(parameters, seen, key.fold(5)).values, image);
  std::ranges::copy(synthetic::reduced(materials).values, labels);
}

}  // namespace detail

/// Electrodes number first .. first + count - 1 of a key. Number k depends on the key, k and the parameters alone: it
/// is the same in any batch, for any number of threads and on every machine. Throws ValueError on parameters that make
/// no sense (see synthetic::check_parameters) and on negative numbers.
inline Electrodes make_electrodes(Key key, Index first, Index count, const ElectrodeParameters& parameters = {}) {
  synthetic::check_parameters(parameters);
  check<ValueError>(first >= 0 && count >= 0, "make_electrodes", count, " electrodes from number ", first);
  const Index pixels = parameters.height * parameters.width;
  Electrodes result{Tensor<std::uint8_t, 3>({count, parameters.height, parameters.width}),
                    Labels({count, parameters.height, parameters.width})};
  std::uint8_t* const images = result.images.mutable_data();
  std::int32_t* const labels = result.labels.mutable_data();
  parallel_each(count, [&](Index i) {
    detail::make_electrode(parameters, key.fold(static_cast<std::uint64_t>(first + i)), images + i * pixels,
                           labels + i * pixels);
  });
  return result;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
