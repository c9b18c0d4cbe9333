#pragma once

#include <map>
#include <set>

#include "paser/io/indexed_png.hpp"
#include "paser/io/tiff_encoder.hpp"
#include "paser/pipeline/tiled.hpp"
#include "paser/report/figures.hpp"
#include "segment_image/inputs.hpp"

/// The pictures that segment_image makes of an image.
namespace segment_image {

template <class Sample>
using Map = paser::Tensor<Sample, 3>;

/// The pictures of one image, collected band by band. Those that are not asked for take no memory; the mask takes a
/// byte per pixel, the overlay three, every map of numbers four.
class Pictures {
 public:
  /// What can be asked for; "classes" is a picture for each class.
  inline static const std::vector<std::string> kinds{"mask", "overlay", "probability", "entropy", "routes", "classes"};

  /// The names of the pictures of these kinds.
  static std::vector<std::string> names(const std::set<std::string>& wanted, Index classes) {
    std::vector<std::string> all;
    for (const std::string& kind : kinds) {
      if (!wanted.contains(kind)) continue;
      if (kind != "classes") all.push_back(kind);
      for (Index k = 0; kind == "classes" && k < classes; ++k) all.push_back(paser::message("class_", k));
    }
    return all;
  }

  Pictures(const std::set<std::string>& wanted, Index height, Index width, Index classes, Index models)
      : width_(width), classes_(classes), models_(models), pixels_of_class_(static_cast<std::size_t>(classes), 0) {
    if (wanted.contains("mask") || wanted.contains("overlay")) bytes_["mask"] = Map<std::uint8_t>({height, width, 1});
    for (const std::string& name : names(wanted, classes))
      if (name == "overlay")
        bytes_[name] = Map<std::uint8_t>({height, width, 3});
      else if (name == "routes")
        bytes_[name] = Map<std::uint8_t>({height, width, 1});
      else if (name != "mask")
        numbers_[name] = Map<float>({height, width, 1});
  }

  /// Takes a band. `rows` gives the image's own rows, for the overlay.
  void add(const paser::pipeline::TiledBand<float>& band, const Rows& rows) {
    const Index pixels = band.labels.numel(), first = band.row * width_;
    const auto fill = [&](auto& maps, const std::string& name, const auto* from, Index step = 1) {
      const auto map = maps.find(name);
      if (map == maps.end()) return;
      auto* out = map->second.mutable_data() + first;
      for (Index i = 0; i < pixels; ++i) out[i] = static_cast<std::remove_pointer_t<decltype(out)>>(from[i * step]);
    };
    fill(bytes_, "mask", band.labels.data());
    fill(bytes_, "routes", band.routes.data());
    fill(numbers_, "probability", band.probability.data());
    fill(numbers_, "entropy", band.entropy.data());
    if (!band.class_probabilities.empty())
      for (Index k = 0; k < classes_; ++k)
        fill(numbers_, paser::message("class_", k), band.class_probabilities.data() + k, classes_);
    if (const auto map = bytes_.find("overlay"); map != bytes_.end()) {
      const auto image = rows(band.row, band.row + pixels / width_);
      const auto picture = paser::report::overlay_labels(paser::report::image_picture(image), band.labels, 0,
                                                         fill_share, paser::report::label_palette, clear);
      std::copy_n(picture.data(), picture.numel(), map->second.mutable_data() + 3 * first);
    }
    for (const std::int32_t label : band.labels.values()) ++pixels_of_class_.at(static_cast<std::size_t>(label));
    for (const float entropy : band.entropy.values()) entropy_ += static_cast<double>(entropy);
    pixels_ += pixels;
  }

  /// After the last band: draws the outlines of the classes into the overlay, each on its own side.
  void finish() {
    const auto overlay = bytes_.find("overlay");
    if (overlay == bytes_.end()) return;
    const Map<std::uint8_t>& mask = bytes_.at("mask");
    const Index height = mask.shape()[0];
    std::uint8_t* const out = overlay->second.mutable_data();
    for (Index y = 0; y < height; ++y)
      for (Index x = 0; x < width_; ++x) {
        const std::uint8_t* const at = mask.data() + y * width_ + x;
        const bool edge = (x > 0 && at[-1] != *at) || (x + 1 < width_ && at[1] != *at) ||
                          (y > 0 && at[-width_] != *at) || (y + 1 < height && at[width_] != *at);
        if (*at == clear || !edge) continue;
        const auto& palette = paser::report::label_palette;
        const paser::report::Rgb c = palette[*at % palette.size()];
        std::copy_n(std::array{c.r, c.g, c.b}.data(), 3, out + 3 * (y * width_ + x));
      }
  }

  const std::vector<Index>& pixels_of_class() const { return pixels_of_class_; }
  /// The share of the pixels that class k has.
  double share_of_class(std::size_t k) const {
    return static_cast<double>(pixels_of_class_.at(k)) / static_cast<double>(pixels_);
  }
  /// In nats per pixel.
  double mean_entropy() const { return entropy_ / static_cast<double>(pixels_); }

  /// The picture of this name as a PNG file. Maps of numbers have 8 bits, or with `deep` 16: nothing for 0, all for 1,
  /// in entropy for ln(classes).
  std::string png(const std::string& name, bool deep) const {
    if (const auto map = numbers_.find(name); map != numbers_.end()) {
      const double most = name == "entropy" ? std::log(static_cast<double>(classes_)) : 1;
      if (deep) return paser::io::encode_png(scaled<std::uint16_t>(map->second, most));
      const Map<std::uint8_t> gray = scaled<std::uint8_t>(map->second, most);
      return name == "entropy" ? paser::io::encode_indexed_png(gray, heat_palette()) : paser::io::encode_png(gray);
    }
    const Map<std::uint8_t>& map = bytes_.at(name);
    if (name == "mask") return paser::io::encode_indexed_png(map, paser::report::stored_palette(classes_));
    if (name == "routes")
      return paser::io::encode_indexed_png(map, paser::report::stored_palette(models_, paser::report::model_palette));
    return paser::io::encode_png(map);
  }

  /// The same as the next page of a TIFF file: classes and models as 8-bit numbers, probabilities and entropies (in
  /// nats) as 32-bit floats.
  std::string tiff(const std::string& name, paser::io::TiffEncoder& file) const {
    const auto map = numbers_.find(name);
    return map != numbers_.end() ? file.page(map->second) : file.page(bytes_.at(name));
  }

  /// Bytes that a page of the picture takes at most.
  std::uint64_t tiff_bytes(const std::string& name) const {
    const auto map = numbers_.find(name);
    return 1024 + static_cast<std::uint64_t>(map != numbers_.end() ? 4 * map->second.numel()
                                                                   : bytes_.at(name).numel() * 9 / 8);
  }

 private:
  static constexpr std::int32_t clear = 0;    ///< the class that the overlay leaves as it is
  static constexpr double fill_share = 0.45;  ///< of the colour inside of the outlines

  template <class Sample>
  static Map<Sample> scaled(const Map<float>& values, double most) {
    Map<Sample> map(values.shape());
    std::transform(values.data(), values.data() + values.numel(), map.mutable_data(), [most](float value) {
      const double share = std::clamp(static_cast<double>(value) / most, 0.0, 1.0);
      return static_cast<Sample>(std::lround(std::numeric_limits<Sample>::max() * share));
    });
    return map;
  }

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
  std::map<std::string, Map<std::uint8_t>> bytes_;
  std::map<std::string, Map<float>> numbers_;
};

}  // namespace segment_image
