#pragma once

#include <filesystem>
#include <string>

#include "paser/core/random.hpp"
#include "paser/io/image.hpp"
#include "support/temporary_folder.hpp"

namespace tiny {

/// A folder as Cityscapes is downloaded, of 64 x 128 pixels: two images of each of two cities to train on, two of a
/// third one in val. Masks have columns of ids 0 .. 31, four pixels each; images show them, with noise.
class Cityscapes {
 public:
  Cityscapes() {
    std::uint64_t number = 0;
    for (const char* city : {"train/bonn", "train/ulm", "val/lindau"})
      for (int i = 0; i < 2; ++i) write(city, i, ++number);
  }
  std::filesystem::path root() const { return folder_ / "cityscapes"; }

 private:
  void write(const std::filesystem::path& city, int i, std::uint64_t number) const {
    paser::Tensor<std::uint8_t, 3> image({64, 128, 3}), ids({64, 128, 1});
    const paser::Key key{number};
    for (paser::Index p = 0; p < ids.numel(); ++p) {
      const auto id = static_cast<std::uint8_t>(p % 128 / 4);
      ids.mutable_data()[p] = id;
      for (paser::Index c = 0; c < 3; ++c)
        image.mutable_data()[3 * p + c] = static_cast<std::uint8_t>(
            6 * id + key.fold(static_cast<std::uint64_t>(p)).uniform_int(static_cast<std::uint64_t>(c), 50));
    }
    const auto frame = city.filename().string() + "_00000" + std::to_string(i) + "_000019";
    for (const char* kind : {"leftImg8bit", "gtFine"}) std::filesystem::create_directories(root() / kind / city);
    paser::io::write_png(root() / "leftImg8bit" / city / (frame + "_leftImg8bit.png"), image);
    paser::io::write_png(root() / "gtFine" / city / (frame + "_gtFine_labelIds.png"), ids);
    paser::io::write_png(root() / "gtFine" / city / (frame + "_gtFine_color.png"), image);
  }

  TemporaryFolder folder_;
};

}  // namespace tiny
