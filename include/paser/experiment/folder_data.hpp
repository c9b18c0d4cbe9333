#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <set>

#include "paser/data/class_file.hpp"
#include "paser/data/class_weights.hpp"
#include "paser/data/data_parts.hpp"
#include "paser/data/folder.hpp"
#include "paser/data/split.hpp"
#include "paser/experiment/common_settings.hpp"
#include "paser/experiment/data_files.hpp"
#include "paser/experiment/dealt_files.hpp"
#include "paser/experiment/shown.hpp"
#include "paser/metrics/iou.hpp"

/// A folder of images and masks as the parts of a run.
namespace paser::experiment {

using Folder = data::SegmentationFolder;  ///< The images of one part.

/// How a class counts that is in neither answer nor truth.
inline metrics::ClassMean class_mean(const FolderSettings& s) {
  return s.absent_class == "zero" ? metrics::ClassMean::all : metrics::ClassMean::present;
}

/// The stored values that the settings make 0 and 1; none: the scale of the files' samples. Throws ValueError on a
/// range that does not rise.
inline std::optional<io::ValueRange> value_range(const FolderSettings& c) {
  const auto [low, high] = c.value_range;
  if (low == 0 && high == 0) return {};
  const io::ValueRange range{low, high};
  check<ValueError>(io::rises(range), "value_range", "[", low, ", ", high,
                    "], expected a range that rises by more than a float's rounding, or [0, 0] for that of the files");
  return range;
}

/// What the settings say about reading files. Throws ValueError naming one that says nothing.
inline data::SegmentationOptions reading(const FolderSettings& c, bool varied) {
  using data::Fit;
  check_settings(c);
  check<ValueError>(c.channels != 2, "setting", "channels = 2, expected 1 (gray), 3 (colour), or 0: as in the files");
  data::SegmentationOptions options;
  options.files.map = c.class_file.empty() ? data::LabelEncoding::parse(c.masks) : data::read_class_file(c.class_file);
  options.files.channels = c.channels;
  options.files.range = value_range(c);
  options.files.lossy_masks = c.lossy_masks;
  if (!c.palette.empty())
    options.files.palette = c.palette == "numbers" ? data::PaletteUse::numbers : data::PaletteUse::colours;
  options.files.pairing.mask_suffix = c.mask_suffix;
  if (!c.list.empty()) options.files.pairing.stems = data::read_stem_list(c.list);
  options.fit = c.fit == "whole" ? Fit::whole : c.fit == "crop" ? Fit::crop : Fit::tiles;
  if (options.fit != Fit::whole) {
    options.height = c.size[0];
    options.width = c.size[1];
  }
  options.in_memory = c.in_memory;
  options.skip_bad = c.skip_bad;
  options.key = Key{c.seed}.fold(10);
  if (varied)
    options.augmentation = {.flip_columns = c.flips,
                            .flip_rows = c.flips,
                            .turns = c.half_turns,
                            .gain = c.gray_gain,
                            .offset = c.gray_offset};
  return options;
}

/// The parts of the set that the settings name: folders of their own, or images divided by their names. Throws
/// ValueError when they name none or two, and as data::data_parts.
inline std::vector<data::PartFolders> parts_of(const FolderSettings& c) {
  check<ValueError>(c.images.empty() == c.masks_folder.empty(), "setting",
                    "images and masks_folder belong together: the folders of the images and of their masks");
  check<ValueError>(c.data.empty() || c.images.empty(), "setting", "data stands in place of images and masks_folder");
  if (!c.images.empty()) return data::divided(data::PartFolders{"all", c.images, c.masks_folder, {}});
  check<ValueError>(!c.data.empty(), "--data",
                    "expected a folder with train_images and train_label, or with images and masks");
  return data::data_parts(c.data);
}

/// Files that could not be used, each with the reason.
using LeftOut = std::map<std::string, std::string>;

/// The bad files of a folder that was opened without them.
inline LeftOut left_out_of(const data::FolderReport& report) {
  LeftOut files;
  for (const data::BadFile& bad : report.bad) files[bad.file.string()] = bad.reason;
  return files;
}

/// Of a warning: the files that are left out, a line each, below a sentence that counts them; empty when there are
/// none.
inline std::string left_out_sentence(const LeftOut& files) {
  if (files.empty()) return {};
  std::string text =
      message("warning: ", files.size(), files.size() == 1 ? " bad file is" : " bad files are", " left out:\n");
  for (const auto& [file, reason] : files) text += message("  ", visible(file), ": ", visible(reason), "\n");
  return text;
}

/// The data of a run. Test images are looked at with the others, and read again when they are asked for, at the end.
class FolderData {
 public:
  /// Reads and checks all files. thirds: each stage has a third of the training images, else all. No file has images in
  /// two parts, see DealtFiles. inputs: further files that the run reads, by name. Throws FormatError as
  /// data::SegmentationFolder does, of all parts at once, and ValueError when there are too few files, or the images do
  /// not divide into the patches.
  explicit FolderData(const FolderSettings& c, bool thirds = false, DataFiles inputs = {})
      : config_(c), inputs_(std::move(inputs)), in_thirds_(thirds) {
    const auto parts = parts_of(c);
    division_ = data::divided_sentence(parts);
    const auto listed = reading(c, false).files.pairing.stems;
    for (const auto& part : parts) {
      const auto stems = listed.empty() ? std::set<std::string>() : data::stems_of(part);
      if (listed.empty() || std::ranges::any_of(listed, [&](const auto& name) { return stems.contains(name); }))
        parts_[part.part] = part;
    }
    auto [all, plain, validation] = open_all();
    weights_ = data::class_weights(c.class_weights, all.report().class_pixels);
    warnings_.insert(warnings_.begin(), weights_.warnings.begin(), weights_.warnings.end());
    DealtFiles files(Key{c.seed}.fold(11), all, thirds || !has_validation());
    if (!has_validation()) {  // a tenth of the training images, which no stage trains on
      check<ValueError>(files.files() > 1, "data",
                        "there is one file to train on, and what chooses the best state must be of another; ",
                        "give validation images in folders of their own, or further files");
      validation = plain.only(files.take(std::max<Index>(1, all.size() / 10), thirds ? 3 : 1));
    }
    validation_ = validation->only(first(validation->size(), c.validation_images));
    if (c.train_images > 0) files.keep(c.train_images);
    const Index used = files.images();
    const Index kept = files.files();
    check<ValueError>(kept >= (thirds ? 3 : 1), "data", kept == 1 ? "there is " : "there are ", kept,
                      c.fit == "tiles" ? " file" : " image", kept == 1 ? "" : "s",
                      " to train on, expected at least one", thirds ? " for each of three stages" : "");
    const auto sizes = data::split_sizes(used, std::array{0.34, 0.33, 0.33});
    for (std::size_t stage = 0; stage < 3; ++stage) {
      const bool last = !thirds || stage == 2;
      if (stage == 0 || thirds)
        rows_[stage] = files.take(last ? used : sizes[stage], last ? 0 : 2 - static_cast<Index>(stage), true);
      const auto& rows = rows_[thirds ? stage : 0];
      varied_.push_back(all.only(rows));
      plain_.push_back(plain.only(rows));
    }
    std::vector<Index> used_rows = rows_[0];
    for (std::size_t stage = 1; thirds && stage < 3; ++stage)
      used_rows.insert(used_rows.end(), rows_[stage].begin(), rows_[stage].end());
    all_varied_ = all.only(used_rows);
    require_one_size(all);
    require_one_size(*validation_);
  }

