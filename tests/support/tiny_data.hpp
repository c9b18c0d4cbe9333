#pragma once

#include "paser/data/folder_report.hpp"
#include "paser/io/image_file.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_images.hpp"

namespace tiny {

/// A folder of images and one of masks, made by a test.
struct DataFolder {
  TemporaryFolder root;
  std::filesystem::path images = root / "images", masks = root / "masks";

  DataFolder() {
    std::filesystem::create_directory(images);
    std::filesystem::create_directory(masks);
  }

  /// A gray image of 8 bits and a mask, of one width.
  void add(const std::string& name, const std::vector<int>& image, const std::vector<int>& mask, Index width) const {
    write(images / (name + ".png"), png(image, width, 8));
    write(masks / (name + ".png"), png(mask, width, 8));
  }
};

/// Why a file is in the list of bad ones; empty when it is not.
inline std::string reason(const paser::data::FolderReport& report, const std::string& file) {
  std::string all;
  for (const auto& bad : report.bad)
    if (bad.file.filename() == file) all += bad.reason + "\n";
  return all;
}

}  // namespace tiny
