#pragma once

#include "paser/io/output_folder.hpp"
#include "segment_image/pictures.hpp"

/// What segment_image writes.
namespace segment_image {

/// Kinds of files: PNG of 8 or of 16 bits, or TIFF; automatic: TIFF for stacks, PNG for other images.
inline const std::vector<std::string> formats{"auto", "png", "png16", "tiff"};

/// The files of some pictures, by the pictures' names.
using Files = std::map<std::string, std::string>;

/// Writes NAME_picture.png for every picture, each whole or not at all.
inline Files write_png(paser::io::OutputFolder& out, const std::string& name, const std::vector<std::string>& pictures,
                       const Pictures& made, bool deep) {
  Files files;
  for (const std::string& picture : pictures) {
    const std::string file = name + "_" + picture + ".png";
    out.write(file, made.png(picture, deep));
    files[picture] = (out.path() / file).string();
  }
  return files;
}

/// NAME_picture.tif for every picture, written page by page, each whole or not at all.
class Stack {
 public:
  /// Nothing is there before commit(). Throws as OutputFolder::require when a file may not be written.
  Stack(paser::io::OutputFolder& out, const std::string& name, const std::vector<std::string>& pictures, Index pages,
        std::optional<paser::io::Resolution> resolution)
      : out_(out), pages_(pages), resolution_(std::move(resolution)) {
    for (const std::string& picture : pictures) {
      names_[picture] = name + "_" + picture + ".tif";
      out_.require(names_[picture]);
    }
  }

  void add(const Pictures& made) {
    for (const auto& [picture, name] : names_) {
      auto& file = files_[picture];
      if (!file) {
        const bool big = made.tiff_bytes(picture) * static_cast<std::uint64_t>(pages_) >= std::uint64_t{4} << 30;
        file = std::make_unique<File>(out_, name,
                                      paser::io::TiffOptions{.pages = pages_, .resolution = resolution_, .big = big});
      }
      file->written.write(made.tiff(picture, file->encoder));
    }
  }

  /// Makes all files permanent, when all pages are there.
  Files commit() {
    Files made;
    for (auto& [picture, file] : files_) {
      file->written.commit();
      made[picture] = (out_.path() / names_.at(picture)).string();
    }
    return made;
  }

 private:
  struct File {
    File(paser::io::OutputFolder& out, const std::string& name, paser::io::TiffOptions options)
        : encoder(std::move(options)), written(out, name) {}
    paser::io::TiffEncoder encoder;
    paser::io::OutputFolder::Growing written;
  };

  paser::io::OutputFolder& out_;
  Index pages_;
  std::optional<paser::io::Resolution> resolution_;
  Files names_;
  std::map<std::string, std::unique_ptr<File>> files_;
};

}  // namespace segment_image