  Index classes() const { return validation_->classes(); }
  Index channels() const { return varied_[0].channels(); }
  /// The name of class k.
  const std::vector<std::string>& class_names() const { return varied_[0].report().class_names; }
  /// Weights of the loss, one per class, or none; and what was remarkable about them.
  const data::ClassWeights& weights() const { return weights_; }
  Index height() const { return varied_[0].extent(0).first; }  ///< Rows of the images that are trained on.
  Index width() const { return varied_[0].extent(0).second; }  ///< Columns of the images that are trained on.

  /// The extents (n, h, w, c) of so many images that are trained on.
  Shape<4> shape_of(Index images) const { return {images, height(), width(), channels()}; }

  /// The images of stage 1, 2 or 3, varied epoch by epoch, or as they are.
  const Folder& varied(std::size_t stage) const { return varied_[stage - 1]; }
  /// The images of all stages, varied epoch by epoch.
  const Folder& all_varied() const { return *all_varied_; }
  const Folder& plain(std::size_t stage) const { return plain_[stage - 1]; }  ///< The same images as they are.
  const Folder& validation() const { return *validation_; }  ///< The images by which stages choose their best state.

  /// The test images; those of validation when the folder has none.
  Folder test() const {
    if (!has_test()) return validation_->only(first(validation_->size(), config_.test_images));
    const Folder test = opened("test", as_train(plain_[0]));
    require_one_size(test);
    return test.only(first(test.size(), config_.test_images));
  }
  /// All files that the run reads: pictures of every part, the class file, and the further ones.
  DataFiles files() const {
    std::vector<data::PartFolders> parts;
    for (const auto& [name, part] : parts_) parts.push_back(part);
    auto files = pictures_of(parts);
    files.insert(inputs_.begin(), inputs_.end());
    if (!config_.class_file.empty()) files["the class file"] = config_.class_file;
    if (!config_.list.empty()) files["the list of images"] = config_.list;
    return files;
  }
  /// Of these the further ones.
  const DataFiles& inputs() const { return inputs_; }
  /// What to say of a set that was divided by the names of its images; empty: it has parts of its own.
  const std::string& division() const { return division_; }
  /// Files that are left out, which the setting skip_bad allows.
  const LeftOut& left_out() const { return left_out_; }
  /// What is remarkable about the images and masks of each part, and the weights of the classes, a sentence each.
  const std::vector<std::string>& warnings() const { return warnings_; }
  bool in_thirds() const { return in_thirds_; }              ///< Whether each stage has a third of the training images.
  bool has_test() const { return parts_.contains("test"); }  ///< Whether the data have test images of their own.
  /// Whether the data have validation images of their own.
  bool has_validation() const { return parts_.contains("validation"); }

