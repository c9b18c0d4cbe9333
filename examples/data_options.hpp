#pragma once

#include <CLI/CLI.hpp>

#include "paser/experiment/folder_data.hpp"
#include "paser/report/notes.hpp"
#include "program.hpp"

/// Images with masks, as every program is told of them.
namespace program {

/// Where they are, and how their files are read. What is empty was not said.
struct DataOptions {
  std::string data, images, masks_folder, class_file, masks, palette, list, mask_suffix;
  std::vector<double> range;
  paser::Index channels = 0;
  bool lossy_masks = false, skip_bad = false;

  /// Puts what the command line says in place of the settings. Throws ValueError when it says where the images are in
  /// two ways, or half of one.
  void apply_to(paser::experiment::FolderSettings& s) const {
    paser::check<paser::ValueError>(images.empty() == masks_folder.empty(), "--images",
                                    "and --masks-folder belong together");
    paser::check<paser::ValueError>(data.empty() || images.empty(), "--data",
                                    "stands in place of --images and --masks-folder");
    if (!data.empty() || !images.empty()) {
      s.data = data;
      s.images = images;
      s.masks_folder = masks_folder;
      s.list.clear();  // it was of other images
    }
    if (!masks.empty() || !class_file.empty()) s.class_file = class_file;
    if (!range.empty()) s.value_range = {range.at(0), range.at(1)};
    if (channels > 0) s.channels = channels;
    s.lossy_masks = s.lossy_masks || lossy_masks;
    s.skip_bad = s.skip_bad || skip_bad;
    for (const auto& [given, setting] :
         {std::pair{&masks, &s.masks}, {&palette, &s.palette}, {&list, &s.list}, {&mask_suffix, &s.mask_suffix}})
      if (!given->empty()) *setting = *given;
  }
};

/// The options of a data set, for any program.
inline void add_data_options(CLI::App& app, DataOptions& o) {
  constexpr const char* group = "Images with masks";
  app.add_option("--data", o.data,
                 "folder with train_images, train_label, validation_images, ..., or with images and masks, or with "
                 "leftImg8bit and gtFine (Cityscapes)")
      ->group(group);
  app.add_option("--images", o.images, "a folder of images, in place of --data")->group(group);
  app.add_option("--masks-folder", o.masks_folder, "the folder of their masks, paired by file name")->group(group);
  auto* masks = app.add_option("--masks,--map", o.masks,
                               "what the values of masks mean: index, index:5, battery, cityscapes, or rules such as "
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

/// The option of programs that can do without some of the files.
inline void add_skip_option(CLI::App& app, DataOptions& o) {
  app.add_flag("--skip-bad", o.skip_bad, "leave bad files out and go on; the exit status is then 5")
      ->group("Images with masks");
}

/// How a program ends that did all that was asked for, but for these files.
inline Exit end_without(const paser::experiment::LeftOut& files) {
  return files.empty() ? done : files_left_out;
}

/// Says it on the terminal when a set was divided by names.
inline void tell_division(const std::string& sentence) {
  if (!sentence.empty()) paser::report::notes() << paser::visible(sentence) << "\n";
}

}  // namespace program
