#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "examples/tiny_paser.hpp"
#include "paser/io/image.hpp"

/// A training with all stages that lasts a tenth of a second, and its data.
namespace tiny {

/// 6, 2 and 3 images of 32 x 32 and their masks in the layout of the authors' data.
inline void write_data_set(const std::filesystem::path& root) {
  std::uint64_t number = 0;
  for (const auto& [part, count] : {std::pair{"train", 6}, {"validation", 2}, {"test", 3}})
    for (int i = 0; i < count; ++i) {
      const Bytes image = picture(32, 32, 1, number++);
      Bytes mask({32, 32, 1});
      for (Index p = 0; p < mask.numel(); ++p) mask.mutable_data()[p] = image.data()[p] > 120;
      for (const auto& [kind, pixels] : {std::pair{"_images", image}, {"_label", mask}}) {
        std::filesystem::create_directories(root / (std::string(part) + kind));
        paser::io::write_png(root / (std::string(part) + kind) / paser::message("im", i, ".png"), pixels);
      }
    }
}

/// What one types to train on it. Nothing in the result depends on measured times.
inline std::vector<std::string> training(const std::string& train_segmentation, const std::filesystem::path& data,
                                         const std::filesystem::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words{train_segmentation, "--data", data.string(), "--out", out.string(), "--threads", "1"};
  for (const char* setting : {"widths=[2,2,2]", "depths=[1,1,1]", "grid=[2,2]", "pretrain_epochs=[1,1,1]",
                              "policy_epochs=1", "fine_tune_epochs=1", "lambdas=[]", "costs=[]", "budget_gmac=0",
                              "budget_ms=0", "noise=0", "sample_counts=[]", "samples=2"})
    words.insert(words.end(), {"--set", setting});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace tiny
