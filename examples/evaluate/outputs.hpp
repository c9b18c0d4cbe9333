#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/score.hpp"
#include "paser/experiment/dry_run.hpp"
#include "paser/experiment/folder_data.hpp"
#include "paser/io/indexed_png.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/report/figures.hpp"
#include "paser/report/reliability_figure.hpp"

/// The files of the program `evaluate`.
namespace evaluation {

namespace experiment = paser::experiment;
namespace fs = std::filesystem;
namespace report = paser::report;

/// A label map (1, H, W) as a palette picture, a PNG file.
inline std::string mask_png(const Labels& labels, Index classes) {
  paser::Tensor<std::uint8_t, 3> numbers({labels.shape()[1], labels.shape()[2], 1});
  std::transform(labels.data(), labels.data() + labels.numel(), numbers.mutable_data(),
                 [](std::int32_t label) { return static_cast<std::uint8_t>(label); });
  return paser::io::encode_indexed_png(numbers, report::stored_palette(classes));
}

/// What the command line says of it.
struct OutputChoice {
  fs::path out, csv;  ///< empty: not asked for
  bool overwrite = false, dry_run = false;
};

/// What is written: the folder --out, and the table --csv in whatever folder it is.
class Outputs {
 public:
  /// Throws before anything is computed when something is in the way of a file.
  Outputs(const OutputChoice& a, const fs::path& model, const experiment::FolderSettings& c, const Folder& images) {
    const paser::io::OutputOptions options{.called = "paser evaluate", .overwrite = a.overwrite, .dry_run = a.dry_run};
    if (!a.out.empty()) {
      auto alone = options;  // of two commands at a time, either's masks would stand beside the other's numbers
      alone.alone = true;
      out_.emplace(a.out, "evaluate", alone);
    }
    if (!a.csv.empty()) {
      const auto [folder, name] = paser::io::folder_and_name(a.csv);
      table_name_ = name;
      std::error_code none;  // a folder that is still to be made is another one
      auto shared = options;
      shared.unlisted = true;
      table_ = out_ && fs::equivalent(folder, a.out, none) ? &*out_ : &own_table_.emplace(folder, "evaluate", shared);
    }
    for (auto* folder : {&out_, &own_table_}) {
      if (!*folder) continue;
      for (const fs::path& input : {model, fs::path(c.class_file), fs::path(c.list)}) (*folder)->protect(input);
      const fs::path run = model.parent_path().parent_path();
      if (fs::exists(run / "config.json"))  // of a run, which its files belong to
        for (const auto& entry : fs::directory_iterator(run))
          if (entry.is_regular_file()) (*folder)->protect(entry.path());
      for (Index i = 0; i < images.size(); ++i)
        for (const fs::path& input : {images.info(i).image, images.info(i).mask}) (*folder)->protect(input);
    }
    name_masks(c, images);
    refuse_table_in_results(a.csv);
    if (table_) table_->require(table_name_);
    if (!out_) return;
    for (const std::string& name : masks_) out_->require(name);
    for (const char* name : documents) out_->require(name);
  }

  /// Tells all files.
  void tell(experiment::DryRun& would) const {
    if (table_) would.writes({(table_->path() / table_name_).lexically_normal()});
    if (!out_) return;
    for (const std::string& name : masks_) would.writes({out_->path() / name});
    for (const char* name : documents) would.writes({out_->path() / name});
  }

  void mask(Index image, const Labels& labels, Index classes) {
    if (out_) out_->write(masks_[static_cast<std::size_t>(image)], mask_png(labels, classes));
  }
  void results(const std::string& document, const std::string& csv, const paser::metrics::Calibration& calibration) {
    if (table_) table_->write(table_name_, csv);
    if (!out_) return;
    out_->write("evaluation.json", document);
    out_->write("images.csv", csv);
    out_->write("reliability.csv", report::reliability_csv(calibration));
    if (calibration.count() > 0) out_->write("reliability.svg", report::reliability_svg(calibration, "Reliability"));
  }

 private:
  static constexpr const char* same_table = "images.csv";
  static constexpr std::array documents{"evaluation.json", same_table, "reliability.csv", "reliability.svg"};

  /// Throws ValueError when two masks would be one file, of which one would be lost: pages of a stack are told apart by
  /// numbers, which other images may have in their names.
  void name_masks(const experiment::FolderSettings& c, const Folder& images) {
    std::map<std::string, Index> first;
    for (Index i = 0; i < images.size(); ++i) {
      masks_.push_back("masks/" + images.info(i).name + (c.fit == "tiles" ? paser::message("_", i) : "") + ".png");
      const auto [same, is_new] = first.emplace(masks_.back(), i);
      paser::check<paser::ValueError>(is_new || !out_, "--out", masks_.back(), " would be the mask of ",
                                      images.info(same->second).image.string(), " and of ",
                                      images.info(i).image.string(), "; rename one of them");
    }
  }

  /// Throws ValueError when the table is another of the files in --out, one of which would be lost: images.csv alone is
  /// the same table.
  void refuse_table_in_results(const fs::path& csv) const {
    if (!out_ || !table_) return;
    std::error_code none;  // what cannot be followed is not there yet, and another file
    const auto place = [&none](const fs::path& file) { return fs::weakly_canonical(file, none); };
    const fs::path table = place(csv);
    const auto refuse = [&](const std::string& name) {
      paser::check<paser::ValueError>(name == same_table || place(out_->path() / name) != table, "--csv", csv.string(),
                                      " is the file ", name,
                                      " of --out, which is written too; expected another name for the table");
    };
    for (const std::string& name : masks_) refuse(name);
    for (const char* name : documents) refuse(name);
  }

  std::optional<paser::io::OutputFolder> out_, own_table_;
  paser::io::OutputFolder* table_ = nullptr;  ///< own_table_, or out_ where that is its folder
  std::string table_name_;
  std::vector<std::string> masks_;
};

}  // namespace evaluation
