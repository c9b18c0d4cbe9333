#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <filesystem>

#include "paser/core/shape.hpp"
#include "paser/core/typed_spec.hpp"
#include "paser/experiment/settings.hpp"
#include "paser/experiment/start_files.hpp"

/// Groups of settings from which experiments put theirs together, by inheritance: JSON has them flat. Networks are f1,
/// f2, ... in every list.
namespace paser::experiment {

/// What every run has.
struct RunSettings {
  std::uint64_t seed = 1;
  double dropout = 0.5;
  Index micro_batch = 16, patience = 0;
  std::string answers = "published";

  /// Whether networks enlarge their logits as published_answer() says.
  bool answers_as_published() const { return answers == "published"; }

  /// For settings that were read from a run's configuration: what one that leaves out a setting means by that, where it
  /// is not the default. Without `answers` all answers are bilinear.
  void complete_begun(const nlohmann::json& configuration) {
    if (!configuration.contains("answers")) answers = "bilinear";
  }

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("seed", s.seed, Range{0, 18446744073709551616.0}, "of the split, the weights and all noise");
    v("dropout", s.dropout, Range{0, 1, Range::below_high}, "share of the values that dropout layers drop");
    v("micro_batch", s.micro_batch, Range{1, 4096}, "images or patches that run at once");
    v("patience", s.patience, Range{0, 1e6}, "validations without improvement that end stage 1 or 2; 0: never");
    v("answers", s.answers, Words{"published", "bilinear"},
      "how networks with a stride enlarge their logits: as the code that each was published with, or all bilinearly");
  }
};

/// What a file or folder is called, however its path is written: "images" of "data/images/", and of "." the name of the
/// folder that this is.
inline std::string own_name(const std::filesystem::path& file) {
  const auto path = std::filesystem::absolute(file).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

/// A folder of images and masks, and how it is read.
struct FolderSettings : RunSettings {
  std::string data, images, masks_folder, masks = "index", class_file, mask_suffix, list, palette;
  bool lossy_masks = false, skip_bad = false;
  Index channels = 0;
  std::array<double, 2> value_range{0, 0};
  std::string fit = "whole";
  std::array<Index, 2> size{0, 0}, grid{4, 4};
  Index train_images = 0, validation_images = 0, test_images = 0;
  bool in_memory = true, flips = true, half_turns = true;
  double gray_gain = 0, gray_offset = 0;
  std::string class_weights = "auto", absent_class = "left out";

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    RunSettings::visit(s, v);
    v("data", s.data, Anything{},
      "folder with train_images, train_label, validation_..., test_..., or images and masks, or Cityscapes");
    v("images", s.images, Anything{}, "a folder of images in place of data; they are divided by their names");
    v("masks_folder", s.masks_folder, Anything{}, "the folder of their masks");
    v("masks", s.masks, Anything{},
      "what their values mean: index, index:5, battery, cityscapes, rules such as 0:0,255:1,*:2");
    v("class_file", s.class_file, Anything{}, "names and colours of the classes, in place of `masks`");
    v("mask_suffix", s.mask_suffix, Anything{}, "what a mask's name has behind its image's, such as _mask");
    v("list", s.list, Anything{}, "a file that names the images to use, one per line; empty: all");
    v("palette", s.palette, Words{"", "numbers", "colours"}, "what palette masks are taken for; empty: as masks says");
    v("lossy_masks", s.lossy_masks, Anything{}, "take masks from JPEG files");
    v("skip_bad", s.skip_bad, Anything{}, "leave bad files out and go on; the program then ends with status 5");
    v("channels", s.channels, Range{0, 3}, "of the images: 1 (gray), 3 (colour), or 0: as in the files");
    v("value_range", s.value_range, Range{-1e30, 1e30}, "stored values that become 0 and 1; 0, 0: as in the files");
    v("fit", s.fit, Words{"whole", "crop", "tiles"}, "whole: images are used as they are; crop, tiles: of `size`");
    v("size", s.size, Range{0, 65536}, "height and width of crops and tiles");
    v("grid", s.grid, Range{1, 4096}, "patches of an image: rows, columns");
    v("train_images", s.train_images, Range::count(), "at most so many; 0: all");
    v("validation_images", s.validation_images, Range::count(), "at most so many; 0: all");
    v("test_images", s.test_images, Range::count(), "at most so many; 0: all");
    v("in_memory", s.in_memory, Anything{}, "keep all images, a byte a value; false: read files at every use");
    v("flips", s.flips, Anything{}, "augmentation of the training images");
    v("half_turns", s.half_turns, Anything{}, "augmentation of the training images");
    v("gray_gain", s.gray_gain, Range::share(), "augmentation: the contrast varies by so much");
    v("gray_offset", s.gray_offset, Range::share(), "augmentation: the brightness varies by so much");
    v("class_weights", s.class_weights, Anything{}, "of the loss: auto: 1 - share; none; or one number per class");
    v("absent_class", s.absent_class, Words{"left out", "zero"}, "in an IoU; zero as torchmetrics before 1.0");
  }

  /// The folder that the images come from.
  const std::string& source() const { return data.empty() ? images : data; }
};

