/// Looks at every file of a segmentation data set before anything is trained on it, and says what is there and what is
/// wrong with which file.
///
///   paser check IMAGES MASKS                    two folders, paired by file name
///   paser check ROOT                            train_images, train_label, validation_images, ..., or images and masks
///
/// Exit status: 0 all files are good; 1 a file is bad or a set cannot be used; 2 wrong options, or a folder that cannot
/// be read.

#include "command.hpp"
#include "common_options.hpp"
#include "data_options.hpp"
#include "paser/data/folder_report_text.hpp"
#include "paser/experiment/folder_data.hpp"
#include "paser/io/json.hpp"
#include "paser/report/progress.hpp"

namespace command {

namespace check_command {

using namespace paser;

struct CheckArguments {
  io::Path first, second;
  program::DataOptions data;
  Index classes = 0;
  program::CommonOptions common;
};

/// What the command line says of the set.
experiment::FolderSettings settings(const CheckArguments& a) {
  program::DataOptions said = a.data;
  if (a.second.empty()) {
    paser::check<ValueError>(said.data.empty() || a.first.empty(), "--data", "stands in place of ", a.first.string());
    if (!a.first.empty()) said.data = a.first.string();
  } else {
    said.images = a.first.string();
    said.masks_folder = a.second.string();
  }
  experiment::FolderSettings settings;
  said.apply_to(settings);
  paser::check<ValueError>(!settings.source().empty(), "check", "expected IMAGES MASKS, or the folder of a data set");
  return settings;
}

/// The folders to look at. A set in one piece is looked at in one piece.
std::vector<data::PartFolders> folders(const experiment::FolderSettings& s) {
  if (!s.images.empty()) return {{"all", s.images, s.masks_folder, {}}};
  const auto parts = data::data_parts(s.data);
  program::tell_division(data::divided_sentence(parts));
  return parts.front().stems.empty() ? parts : std::vector{*data::plain_layout(s.data)};
}

/// Ends with the pairs of files that there are.
[[noreturn]] void end_dry(const std::vector<data::PartFolders>& parts, const data::PairingOptions& pairing) {
  program::DryRun would;
  for (const auto& part : parts) {
    data::PairingOptions own = pairing;
    data::restrict_to(own, part, parts);
    const auto pairs = data::pair_files(part.images, part.masks, own).pairs.size();
    would.reads({part.images, program::DryRun::counted(pairs, "image") + " with a mask", {{"files", pairs}}});
    would.reads({part.masks});
  }
  throw program::DryRunEnds{would};
}

/// Adds to the problems of training images what a trainer would refuse in them.
void add_what_stops_training(const experiment::FolderSettings& set, data::FolderReport& report) {
  try {
    (void)data::class_weights(set.class_weights, report.class_pixels);
  } catch (const paser::ValueError& error) {
    report.problems.push_back(error.what());
  }
}

/// Checks every part; returns whether all are good.
bool check_data_set(const CheckArguments& a) {
  const experiment::FolderSettings set = settings(a);
  data::FolderOptions options = experiment::reading(set, false).files;
  if (a.classes > 0) options.map = options.map.with_classes(a.classes);
  const auto parts = folders(set);
  if (a.common.dry_run) end_dry(parts, options.pairing);
  bool good = true;
  nlohmann::json document;
  for (const data::PartFolders& folder : parts) {
    const std::string& part = folder.part;
    std::optional<report::Progress> shown;
    const auto tell = [&, name = part](Index done, Index total) {
      if (!shown) shown.emplace("check " + name, total, report::ProgressOptions{.unit = "images"});
      shown->update(done);
    };
    data::FolderOptions files = options;
    data::restrict_to(files.pairing, folder, parts);
    data::FolderReport report = data::check_folder(folder.images, folder.masks, files, tell);
    if (shown) shown->finish();
    if (part == "train" && report.ok()) add_what_stops_training(set, report);
    good = good && report.ok();
    if (a.common.json) {
      document[part] = data::report_json(report);
    } else {
      std::cout << (part == "all" ? "" : part + "\n");
      data::print(std::cout, report);
    }
  }
  if (a.common.json) std::cout << io::json_text(document, 2) << "\n";
  return good;
}

}  // namespace check_command

int run_check(int argc, char** argv) {
  using namespace check_command;
  CheckArguments a;
  CLI::App app("Looks at every file of a data set: two folders of images and masks, or a folder that holds them.");
  app.add_option("images", a.first,
                 "the folder of images; alone: one with train_images, train_label, ..., or with images and masks");
  app.add_option("masks", a.second, "the folder of masks");
  program::add_data_options(app, a.data);
  app.add_option("--classes", a.classes, "the number of classes, where the rules do not say it")
      ->check(CLI::Range(1, 255));
  a.common.add_to(app);
  app.footer(
      "Example: paser check images masks --masks 0:0,255:1 --mask-suffix _mask\n"
      "Exit status: 0 all good; 1 a bad file or an unusable set; 2 wrong options or an unreadable folder.");
  return program::run(app, argc, argv,
                      [&](const std::string&) { return check_data_set(a) ? program::done : program::failed; });
}

}  // namespace command
