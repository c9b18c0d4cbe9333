#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "examples/tiny_training.hpp"
#include "paser/core/random.hpp"
#include "paser/io/image.hpp"

/// A run of train_segmentation that takes a tenth of a second: all stages, each of a few steps, on a dozen images.
namespace tiny_run {

namespace fs = std::filesystem;

/// Noisy images of 32 x 32 with three bands, and their masks, in the layout of the authors' data. label(c): what the
/// mask has for band c.
template <class Label>
void write_data(const fs::path& root, const Label& label) {
  using paser::Index;
  std::uint64_t number = 0;
  for (const auto& [part, count] : {std::pair{"train", 6}, {"validation", 2}, {"test", 3}}) {
    const fs::path images = root / (std::string(part) + "_images"), masks = root / (std::string(part) + "_label");
    fs::create_directories(images);
    fs::create_directories(masks);
    for (int i = 0; i < count; ++i) {
      const paser::Key key = paser::Key{9}.fold(number++);
      const Index first = 6 + key.uniform_int(5000, 8), second = 18 + key.uniform_int(5001, 8);
      paser::Tensor<std::uint8_t, 3> image({32, 32, 1}), mask({32, 32, 1});
      std::uint8_t *to = image.mutable_data(), *of = mask.mutable_data();
      for (Index p = 0; p < 32 * 32; ++p) {
        const int c = p % 32 < first ? 0 : p % 32 < second ? 1 : 2;
        of[p] = static_cast<std::uint8_t>(label(c));
        to[p] = static_cast<std::uint8_t>(40 + 60 * c + key.uniform_int(static_cast<std::uint64_t>(p), 70));
      }
      paser::io::write_png(images / (paser::message("image", i) + ".png"), image);
      paser::io::write_png(masks / (paser::message("image", i) + ".png"), mask);
    }
  }
}
inline void write_data(const fs::path& root) {
  write_data(root, [](int c) { return c; });
}

/// The command line; `settings` come last, so that they win.
inline std::vector<std::string> command(const std::string& program, const fs::path& data, const fs::path& run,
                                        const std::vector<std::string>& settings = {}) {
  std::vector<std::string> more;
  for (const std::string& setting : settings) more.insert(more.end(), {"--set", setting});
  return tiny::training(program, data, run, more);
}

}  // namespace tiny_run
