#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "paser/data/class_file.hpp"
#include "paser/data/data_parts.hpp"
#include "paser/data/folder_report.hpp"
#include "program.hpp"

/// Images with masks, as every subcommand is told of them.
namespace command {

/// Where they are, and how their files are read. What is empty was not said.
struct DataOptions {
  paser::io::Path data, images, masks_folder, class_file;
  std::string masks, palette, list, mask_suffix;
  std::vector<double> range;
  paser::Index channels = 0;
  bool lossy_masks = false;

  /// What the command line says of the files; the rest is as in `otherwise`. Throws as what reads the rules, the class
  /// file and the list.
  paser::data::FolderOptions reading(paser::data::FolderOptions otherwise = {}) const {
    using namespace paser::data;
    if (!masks.empty()) otherwise.map = LabelEncoding::parse(masks);
    if (!class_file.empty()) otherwise.map = read_class_file(class_file);
    if (!palette.empty()) otherwise.palette = palette == "numbers" ? PaletteUse::numbers : PaletteUse::colours;
    if (!range.empty()) otherwise.range = paser::io::ValueRange{range.at(0), range.at(1)};
    if (channels > 0) otherwise.channels = channels;
    if (lossy_masks) otherwise.lossy_masks = true;
    if (!mask_suffix.empty()) otherwise.pairing.mask_suffix = mask_suffix;
    if (!list.empty()) otherwise.pairing.stems = read_stem_list(list);
    return otherwise;
  }

  /// The two folders that were named, or none.
  std::optional<paser::data::PartFolders> pair() const {
    paser::check<paser::ValueError>(images.empty() == masks_folder.empty(), "--images",
                                    "and --masks-folder belong together");
    if (images.empty()) return {};
    paser::check<paser::ValueError>(data.empty(), "--data", "stands in place of --images and --masks-folder");
    return paser::data::PartFolders{"all", images, masks_folder, {}};
  }
};

/// The options of a data set, for any subcommand.
inline void add_data_options(CLI::App& app, DataOptions& o) {
  constexpr const char* group = "Images with masks";
  app.add_option("--data", o.data,
                 "folder with train_images, train_label, validation_images, ..., or with images and masks")
      ->group(group);
  app.add_option("--images", o.images, "a folder of images, in place of --data")->group(group);
  app.add_option("--masks-folder", o.masks_folder, "the folder of their masks, paired by file name")->group(group);
  auto* masks = app.add_option("--masks,--map", o.masks,
                               "what the values of masks mean: index, index:5, battery, or rules such as "
                               "0:0,255:1,*:2 or 7:ignore")
                    ->group(group);
  app.add_option("--class-file", o.class_file, "names and colours (or values) of the classes, as JSON or text")
      ->excludes(masks)
      ->group(group);
  app.add_option("--palette", o.palette, "what palette masks are taken for")
      ->check(CLI::IsMember({"numbers", "colours"}))
      ->group(group);
  app.add_option("--range", o.range, "stored image values that become 0 and 1, such as 0,4095")
      ->delimiter(',')
      ->expected(2)
      ->check(program::within(-1e30, 1e30))
      ->group(group);
  app.add_option("--channels", o.channels, "of the images: 1 or 3; as in the files by default")
      ->check(CLI::IsMember({1, 3}))
      ->group(group);
  app.add_option("--mask-suffix", o.mask_suffix, "what a mask's name has behind its image's, such as _mask")
      ->group(group);
  app.add_option("--list", o.list, "a file that names the images to use, one per line")->group(group);
  app.add_flag("--lossy-masks", o.lossy_masks, "take masks from JPEG files")->group(group);
}

/// Says it on the terminal when a set was divided by names.
inline void tell_division(const std::vector<paser::data::PartFolders>& parts) {
  if (const std::string sentence = paser::data::divided_sentence(parts); !sentence.empty())
    std::cerr << sentence << "\n";
}

}  // namespace command
