#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <vector>

#include "paser/core/random.hpp"

/// Blurs and noise on 8-bit gray images, (N, H, W). The blurs give Pillow's bits: data sets of published runs were made
/// by it, and were rounded to 8 bits after every pass.
namespace paser::data {

namespace detail {

/// A box of fractional radius in fixed point of 24 bits: `reach` whole neighbours on each side, then one in part.
struct Box {
  Index reach;
  std::uint64_t whole, part;

  explicit Box(float radius) : reach(static_cast<Index>(radius)) {
    whole = static_cast<std::uint64_t>(static_cast<float>(1 << 24) / (radius * 2 + 1));
    part = ((std::uint64_t{1} << 24) - static_cast<std::uint64_t>(2 * reach + 1) * whole) / 2;
  }

  /// Blurs `length` values that lie behind reach + 1 free places in `line`, the border value repeated.
  void pass(std::vector<std::uint8_t>& line, Index length, std::vector<std::uint8_t>& out) const {
    const auto at = [](Index i) { return static_cast<std::size_t>(i); };
    const Index margin = reach + 1;
    std::fill_n(line.begin(), margin, line[at(margin)]);
    std::fill_n(line.begin() + margin + length, margin, line[at(margin + length - 1)]);
    std::uint64_t sum = 0;
    for (Index i = 1; i < 2 * reach + 1; ++i) sum += line[at(i)];
    for (Index i = 0; i < length; ++i) {
      sum += line[at(i + 2 * reach + 1)];
      const std::uint64_t ends = std::uint64_t{line[at(i)]} + line[at(i + 2 * reach + 2)];
      out[at(i + margin)] = static_cast<std::uint8_t>((whole * sum + part * ends + (1u << 23)) >> 24);
      sum -= line[at(i + 1)];
    }
    line.swap(out);
  }
};

/// `passes` box passes along each row, then along each column.
inline Tensor<std::uint8_t, 3> box_passes(const Tensor<std::uint8_t, 3>& images, float radius, int passes) {
  const Box box(radius);
  const Index n = images.shape()[0], h = images.shape()[1], w = images.shape()[2];
  Tensor<std::uint8_t, 3> result = images;
  std::uint8_t* data = result.mutable_data();
  // Image by image, so that one image's lines stay in the cache between the two directions.
  const auto lines = [&](std::uint8_t* first, Index count, Index between, Index length, Index step) {
    const auto room = static_cast<std::size_t>(length + 2 * (box.reach + 1));
    std::vector<std::uint8_t> line(room), out(room);
    for (Index l = 0; l < count; ++l) {
      std::uint8_t* values = first + l * between;
      for (Index i = 0; i < length; ++i) line[static_cast<std::size_t>(i + box.reach + 1)] = values[i * step];
      for (int p = 0; p < passes; ++p) box.pass(line, length, out);
      for (Index i = 0; i < length; ++i) values[i * step] = line[static_cast<std::size_t>(i + box.reach + 1)];
    }
  };
  parallel_each(h * w > 0 ? n : 0, [&](Index i) {
    lines(data + i * h * w, h, w, w, 1);
    lines(data + i * h * w, w, 1, h, w);
  });
  return result;
}

inline void check_radius(const char* where, double radius) {
  check<ValueError>(radius >= 0 && radius <= 4096, where, "radius ", radius, " pixels is not in 0 .. 4096");
}

}  // namespace detail

/// Mean over a square of 2 radius + 1 pixels a side, borders repeated; the outermost pixels count in part when radius
/// is fractional (PIL.ImageFilter.BoxBlur). Throws ValueError on a radius outside of 0 .. 4096 pixels.
inline Tensor<std::uint8_t, 3> box_blur(const Tensor<std::uint8_t, 3>& images, double radius) {
  detail::check_radius("box_blur", radius);
  return detail::box_passes(images, static_cast<float>(radius), 1);
}

/// The box radius whose three-fold blur has the variance of a Gaussian of this radius (standard deviation, in pixels).
/// Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box filtering", SSVM 2011, in the float
/// arithmetic of Pillow.
inline float gaussian_box_radius(float radius) {
  const float variance = radius * radius / 3;
  const float whole = std::floor((static_cast<float>(std::sqrt(12.0 * static_cast<double>(variance) + 1.0)) - 1) / 2);
  float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
  part /= 6 * (variance - (whole + 1) * (whole + 1));
  return whole + part;
}

/// Gaussian blur as three box blurs (PIL.ImageFilter.GaussianBlur). Throws as box_blur.
inline Tensor<std::uint8_t, 3> gaussian_blur(const Tensor<std::uint8_t, 3>& images, double radius) {
  detail::check_radius("gaussian_blur", radius);
  return detail::box_passes(images, gaussian_box_radius(static_cast<float>(radius)), 3);
}

/// PIL.ImageFilter.BLUR: the mean of the 16 outer pixels of a 5 x 5 square. The two outermost rows and columns of an
/// image stay as they are.
inline Tensor<std::uint8_t, 3> ring_blur(const Tensor<std::uint8_t, 3>& images) {
  const Index n = images.shape()[0], h = images.shape()[1], w = images.shape()[2];
  Tensor<std::uint8_t, 3> result = images;
  const std::uint8_t* in = images.data();
  std::uint8_t* out = result.mutable_data();
  parallel_each(n, [&](Index i) {
    for (Index y = 2; y < h - 2; ++y)
      for (Index x = 2; x < w - 2; ++x) {
        const std::uint8_t* centre = in + (i * h + y) * w + x;
        unsigned sum = 0;
        for (Index d = -2; d <= 2; ++d) sum += centre[-2 * w + d] + unsigned{centre[2 * w + d]};
        for (Index d = -1; d <= 1; ++d) sum += centre[d * w - 2] + unsigned{centre[d * w + 2]};
        out[centre - in] = static_cast<std::uint8_t>((sum + 8) / 16);
      }
  });
  return result;
}

/// What salt and pepper noise of this rate makes of a pixel, for two uniform draws u1, u2 in [0,1).
constexpr std::uint8_t salt_pepper(std::uint8_t pixel, double u1, double u2, double rate) {
  return u1 >= rate ? pixel : u2 < 0.5 ? std::uint8_t{255} : std::uint8_t{0};
}

/// Replaces each pixel with probability `rate` by 255 or 0, with equal chance. Image i draws from keys[i], so that its
/// noise does not depend on its place in the batch. Throws ValueError on a rate outside of [0,1] or another number of
/// keys.
inline Tensor<std::uint8_t, 3> salt_pepper(const Tensor<std::uint8_t, 3>& images, double rate,
                                           const std::vector<Key>& keys) {
  const Index n = images.shape()[0], pixels = images.shape()[1] * images.shape()[2];
  check<ValueError>(rate >= 0 && rate <= 1, "salt_pepper", "rate ", rate, " is not in [0,1]");
  check<ValueError>(static_cast<Index>(keys.size()) == n, "salt_pepper", keys.size(), " keys for ", n, " images");
  Tensor<std::uint8_t, 3> result = images;
  std::uint8_t* out = result.mutable_data();
  parallel_each(n, [&](Index i) {
    const Key hit = keys[static_cast<std::size_t>(i)].fold(0), colour = keys[static_cast<std::size_t>(i)].fold(1);
    for (Index p = 0; p < pixels; ++p)
      out[i * pixels + p] = salt_pepper(out[i * pixels + p], hit.uniform(static_cast<std::uint64_t>(p)),
                                        colour.uniform(static_cast<std::uint64_t>(p)), rate);
  });
  return result;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
