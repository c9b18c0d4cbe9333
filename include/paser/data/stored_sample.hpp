#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/decoded_image.hpp"

namespace paser::data {

/// An image and its labels. (1, H, W, C) in [0,1] and (1, H, W).
struct Sample {
  Tensor<float, 4> image;
  Labels labels;
};

/// The channels that an image file naturally has: 1 unless there is colour.
inline Index channels_of(const io::DecodedImage& page) {
  if (page.palette.empty()) return page.shape()[2];
  const auto gray = [](const io::Colour& c) { return c[0] == c[1] && c[0] == c[2]; };
  return std::ranges::all_of(page.palette, gray) ? 1 : 3;
}

/// The page as an image in [0,1] with 1 or 3 channels. Colour becomes gray as in io::to_gray (Rec. 601), gray becomes
/// three equal channels. Throws as io::to_unit.
inline Tensor<float, 4> image_of(const io::DecodedImage& page, Index channels,
                                 const std::optional<io::ValueRange>& range, const std::string& origin) {
  if (!page.real()) {
    const io::IntegerImage integers = io::look_up(page);
    io::DecodedImage whole;
    whole.integers = channels == 1 ? io::to_gray(integers) : io::to_rgb(integers);
    return io::to_unit(whole, range, origin);
  }
  Tensor<float, 4> x = io::to_unit(page, range, origin);
  if (x.shape().c() == channels) return x;
  Tensor<float, 4> y({1, x.shape().h(), x.shape().w(), channels});
  const float* in = x.data();
  float* out = y.mutable_data();
  for (Index i = 0; i < page.height() * page.width(); ++i) {
    if (channels == 3)
      std::fill_n(out + 3 * i, 3, in[i]);
    else
      out[i] = 0.299f * in[3 * i] + 0.587f * in[3 * i + 1] + 0.114f * in[3 * i + 2];
  }
  return y;
}

/// A sample kept in memory in the least space that loses nothing: a byte a label, and a byte a value where the file had
/// 8 bits.
class StoredSample {
 public:
  StoredSample() = default;
  StoredSample(const io::DecodedImage& image, const Labels& labels)
      : labels_(labels.cast<std::uint8_t>()), page_(image) {
    if (image.real()) return;
    page_.integers = io::look_up(image);
    page_.palette.clear();
    if (page_.integers.maximum > 255) return;
    bytes_ = page_.integers.pixels.cast<std::uint8_t>();
    page_.integers.pixels = {};
  }

  bool empty() const { return labels_.empty(); }  ///< Whether nothing is stored.

  /// The sample again; throws as image_of.
  Sample sample(Index channels, const std::optional<io::ValueRange>& range, const std::string& origin) const {
    io::DecodedImage page = page_;
    if (!bytes_.empty()) page.integers.pixels = bytes_.cast<std::uint16_t>();
    return {image_of(page, channels, range, origin), labels_.cast<std::int32_t>()};
  }

 private:
  Tensor<std::uint8_t, 3> labels_, bytes_;
  io::DecodedImage page_;
};

}  // namespace paser::data
#include "paser/core/macros_on.inc"
