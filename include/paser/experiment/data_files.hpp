#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paser/data/pairs.hpp"
#include "paser/io/output_manifest.hpp"

/// The files that a training reads, and what was in them when the run began.
namespace paser::experiment {

/// Files by the names that data.json and messages have for them.
using DataFiles = std::map<std::string, std::filesystem::path>;

/// All pictures of a data set's parts, as "train_images/a.png", or "images/a.png" of a set in one piece; of a part
/// with folders as "train/aachen/a.png".
inline DataFiles pictures_of(const std::vector<data::PartFolders>& parts) {
  DataFiles files;
  for (const auto& part : parts)
    for (const auto& [kind, folder, suffix] :
         {std::tuple{"images", part.images, part.image_suffix}, {"masks", part.masks, part.mask_suffix}}) {
      data::Pairing ignored;
      for (const auto& [stem, pictures] : data::detail::pictures_in(folder, ignored, part.subfolders, suffix))
        for (const auto& picture : pictures) {
          if (std::filesystem::is_directory(picture)) continue;  // by its name a picture, and left out
          const auto within = part.stems.empty() ? folder.filename() : std::filesystem::path(kind);
          files[(within / std::filesystem::relative(picture, folder)).generic_string()] = picture;
        }
    }
  return files;
}

/// Size in bytes and CRC-32 of every file: {"train_images/a.png": "1234 4157704578", ...}; "unreadable" of one that
/// cannot be read, which no run uses.
inline nlohmann::json sums_of(const DataFiles& files) {
  auto sums = nlohmann::json::object();
  for (const auto& [name, file] : files) {
    try {
      const auto sum = io::ContentSum::of_file(file);
      sums[name] = std::to_string(sum.bytes) + " " + std::to_string(sum.crc);
    } catch (const IoError&) {
      sums[name] = "unreadable";
    }
  }
  return sums;
}

/// What became of the first file, by name, that differs between two documents of sums_of; empty when none does.
inline std::string first_difference(const nlohmann::json& before, const nlohmann::json& now) {
  std::map<std::string, std::string> different;
  for (const auto& [name, sum] : before.items())
    if (!now.contains(name))
      different[name] = "is gone";
    else if (now[name] != sum)
      different[name] = "has another content";
  for (const auto& [name, sum] : now.items())
    if (!before.contains(name)) different[name] = "is new";
  return different.empty() ? "" : different.begin()->first + " " + different.begin()->second;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
