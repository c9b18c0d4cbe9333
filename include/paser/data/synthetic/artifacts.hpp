#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/synthetic/field.hpp"
#include "paser/data/synthetic/parameters.hpp"

/// What a detector and a reconstruction add to an image: cupping, drift, rings, streaks, noise, and the window of gray
/// values that becomes 8 bits.
namespace paser::data::synthetic {

namespace detail {

/// Beam hardening: brighter away from a centre (Barrett, Keat, "Artifacts in CT", RadioGraphics 2004), and a slow
/// drift.
inline void add_background(const ElectrodeParameters& parameters, Field& image, Key key) {
  Draws draw(key.fold(0));
  const auto rows = static_cast<float>(image.height), columns = static_cast<float>(image.width);
  const float cupping = draw.uniform(parameters.cupping), drift = draw.uniform(parameters.drift);
  const float centre_y = draw.uniform(0.2f, 0.8f), centre_x = draw.uniform(0.2f, 0.8f);
  const Field slow = random_field(key.fold(1), image.height, image.width, 45);
  for (Index y = 0; y < image.height; ++y)
    for (Index x = 0; x < image.width; ++x) {
      const float dy = multiply_add(-centre_y, rows, static_cast<float>(y)) / (columns / 2);
      const float dx = multiply_add(-centre_x, columns, static_cast<float>(x)) / (columns / 2);
      const float gain = multiply_add(cupping, dot(dy, dy, dx, dx), 1);
      image(y, x) = dot(image(y, x), gain, drift, slow(y, x));
    }
}

/// Rings about an axis that may lie far outside of the image (Sijbers, Postnov, "Reduction of ring artefacts in high
/// resolution micro-CT reconstructions", Phys. Med. Biol. 2004): a profile over the radius whose strength changes
/// slowly.
inline void add_rings(const ElectrodeParameters& parameters, Field& image, Key key) {
  Draws draw(key.fold(0));
  const auto rows = static_cast<float>(image.height), columns = static_cast<float>(image.width);
  const Vector away = draw.direction();
  const float widths = draw.uniform(0, 1.6f), distance = widths * columns, amplitude = draw.uniform(parameters.rings);
  const float cy = multiply_add(away.y, distance, rows / 2), cx = multiply_add(away.x, distance, columns / 2);
  const float longest = multiply_add(widths, columns, rows + columns);
  Field profile = white_noise(key.fold(1), static_cast<Index>(longest) + 2, 1);
  for (Index i = 0; i < profile.height; ++i)
    if (draw.uniform() < 0.06f) profile(i, 0) *= 4;
  box_columns_thrice(profile, box_radius(0.8f));
  standardise(profile);
  const Field strength = random_field(key.fold(2), image.height, image.width, columns / 4);
  for (Index y = 0; y < image.height; ++y)
    for (Index x = 0; x < image.width; ++x) {
      const float dy = static_cast<float>(y) - cy, dx = static_cast<float>(x) - cx;
      const float radius = std::sqrt(dot(dy, dy, dx, dx));
      const auto i = static_cast<Index>(radius);
      const float ring = mix(profile(i, 0), profile(i + 1, 0), radius - static_cast<float>(i));
      const float local = amplitude * std::clamp(multiply_add(0.4f, strength(y, x), 1), 0.f, 2.f);
      image(y, x) = multiply_add(local, ring, image(y, x));
    }
}

/// Straight bright or dark lines across the image.
inline void add_streaks(const ElectrodeParameters& parameters, Field& image, Key key) {
  Draws draw(key);
  const Index count = draw.uniform_int(5);
  for (Index k = 0; k < count; ++k) {
    const Vector normal = draw.direction();
    const float py = draw.uniform(0, static_cast<float>(image.height));
    const float px = draw.uniform(0, static_cast<float>(image.width));
    const float amplitude = draw.uniform(parameters.streaks) * (draw.uniform() < 0.5f ? -1.f : 1.f);
    const float width = 2 * draw.uniform(1.5f, 5);  // of the foot of a bump that is half as wide at half its height
    for (Index y = 0; y < image.height; ++y)
      for (Index x = 0; x < image.width; ++x) {
        const float off = dot(normal.y, static_cast<float>(y) - py, normal.x, static_cast<float>(x) - px) / width;
        if (off <= -1 || off >= 1) continue;
        const auto rise = static_cast<float>(1 - exact(off, off));
        image(y, x) = multiply_add(amplitude, rise * rise, image(y, x));
      }
  }
}

/// Noise of filtered back-projection, whose spectrum rises with frequency up to a cut-off (Riederer, Pelc, Chesler,
/// "The noise power spectrum in computed X-ray tomography", Phys. Med. Biol. 1978): |f| exp(-(f / band)^2), of
/// variance 1. The ramp |f| is a sum of 1 - exp(-(f s)^2) over octaves of the width s, each weighted by 1 / s.
inline Field ramp_noise(Key key, Index height, Index width, float band) {
  // exp(-(f / band)^2) is the transform of a Gaussian of this width in pixels.
  const float narrow = 0.2250791f / band;  // 1 / (sqrt(2) pi band)
  const Field smooth = blurred(white_noise(key, height, width), narrow);
  Field noise(height, width);
  float weight = 1;
  for (float wide = narrow; wide < 16; wide *= 2, weight /= 2) {
    const Field wider = blurred(smooth, wide);
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = multiply_add(weight, smooth[i] - wider[i], noise[i]);
  }
  standardise(noise);
  return noise;
}

inline void add_noise(const ElectrodeParameters& parameters, Field& image, Key key) {
  Draws draw(key.fold(0));
  const float deviation = draw.log_uniform(parameters.noise), band = draw.uniform(parameters.noise_band);
  const Field grain = ramp_noise(key.fold(1), image.height, image.width, band);
  const Field white = white_noise(key.fold(2), image.height, image.width);
  for (std::size_t i = 0; i < image.size(); ++i) {
    const float local = deviation * multiply_add(0.4f, image[i], 0.8f);
    image[i] = static_cast<float>(static_cast<double>(image[i]) + (exact(local, grain[i]) + exact(0.006f, white[i])));
  }
}

/// To 8 bits: a window that is wider than the darkest and brightest pixels by a random part, and a gamma, so that no
/// threshold carries over from one image to the next.
inline Map<std::uint8_t> windowed(const ElectrodeParameters& parameters, const Field& image, Key key) {
  Draws draw(key);
  const auto pixels = static_cast<float>(image.size());
  const auto percent = [&](float p) { return static_cast<Index>(p / 100 * pixels); };
  const float darkest =
      threshold_of_top(image.values, static_cast<Index>(image.size()) - percent(draw.uniform(0.02f, 0.5f)));
  const float brightest = threshold_of_top(image.values, 1 + percent(draw.uniform(0.02f, 0.6f)));
  const float span = std::max(brightest - darkest, 1e-6f);
  const float low = multiply_add(-draw.uniform(parameters.window_low), span, darkest);
  const float high = multiply_add(draw.uniform(parameters.window_high), span, brightest);
  // In 64ths, so that a power takes few roots.
  const double gamma = static_cast<double>(static_cast<Index>(draw.uniform(parameters.window_power) * 64)) / 64;
  Map<std::uint8_t> result(image.height, image.width);
  for (std::size_t i = 0; i < image.size(); ++i) {
    const float v = std::clamp((image[i] - low) / (high - low), 0.f, 1.f);
    const auto corrected = static_cast<float>(power(static_cast<double>(v), gamma));
    result[i] = static_cast<std::uint8_t>(multiply_add(255, corrected, 0.5f));
  }
  return result;
}

}  // namespace detail

/// The 8-bit image that a tomograph would store.
inline Map<std::uint8_t> detected(const ElectrodeParameters& parameters, Field image, Key key) {
  detail::add_background(parameters, image, key.fold(0));
  detail::add_rings(parameters, image, key.fold(1));
  detail::add_streaks(parameters, image, key.fold(2));
  detail::add_noise(parameters, image, key.fold(3));
  return detail::windowed(parameters, image, key.fold(4));
}

}  // namespace paser::data::synthetic
#include "paser/core/macros_on.inc"