 private:
  const data::PartFolders& part(const std::string& name) const {
    const auto found = parts_.find(name);
    check<ValueError>(found != parts_.end(), config_.source().c_str(), "has no images for the part ", name);
    return found->second;
  }

  /// The parts as they were opened; validation only where there are images for it.
  struct Parts {
    Folder varied, plain;
    std::optional<Folder> validation;
  };

  /// Opens the parts, the test images to see that the run will not end at them. Throws FormatError with what is wrong
  /// in all of them.
  Parts open_all() {
    std::string wrong;
    const auto tried = [&](const std::string& name, data::SegmentationOptions options,
                           const char* way = "") -> std::optional<Folder> {
      try {
        Folder folder = opened(name, std::move(options), way);
        left_out_.merge(left_out_of(folder.report()));
        return folder;
      } catch (const FormatError& error) {
        wrong += (wrong.empty() ? "" : "\n") + std::string(error.what());
        return std::nullopt;
      }
    };
    const auto varied = tried("train", reading(config_, true), ", to be varied");
    const auto plain = varied ? tried("train", reading(config_, false)) : std::nullopt;
    std::optional<Folder> validation, test;
    if (has_validation()) validation = tried("validation", as_train(plain));
    if (has_test()) {
      auto options = as_train(plain);
      options.in_memory = false;
      test = tried("test", std::move(options), ", to see that they are whole");
    }
    if (!wrong.empty()) throw FormatError(wrong);
    for (const auto& [name, part] : {std::pair{"train", &plain}, {"validation", &validation}, {"test", &test}})
      for (const std::string& warning : *part ? (*part)->report().warnings : std::vector<std::string>())
        warnings_.push_back(message(name, " images: ", warning));
    for (const auto& part : {validation, test})
      if (part) require_one_size(*part);
    return {*varied, *plain, validation};
  }

  /// Opens a part, and shows how many of its files are read.
  Folder opened(const std::string& name, data::SegmentationOptions options, const char* way = "") const {
    const auto progress = std::make_shared<report::ProgressOf>("read " + name + " images" + way, "images");
    options.progress = [progress](Index done, Index total) {
      end_if_interrupted();
      (*progress)(done, total);
    };
    std::vector<data::PartFolders> all;
    for (const auto& entry : parts_) all.push_back(entry.second);
    data::restrict_to(options.files.pairing, part(name), all);
    Folder folder(part(name).images, part(name).masks, std::move(options));
    progress->finish();
    return folder;
  }

  /// Reading as the training images were read, although another part may lack a class or a colour. Where these could
  /// not be read, each number of a class is taken for one.
  data::SegmentationOptions as_train(const std::optional<Folder>& train) const {
    auto options = reading(config_, false);
    data::LabelEncoding& map = options.files.map;
    if (train)
      map = map.with_classes(train->classes());
    else if (map.classes() == 0)
      map = map.with_classes(255);
    if (train) options.files.channels = train->channels();
    return options;
  }

  static std::vector<Index> first(Index size, Index most) {
    return data::numbers_from(0, most > 0 ? std::min(size, most) : size);
  }

  void require_one_size(const Folder& folder) const {
    const auto [rows, columns] = config_.grid;
    for (Index i = 0; i < folder.size(); ++i) {
      const auto [height, width] = folder.extent(i);
      const auto expected = folder.extent(0);
      check<ValueError>(folder.extent(i) == expected, folder.info(i).image.string().c_str(), "has ", height, " x ",
                        width, " pixels, others have ", expected.first, " x ", expected.second,
                        "; for images of several sizes use --set fit=crop or fit=tiles with size=[height,width]");
      check<ValueError>(height % rows == 0 && width % columns == 0, "grid", "images of ", height, " x ", width,
                        " pixels do not divide into ", rows, " x ", columns,
                        " patches; choose another grid, or fit=crop with a size that does");
    }
  }

  FolderSettings config_;
  DataFiles inputs_;
  bool in_thirds_;
  std::map<std::string, data::PartFolders> parts_;
  std::string division_;
  data::ClassWeights weights_;
  std::array<std::vector<Index>, 3> rows_;
  std::vector<Folder> varied_, plain_;
  std::optional<Folder> validation_, all_varied_;
  LeftOut left_out_;
  std::vector<std::string> warnings_;
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
