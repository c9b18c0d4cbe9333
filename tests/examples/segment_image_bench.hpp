#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "examples/child_process.hpp"
#include "examples/tiny_paser.hpp"
#include "paser/pipeline/tiled.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"

/// The program segment_image on a bench: a PaSeR, images, and a comparison of what it writes with the library.
namespace segment_image_bench {

using namespace paser;
namespace fs = std::filesystem;

inline const std::set<std::string> kinds{"mask", "overlay", "probability", "entropy", "routes"};

/// A folder with a PaSeR in it, and the program that uses it.
class Bench {
 public:
  explicit Bench(Index channels)
      : paser(pipeline::make_paser(tiny::description(channels), Key{static_cast<std::uint64_t>(20 + channels)})) {
    fs::create_directories(images());
    pipeline::save_paser(model(), paser, tiny::description(channels));
  }

  fs::path model() const { return folder / "model.safetensors"; }
  fs::path images() const { return folder / "images"; }
  fs::path out() const { return folder / "out"; }

  /// Stores a picture among the images, and returns what is stored.
  tiny::Bytes store(const std::string& name, Index height, Index width, Index channels = 1) const {
    const auto picture = tiny::picture(height, width, channels, name.size());
    io::write_png(images() / name, picture);
    return picture;
  }

  Outcome run(std::vector<std::string> words) const {
    words.insert(words.begin(), PASER_SEGMENT_IMAGE);
    words.insert(words.end(), {"--threads", "1", "--quiet"});
    return run_program(folder.path(), words);
  }
  /// The program on everything in images().
  Outcome segment(std::vector<std::string> options) const {
    options.insert(options.begin(), {model().string(), images().string(), "--out", out().string()});
    return run(options);
  }

  /// What the library says of an image (1, H, W, C).
  pipeline::TiledImage<float> answer(const Tensor<float, 4>& image, std::uint64_t seed,
                                     pipeline::TiledOptions options = {},
                                     std::optional<pipeline::Policy<float>> policy = {}) const {
    options.height = 16;
    options.width = 24;
    return pipeline::segment_tiled(paser, policy.value_or(paser.policy), image, Key{seed}, options);
  }

  TemporaryFolder folder;
  pipeline::Paser<float> paser;
};

/// The files that the program is to write for images of these names.
inline std::set<std::string> pictures_of(const std::vector<std::string>& names,
                                         const std::set<std::string>& of = kinds) {
  std::set<std::string> files;
  for (const std::string& name : names)
    for (const std::string& kind : of) files.insert(name + "_" + kind + ".png");
  if (of == kinds) files.insert("areas.csv");
  return files;
}

/// The largest step between a stored gray value and the share of 255 that it stands for.
inline double largest_step(const Labels& stored, const Tensor<float, 3>& values, double scale) {
  if (stored.shape() != values.shape()) return 255;
  double largest = 0;
  for (Index i = 0; i < stored.numel(); ++i)
    largest = std::max(largest, std::abs(stored.data()[i] - 255 * static_cast<double>(values.data()[i]) / scale));
  return largest;
}

/// Whether the overlay shows the image, as the networks see it, where the class is 0, and something else elsewhere.
inline bool overlaid(const io::DecodedImage& overlay, const io::IntegerImage& image, const Labels& labels) {
  if (overlay.shape() != image.pixels.shape()) return false;
  for (Index i = 0; i < labels.numel(); ++i) {
    const bool clear = std::equal(image.pixels.data() + 3 * i, image.pixels.data() + 3 * i + 3,
                                  overlay.integers.pixels.data() + 3 * i);
    if (clear != (labels.data()[i] == 0)) return false;
  }
  return true;
}

/// Compares all pictures of an image, and what the document says of it, with the library's answer.
inline void check_pictures(const nlohmann::json& told, const fs::path& out, const std::string& name,
                           const io::IntegerImage& image, const pipeline::TiledImage<float>& expected) {
  INFO(name);
  const auto file = [&](const char* kind) { return out / (name + "_" + kind + ".png"); };
  const Labels& labels = expected.maps.labels;
  CHECK(same_bits(tiny::stored_labels(file("mask")), labels));
  CHECK(same_bits(tiny::stored_labels(file("routes")), expected.maps.routes));
  CHECK(largest_step(tiny::stored_labels(file("probability")), expected.maps.probability, 1) < 0.51);
  CHECK(largest_step(tiny::stored_labels(file("entropy")), expected.maps.entropy, std::log(3.0)) < 0.51);
  CHECK(overlaid(io::ImageFile(file("overlay")).page(0), io::to_rgb(image), labels));

  CHECK(told["name"] == name);
  CHECK(told["height"] == labels.shape()[1]);
  CHECK(told["width"] == labels.shape()[2]);
  CHECK(told["windows"] == expected.summary.windows);
  CHECK(told["gmac"].get<double>() > 0);
  for (const std::string& kind : kinds) CHECK(told["files"][kind] == file(kind.c_str()).string());
  REQUIRE(told["class_shares"].size() == 3);
  REQUIRE(told["model_shares"].size() == 3);
  const auto& patches = expected.summary.patches;
  const double all = std::accumulate(patches.begin(), patches.end(), 0.0);
  double classes = 0, routes = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto pixels = std::count(labels.data(), labels.data() + labels.numel(), static_cast<std::int32_t>(k));
    CHECK(told["class_shares"][k].get<double>() * static_cast<double>(labels.numel()) == Approx(pixels));
    CHECK(told["model_shares"][k].get<double>() * all == Approx(patches[k]));
    classes += told["class_shares"][k].get<double>();
    routes += told["model_shares"][k].get<double>();
  }
  CHECK(classes == Approx(1));
  CHECK(routes == Approx(1));
}

/// How many different numbers there are in a map.
inline std::size_t kinds_in(const Labels& map) {
  return std::set<std::int32_t>(map.data(), map.data() + map.numel()).size();
}

}  // namespace segment_image_bench
