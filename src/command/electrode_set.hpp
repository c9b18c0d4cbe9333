#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "paser/io/image.hpp"
#include "paser/io/json.hpp"
#include "paser/io/output_folder.hpp"

/// The files of paser synthesize.
namespace command::synthesize_command {

using paser::Index;
using Path = std::filesystem::path;

/// What the folders of a part's files end in, and the files of an image in their order.
constexpr std::array<const char*, 2> kinds{"_images", "_label"};
using Pictures = std::array<paser::Tensor<std::uint8_t, 3>, 2>;

/// The folder of a set: one pair of folders a part, and electrodes.json.
class Set {
 public:
  /// Opens a folder, or makes it. Throws ValueError when it holds something else, IoError when another process works
  /// there.
  Set(const Path& folder, nlohmann::ordered_json settings, bool dry_run)
      : out_(folder, "make_electrodes",
             {.called = "paser synthesize",
              .alone = true,
              .dry_run = dry_run,
              .advice = "remove it to have it made again, or choose another place for the output"}),
        settings_(std::move(settings)) {
    if (std::filesystem::exists(description())) {
      check_same();
      // A set of before there were manifests: these are its settings.
      if (!out_.lists("electrodes.json")) out_.adopt("electrodes.json");
      paser::check<paser::ValueError>(out_.unchanged("electrodes.json"), description().string().c_str(),
                                      "was changed since paser synthesize wrote it, and would be replaced; undo the "
                                      "change, or choose another --out");
      return;
    }
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder, none))
      paser::check<paser::ValueError>(entry.path().filename() == paser::io::OutputManifest::file_name,
                                      "paser synthesize", folder.string(),
                                      " is not an empty folder, and has no electrodes.json; choose another --out");
    save(settings_);
  }

  Path description() const { return out_.path() / "electrodes.json"; }
  /// Within the folder.
  static std::string name(const char* part, const char* kind, Index i) {
    std::string number = std::to_string(i);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
    return std::string(part) + kind + "/electrode_" + number + ".png";
  }
  Path file(const char* part, const char* kind, Index i) const { return out_.path() / name(part, kind, i); }
  /// Looks at all files of a part. Throws ValueError when one was changed since it was written. Returns the images with
  /// a file that is there and not listed: of another, or of a program of before there were manifests.
  std::vector<Index> look(const char* part, Index size) {
    std::vector<Index> unlisted;
    auto& whole = whole_[part];
    whole.assign(static_cast<std::size_t>(size), 0);
    for (Index i = 0; i < size; ++i) {
      bool known = true;
      for (const char* kind : kinds) {
        const std::string own = name(part, kind, i);
        if (out_.unchanged(own))
          ++whole[static_cast<std::size_t>(i)];
        else if (out_.lists(own))
          out_.require(own);
        else
          known = known && !is_there(own);
      }
      if (!known) unlisted.push_back(i);
    }
    return unlisted;
  }
  /// Lists the files of an image that are there and not listed. Throws ValueError when one has another picture.
  void adopt(const char* part, Index i, const Pictures& pictures) {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const std::string own = name(part, kinds[k], i);
      if (out_.lists(own) || !is_there(own)) continue;
      if (!holds(out_.path() / own, pictures[k])) return out_.require(own);
      out_.adopt(own);
      ++whole_.at(part)[static_cast<std::size_t>(i)];
    }
  }
  /// Whether an image and its mask were there as they were written, when it was looked.
  bool has(const char* part, Index i) const { return whole_.at(part)[static_cast<std::size_t>(i)] == kinds.size(); }
  /// How many images of a part were there.
  Index present(const char* part) const { return std::ranges::count(whole_.at(part), kinds.size()); }
  /// An image and its mask. A file that is there stays when it has its picture, and is refused when a run of this
  /// program did not write it.
  void save(const char* part, Index i, const Pictures& pictures) {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const std::string own = name(part, kinds[k], i);
      if (holds(out_.path() / own, pictures[k]))
        out_.adopt(own);
      else
        out_.write(own, paser::io::encode_png(pictures[k]));
    }
  }
  void save(const nlohmann::ordered_json& json) { out_.write("electrodes.json", paser::io::json_text(json, 2) + "\n"); }
  const nlohmann::ordered_json& settings() const { return settings_; }

 private:
  bool is_there(const std::string& name) const {
    std::error_code none;
    return std::filesystem::exists(std::filesystem::symlink_status(out_.path() / name, none));
  }

  static bool holds(const Path& file, const paser::Tensor<std::uint8_t, 3>& picture) {
    if (std::error_code none; !std::filesystem::is_regular_file(file, none)) return false;
    try {
      const auto there = paser::io::read_image(file);
      return there.maximum == 255 && there.pixels.shape() == picture.shape() &&
             std::ranges::equal(there.pixels.values(), picture.values());
    } catch (const paser::Error&) {  // no picture
      return false;
    }
  }

  void check_same() const {
    const auto old = paser::io::read_json<nlohmann::ordered_json>(description());
    const std::string origin = description().string();
    paser::check<paser::FormatError>(old.is_object(), origin.c_str(), "is not the description of a set");
    const auto compare = [&](const std::string& name, const auto& there, const auto& here) {
      paser::check<paser::ValueError>(there == here, origin.c_str(), "this folder holds a set with ", name, " = ",
                                      there.dump(), ", asked for is ", here.dump(), "; choose another --out");
    };
    for (const auto& [name, value] : settings_.items()) {
      if (name == "parameters")
        for (const auto& [key, v] : value.items())
          compare(key, old.value(name, nlohmann::ordered_json::object()).value(key, nlohmann::ordered_json()), v);
      compare(name, old.value(name, nlohmann::ordered_json()), value);
    }
  }

  paser::io::OutputFolder out_;
  nlohmann::ordered_json settings_;
  std::map<std::string, std::vector<std::size_t>> whole_;  ///< of each part's images: how many of the two files
};

}  // namespace command::synthesize_command