/// A network must be one of the registry with settings of its own; what else is wrong, its maker says.
struct OfRegistry {
  /// Throws ValueError on a network without a name.
  void require(const char* name, const TypedSpec& network) const {
    check<ValueError>(!network.type.empty(), "setting", name, " = ", network.text(), ", expected a name as its type");
  }
  /// What is expected, in words.
  template <class Value>
  std::string text() const {
    return R"({"type": NAME, "spec": {...}} of a network in models.md)";
  }
};

/// UNets by their sizes.
struct UNetSettings {
  std::vector<Index> widths{8, 16, 64}, depths{2, 4, 4};

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("widths", s.widths, Range{2, 4096, Range::closed, 2}, "channels of the first level of each network");
    v("depths", s.depths, Range{1, 10}, "levels of each network below the first");
  }
};

/// The networks: UNets by their sizes, or any.
struct NetworkSettings : UNetSettings {
  std::vector<TypedSpec> networks;
  std::vector<std::string> norms;

  std::size_t models() const { return networks.empty() ? widths.size() : networks.size(); }  ///< Their number.

  /// The lists that say what they are, with their lengths: see check_lists.
  std::vector<std::pair<std::string, std::size_t>> lists() const {
    if (!networks.empty()) return {{"networks", networks.size()}};
    std::vector<std::pair<std::string, std::size_t>> all{{"widths", widths.size()}, {"depths", depths.size()}};
    if (!norms.empty()) all.emplace_back("norms", norms.size());
    return all;
  }

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("networks", s.networks, OfRegistry{}, "in place of the UNets of widths and depths; in, classes from the data");
    UNetSettings::visit(s, v);
    v("norms", s.norms, Words{"instance", "batch"},
      "of each of these UNets: statistics of the patch, or of all; empty: instance");
  }
};

/// The three stages of PaSeR.
struct StageSettings {
  int samples = 5;
  std::vector<Index> pretrain_epochs{200, 200, 200}, pretrain_batch{32, 32, 32};
  std::vector<double> pretrain_rate{1e-4, 1e-4, 1e-4};
  Index policy_epochs = 200, policy_batch = 32;
  double policy_rate = 1e-4, exploit_from = 0.7, exploit_to = 0.95, entropy_bonus = 0;
  Index fine_tune_batch = 32;
  double fine_tune_rate = 1e-4, fine_tune_policy_rate = 1e-4;
  double fine_tune_exploit_from = 0.95, fine_tune_exploit_to = 1.0;

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("samples", s.samples, Range{1, 10'000}, "passes of MC dropout");
    v("pretrain_epochs", s.pretrain_epochs, Range::steps(), "of stage 1, for each network");
    v("pretrain_batch", s.pretrain_batch, Range::steps(), "images of a step of stage 1");
    v("pretrain_rate", s.pretrain_rate, Range::rate(), "learning rates of stage 1");
    v("policy_epochs", s.policy_epochs, Range::steps(), "of stage 2");
    v("policy_batch", s.policy_batch, Range::steps(), "images of a step of stage 2");
    v("policy_rate", s.policy_rate, Range::rate(), "learning rate of stage 2");
    v("exploit_from", s.exploit_from, Range::share(), "how often stage 2 follows the policy, at its first step");
    v("exploit_to", s.exploit_to, Range::share(), "the same at its last step");
    v("entropy_bonus", s.entropy_bonus, Range{0, 1e4}, "what the entropy of the policy is worth beside the reward");
    v("fine_tune_batch", s.fine_tune_batch, Range::steps(), "images of a step of stage 3");
    v("fine_tune_rate", s.fine_tune_rate, Range{0, Range::largest_float}, "learning rate of the networks in stage 3");
    v("fine_tune_policy_rate", s.fine_tune_policy_rate, Range{0, Range::largest_float},
      "that of the policy in stage 3");
    v("fine_tune_exploit_from", s.fine_tune_exploit_from, Range::share(), "as exploit_from, in stage 3");
    v("fine_tune_exploit_to", s.fine_tune_exploit_to, Range::share(), "as exploit_to, in stage 3");
  }
};

/// The settings as a model's file keeps them: of files and folders the last part of their names alone, since where
/// somebody's data lay is nobody's business.
template <class S>
S without_folders(S settings) {
  S::visit(settings, [](const std::string& name, auto& value, const auto&, const char*) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, StartFiles>) {
      for (std::string& file : value.files)
        if (!file.empty()) file = own_name(file);
    } else if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      constexpr std::string_view paths[] = {"data", "images", "masks_folder", "class_file", "list"};
      if (value.empty() || std::ranges::find(paths, name) == std::end(paths)) return;
      value = own_name(value);
    }
  });
  return settings;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
