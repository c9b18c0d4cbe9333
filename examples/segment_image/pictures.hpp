#pragma once

#include <map>
#include <set>

#include "paser/io/indexed_png.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/pipeline/tiled.hpp"
#include "paser/report/figures.hpp"
#include "segment_image/inputs.hpp"

/// What segment_image writes and counts.
namespace segment_image {

using Bytes = paser::Tensor<std::uint8_t, 3>;

/// The pictures of one image, collected band by band. Those that are not asked for take no memory; the others a byte a
/// pixel, the overlay three.
class Pictures {
 public:
  inline static const std::vector<std::string> kinds{"mask", "overlay", "probability", "entropy", "routes"};

  Pictures(const std::set<std::string>& wanted, Index height, Index width, Index classes, Index models)
      : width_(width), classes_(classes), models_(models), pixels_of_class_(static_cast<std::size_t>(classes), 0) {
    for (const std::string& kind : wanted) maps_[kind] = Bytes({height, width, kind == "overlay" ? 3 : 1});
  }

  /// Takes a band. `rows` gives the image's own rows, for the overlay.
  void add(const paser::pipeline::TiledBand<float>& band, const Rows& rows) {
    const Index pixels = band.labels.numel(), first = band.row * width_;
    const double most = std::log(static_cast<double>(classes_));
    const auto fill = [&](const char* kind, const auto& value) {
      const auto map = maps_.find(kind);
      if (map == maps_.end()) return;
      std::uint8_t* out = map->second.mutable_data() + first;
      for (Index i = 0; i < pixels; ++i) out[i] = value(i);
    };
    const auto byte = [](double share) {
      return static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
    };
    fill("mask", [&](Index i) { return static_cast<std::uint8_t>(band.labels.data()[i]); });
    fill("routes", [&](Index i) { return static_cast<std::uint8_t>(band.routes.data()[i]); });
    fill("probability", [&](Index i) { return byte(static_cast<double>(band.probability.data()[i])); });
    fill("entropy", [&](Index i) { return byte(static_cast<double>(band.entropy.data()[i]) / most); });
    if (const auto map = maps_.find("overlay"); map != maps_.end()) {
      const auto image = rows(band.row, band.row + pixels / width_);
      const auto picture = paser::report::overlay_labels(paser::report::image_picture(image), band.labels, 0, 0.45,
                                                         paser::report::label_palette, 0);
      std::copy_n(picture.data(), picture.numel(), map->second.mutable_data() + 3 * first);
    }
    for (const std::int32_t label : band.labels.values()) ++pixels_of_class_.at(static_cast<std::size_t>(label));
    for (const float entropy : band.entropy.values()) entropy_ += static_cast<double>(entropy);
    pixels_ += pixels;
  }

  /// The share of the pixels that class k has.
  double share_of_class(std::size_t k) const {
    return static_cast<double>(pixels_of_class_.at(k)) / static_cast<double>(pixels_);
  }
  /// In nats a pixel.
  double mean_entropy() const { return entropy_ / static_cast<double>(pixels_); }

  /// The file of a kind for an image of this name.
  static std::string file_name(const std::string& name, const std::string& kind) { return name + "_" + kind + ".png"; }

  /// Writes NAME_kind.png for every kind, each whole or not at all. Returns the files by their kinds.
  std::map<std::string, std::string> write(paser::io::OutputFolder& out, const std::string& name) const {
    std::map<std::string, std::string> files;
    for (const auto& [kind, map] : maps_) {
      const std::string file = file_name(name, kind);
      const auto indexed = [&map = map](const auto& palette) { return paser::io::encode_indexed_png(map, palette); };
      if (kind == "mask")
        out.write(file, indexed(paser::report::stored_palette(classes_)));
      else if (kind == "routes")
        out.write(file, indexed(paser::report::stored_palette(models_, paser::report::model_palette)));
      else if (kind == "entropy")
        out.write(file, indexed(heat_palette()));
      else
        out.write(file, paser::io::encode_png(map));
      files[kind] = (out.path() / file).string();
    }
    return files;
  }

 private:
  /// 256 steps from certain (dark) to all classes alike (bright).
  static std::vector<paser::io::Colour> heat_palette() {
    std::vector<paser::io::Colour> colours;
    for (int i = 0; i < 256; ++i) {
      const paser::report::Rgb c = paser::report::heat(i / 255.0);
      colours.push_back({c.r, c.g, c.b});
    }
    return colours;
  }

  Index width_, classes_, models_, pixels_ = 0;
  std::vector<Index> pixels_of_class_;
  double entropy_ = 0;
  std::map<std::string, Bytes> maps_;
};

}  // namespace segment_image
