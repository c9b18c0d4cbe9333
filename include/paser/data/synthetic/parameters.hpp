#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/data/synthetic/arithmetic.hpp"

namespace paser::data::synthetic {

/// What an electrode and its tomogram are drawn from. Every image draws its own value of each Range. Lengths are in
/// pixels of the image; gray values are relative to that of the active material, 1. The defaults give the phase
/// fractions of the PaSeR paper's battery set and make its question real: see docs/synthetic_electrode.md.
struct ElectrodeParameters {
  Index height = 224, width = 256;

  // Particles of active material (nickel).
  Range radius{9.5f, 24};           ///< mean radius, evenly in the logarithm
  float radius_spread = 0.40f;      ///< deviation of the logarithm of single radii
  Range zones{0.10f, 0.45f};        ///< how far the local mean radius moves, in the logarithm: fine and coarse zones
  Range flattening{0.78f, 1};       ///< height of a particle over its width, by calendering
  Range warp{0.04f, 0.09f};         ///< smooth distortion, in mean radii
  float roughness = 1;              ///< of outlines: 0 gives ellipses
  Range agglomerates{0.3f, 0.9f};   ///< how far solid recedes in binder agglomerates, in mean radii
  Range film{3, 5};                 ///< width of the binder films at contacts
  Range film_level{0.8f, 1.8f};     ///< films lie where a random field is above this: higher means fewer
  Range cracked{0.06f, 0.28f};      ///< share of the larger particles with cracks
  Range crack_length{0.3f, 0.85f};  ///< in radii
  Range crack_width{1.0f, 2.2f};    ///< half the width at the root
  float voids = 0.07f;              ///< share of the larger particles with a hollow core
  Range pore_specks{0, 0};          ///< share of the image
  Range carbon_specks{3, 4};        ///< carbon specks in solid lie where a random field is above this
  float pore_share = 0.0412f;       ///< mean of the images' targets before clipping
  float carbon_share = 0.110f;      ///< likewise

  // Contrast.
  Range pore_gray{0.08f, 0.22f};
  Range carbon_step{0.03f, 0.20f};     ///< gray of carbon above that of pores
  Range carbon_texture{0.08f, 0.16f};  ///< deviation
  Range nickel_grain{0.02f, 0.06f};    ///< deviation, of about a pixel
  Range nickel_texture{0.02f, 0.08f};  ///< deviation, of a quarter of a radius
  Range grazed{0.10f, 0.30f};          ///< share of particles that the slice only grazes: gray, with the label nickel
  Range grazed_gray{0.25f, 0.70f};

  // Optics and detector.
  Range thickness{0.3f, 0.9f};       ///< displacement between the planes that a slice averages
  Range blur{0.5f, 1.0f};            ///< width of the point spread in focus
  Range defocus{1.1f, 1.6f};         ///< times that, out of focus
  Range fringes{0, 0.9f};            ///< of phase contrast: weight of the Laplacian
  Range cupping{0, 0.12f};           ///< brightening from the centre over half the width
  Range drift{0.04f, 0.10f};         ///< deviation of the background
  Range rings{0.003f, 0.022f};       ///< amplitude
  Range streaks{0, 0.02f};           ///< amplitude of up to four straight lines
  Range noise{0.006f, 0.025f};       ///< deviation, evenly in the logarithm
  Range noise_band{0.10f, 0.22f};    ///< cut-off of the noise in cycles a pixel
  Range window_low{0, 0.20f};        ///< the gray window reaches so far below the darkest pixels, in its own width
  Range window_high{0, 0.15f};       ///< and above the brightest
  Range window_power{0.75f, 1.30f};  ///< gamma

  /// f("name", value) for each.
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("height", self.height), f("width", self.width);
    f("radius", self.radius), f("radius_spread", self.radius_spread), f("zones", self.zones);
    f("flattening", self.flattening), f("warp", self.warp), f("roughness", self.roughness);
    f("agglomerates", self.agglomerates), f("film", self.film), f("film_level", self.film_level);
    f("cracked", self.cracked), f("crack_length", self.crack_length), f("crack_width", self.crack_width);
    f("voids", self.voids), f("pore_specks", self.pore_specks), f("carbon_specks", self.carbon_specks);
    f("pore_share", self.pore_share), f("carbon_share", self.carbon_share);
    f("pore_gray", self.pore_gray), f("carbon_step", self.carbon_step), f("carbon_texture", self.carbon_texture);
    f("nickel_grain", self.nickel_grain), f("nickel_texture", self.nickel_texture);
    f("grazed", self.grazed), f("grazed_gray", self.grazed_gray);
    f("thickness", self.thickness), f("blur", self.blur), f("defocus", self.defocus), f("fringes", self.fringes);
    f("cupping", self.cupping), f("drift", self.drift), f("rings", self.rings), f("streaks", self.streaks);
    f("noise", self.noise), f("noise_band", self.noise_band);
    f("window_low", self.window_low), f("window_high", self.window_high), f("window_power", self.window_power);
  }

  bool operator==(const ElectrodeParameters&) const = default;
};

namespace detail {

inline void check_range(const char* name, Range range, Range legal) {
  check<ValueError>(range.low <= range.high && range.low >= legal.low && range.high <= legal.high,
                    "ElectrodeParameters", "'", name, "' is ", range.low, " .. ", range.high,
                    ", expected a range, low end first, within ", legal.low, " .. ", legal.high);
}
inline void check_range(const char* name, float value, Range legal) {
  check<ValueError>(value >= legal.low && value <= legal.high, "ElectrodeParameters", "'", name, "' is ", value,
                    ", expected a number within ", legal.low, " .. ", legal.high);
}

/// The values between which a parameter makes sense.
inline Range legal_range(std::string_view name) {
  struct Legal {
    std::string_view name;
    Range range;
  };
  static constexpr Legal table[] = {
      {"radius", {4, 200}},
      {"radius_spread", {0, 0.6f}},
      {"zones", {0, 1}},
      {"flattening", {0.5f, 1}},
      {"warp", {0, 0.2f}},
      {"roughness", {0, 3}},
      {"agglomerates", {0, 1}},
      {"film", {0, 8}},
      {"film_level", {-6, 6}},
      {"crack_width", {0.1f, 4}},
      {"pore_specks", {0, 0.02f}},
      {"carbon_specks", {-6, 6}},
      {"pore_share", {0.001f, 0.2f}},
      {"carbon_share", {0.001f, 0.3f}},
      {"pore_gray", {-1, 1}},
      {"carbon_step", {-1, 1}},
      {"grazed_gray", {0, 1.5f}},
      {"thickness", {0, 8}},
      {"blur", {0.5f, 8}},
      {"defocus", {1, 4}},
      {"fringes", {0, 4}},
      {"noise", {0.0001f, 1}},
      {"noise_band", {0.02f, 0.5f}},
      {"window_power", {0.1f, 8}},
  };
  for (const Legal& entry : table)
    if (entry.name == name) return entry.range;
  return {0, 1};  // shares and small amplitudes
}

}  // namespace detail

/// Throws ValueError, naming the parameter, unless every one makes sense.
inline void check_parameters(const ElectrodeParameters& parameters) {
  ElectrodeParameters::visit(parameters, []<class T>(const char* name, const T& value) {
    if constexpr (std::is_same_v<T, Index>)
      check<ValueError>(value >= 32 && value <= 4096, "ElectrodeParameters", "'", name, "' is ", value,
                        ", expected 32 .. 4096 pixels");
    else
      detail::check_range(name, value, detail::legal_range(name));
  });
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
