#pragma once

#include <filesystem>

#include "paser/io/image_file.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/paser_file.hpp"

/// A PaSeR of random weights in a file, and pictures for it: what programs are run on in tests.
namespace tiny {

using paser::Index;
using paser::Key;
using paser::Labels;
using Bytes = paser::Tensor<std::uint8_t, 3>;

/// Of windows of 16 x 24 pixels in 2 x 2 patches, three classes and three networks.
inline paser::pipeline::PaserDescription description(Index channels) {
  paser::pipeline::PaserDescription d;
  d.channels = channels;
  d.class_names = {"pore", "carbon", "particle"};
  for (const Index width : {2, 4, 6})
    d.networks.push_back(paser::models::UNetSpec{
        .in = channels, .classes = 3, .width = width, .depth = 1, .dropout = width == 2 ? 0.25 : 0.5});
  d.grid = {2, 2};
  d.height = 16;
  d.width = 24;
  d.estimator = paser::uncertainty::McDropout{2}.spec();
  return d;
}

/// Noise on stripes.
inline Bytes picture(Index height, Index width, Index channels, std::uint64_t number) {
  Bytes image({height, width, channels});
  std::uint8_t* const to = image.mutable_data();
  const Key key = Key{70}.fold(number);
  for (Index i = 0; i < image.numel(); ++i) {
    const Index stripe = i / channels % width / 5 % 3;
    to[i] = static_cast<std::uint8_t>(70 * stripe + key.uniform_int(static_cast<std::uint64_t>(i), 110));
  }
  return image;
}

/// What a network sees of 8-bit samples: (1, H, W, C) in [0,1].
inline paser::Tensor<float, 4> input(const Bytes& image) {
  paser::Tensor<float, 4> x({1, image.shape()[0], image.shape()[1], image.shape()[2]});
  std::transform(image.data(), image.data() + image.numel(), x.mutable_data(),
                 [](std::uint8_t value) { return static_cast<float>(value) / 255.0f; });
  return x;
}

/// The numbers that a palette PNG stores, or the gray values of a gray one, as labels (1, H, W).
inline Labels stored_labels(const std::filesystem::path& file) {
  const auto pixels = paser::io::ImageFile(file).page(0).integers.pixels;
  return pixels.cast<std::int32_t>().reshape(paser::Shape<3>{1, pixels.shape()[0], pixels.shape()[1]});
}

}  // namespace tiny
