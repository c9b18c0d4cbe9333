/// Looks at every file of a segmentation data set before anything is trained on it, and says what is there and what is
/// wrong with which file.
///
///   check_data IMAGES MASKS                    two folders, paired by file name
///   check_data ROOT                            train_images, train_label, validation_images, ... in one folder
///
/// Exit status: 0 all files are good; 1 a file is bad or a set cannot be used; 2 wrong options, or a folder that cannot
/// be read.

#include <CLI/CLI.hpp>
#include <iostream>

#include "paser/data/class_file.hpp"
#include "paser/data/folder_check.hpp"
#include "paser/data/folder_report_text.hpp"
#include "paser/io/json.hpp"
#include "paser/report/progress.hpp"
#include "program.hpp"

namespace {

using namespace paser;

struct Settings {
  io::Path first, second;
  std::string map = "index", palette, list, mask_suffix;
  io::Path class_file;
  std::vector<double> range;
  Index classes = 0, channels = 0;
  bool lossy_masks = false, json = false, quiet = false;
};

data::FolderOptions folder_options(const Settings& s) {
  data::FolderOptions options;
  options.map = s.class_file.empty() ? data::LabelEncoding::parse(s.map) : data::read_class_file(s.class_file);
  if (s.classes > 0) options.map = options.map.with_classes(s.classes);
  if (!s.palette.empty())
    options.palette = s.palette == "numbers" ? data::PaletteUse::numbers : data::PaletteUse::colours;
  if (!s.range.empty()) options.range = io::ValueRange{s.range[0], s.range[1]};
  options.channels = s.channels;
  options.lossy_masks = s.lossy_masks;
  options.pairing.mask_suffix = s.mask_suffix;
  if (!s.list.empty()) options.pairing.stems = data::read_stem_list(s.list);
  return options;
}

/// Checks every part; returns whether all are good.
bool check_data_set(const Settings& s) {
  const data::FolderOptions options = folder_options(s);
  const auto parts =
      s.second.empty() ? data::paser_layout(s.first) : std::vector<data::PartFolders>{{"all", s.first, s.second}};
  bool good = true;
  nlohmann::json document;
  for (const auto& [part, images, masks] : parts) {
    std::optional<report::Progress> shown;
    const auto tell = [&](Index done, Index total) {
      if (s.quiet) return;
      if (!shown) shown.emplace("check " + part, total, report::ProgressOptions{.unit = "images"});
      shown->update(done);
    };
    const data::FolderReport report = data::check_folder(images, masks, options, tell);
    if (shown) shown->finish();
    good = good && report.ok();
    if (s.json) {
      document[part] = data::report_json(report);
    } else {
      std::cout << (s.second.empty() ? part + "\n" : "");
      data::print(std::cout, report);
    }
  }
  if (s.json) std::cout << io::json_text(document, 2) << "\n";
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  CLI::App app(
      "Checks a folder of images and one of masks, or a data set in the layout of the PaSeR reference code.\n"
      "Exit status: 0 all good, 1 a bad file or an unusable set, 2 wrong options or an unreadable folder.");
  app.add_option("images", s.first, "the folder of images; alone: the folder with train_images, train_label, ...")
      ->required();
  app.add_option("masks", s.second, "the folder of masks");
  auto* map = app.add_option("--map", s.map,
                             "values of the masks: index, index:5, battery, or rules such as 0:0,255:1,*:2 or 7:ignore")
                  ->capture_default_str();
  app.add_option("--class-file", s.class_file, "names and colours (or values) of the classes, as JSON or text")
      ->excludes(map);
  app.add_option("--classes", s.classes, "the number of classes, where the map does not say it")
      ->check(CLI::Range(1, 255));
  app.add_option("--palette", s.palette, "what palette masks are taken for")
      ->check(CLI::IsMember({"numbers", "colours"}));
  app.add_option("--range", s.range, "stored image values that become 0 and 1, such as 0,4095")
      ->delimiter(',')
      ->expected(2);
  app.add_option("--channels", s.channels, "of the images: 1 or 3; as in the files by default")
      ->check(CLI::IsMember({1, 3}));
  app.add_option("--mask-suffix", s.mask_suffix, "what a mask's name has behind its image's, such as _mask");
  app.add_option("--list", s.list, "a file that names the images to use, one per line");
  app.add_flag("--lossy-masks", s.lossy_masks, "take masks from JPEG files");
  app.add_flag("--json", s.json, "print JSON");
  app.add_flag("--quiet", s.quiet, "show no progress");
  return program::run(app, argc, argv, [&](const std::string&) -> int {
    try {
      return check_data_set(s) ? program::done : program::failed;
    } catch (const Error& error) {  // what the options name is not there; a bad file of the set throws nothing
      throw ValueError(error.what());
    }
  });
}
