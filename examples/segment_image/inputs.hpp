#pragma once

#include <algorithm>
#include <filesystem>
#include <istream>
#include <iterator>
#include <vector>

#include "paser/data/pairs.hpp"
#include "paser/data/range_fit.hpp"
#include "paser/data/stored_sample.hpp"
#include "paser/io/image_file.hpp"
#include "paser/io/text.hpp"

/// What segment_image reads.
namespace segment_image {

using paser::Index;
namespace fs = std::filesystem;

/// The names of a list, one per line; blanks around them and empty lines count for nothing. `origin` is for messages.
/// Throws FormatError when there is none.
inline std::vector<fs::path> names_of_list(const std::string& text, const std::string& origin) {
  const std::string plain = paser::io::plain_text(text, origin);
  std::vector<fs::path> names;
  paser::io::each_line(plain, [&](std::string_view line, Index) { names.emplace_back(line); });
  paser::check<paser::FormatError>(!names.empty(), origin.c_str(), "names no image");
  return names;
}

/// Throws ValueError, saying why, unless something of this name is there and can be looked at.
inline void require_there(const fs::path& argument) {
  std::error_code error;
  const bool there = fs::exists(argument, error);
  paser::check<paser::ValueError>(there, "paser segment", argument.string(),
                                  error ? " cannot be looked at: " + error.message() : " is not there");
}

/// The arguments, `-` and `@FILE` replaced by the names that standard input or the file lists. A file whose own name
/// begins so is written ./@name. Throws ValueError for a name on the command line of nothing that is there, or that
/// cannot be looked at, which is a slip; of a list such an image fails alone.
inline std::vector<fs::path> with_lists(const std::vector<fs::path>& arguments, std::istream& standard_input) {
  std::vector<fs::path> all;
  for (const fs::path& argument : arguments) {
    const std::string word = argument.string();
    std::vector<fs::path> names{argument};
    if (word == "-")
      names = names_of_list({std::istreambuf_iterator<char>(standard_input), {}}, "standard input");
    else if (word.starts_with('@'))
      names = names_of_list(paser::io::read_text(word.substr(1)), word.substr(1));
    else
      require_there(argument);
    all.insert(all.end(), names.begin(), names.end());
  }
  return all;
}

/// The files that the arguments name: a file as it is, of a folder all pictures (by their endings) in the order of
/// their names. Throws ValueError for a folder that is also the output's, since the pictures written would become
/// inputs, and IoError for a folder that cannot be read.
inline std::vector<fs::path> listed(const std::vector<fs::path>& arguments, const fs::path& out) {
  std::vector<fs::path> files;
  for (const fs::path& argument : arguments) {
    std::error_code error;
    if (!fs::is_directory(argument, error)) {
      files.push_back(argument);
      continue;
    }
    paser::check<paser::ValueError>(!fs::equivalent(argument, out, error), "paser segment", argument.string(),
                                    " is the folder of the images and of --out; choose another for the output");
    std::vector<fs::path> pictures;
    fs::directory_iterator entries(argument, error);
    paser::check<paser::IoError>(!error, "paser segment", argument.string(), " cannot be read: ", error.message());
    for (const auto& entry : entries)
      if (paser::data::detail::picture_name(entry.path()) && !entry.path().filename().string().starts_with('.'))
        pictures.push_back(entry.path());
    paser::check<paser::ValueError>(!pictures.empty(), "paser segment", argument.string(), " has no pictures");
    std::ranges::sort(pictures);
    files.insert(files.end(), pictures.begin(), pictures.end());
  }
  return files;
}

/// One page of a file, of which rows are made into numbers when they are needed.
class Rows {
 public:
  /// Throws FormatError when the page cannot be one of the images that the range is for.
  Rows(paser::io::DecodedImage page, Index channels, std::optional<paser::io::ValueRange> range, std::string origin)
      : page_(std::move(page)), channels_(channels), range_(range), origin_(std::move(origin)) {
    paser::data::require_range_fits(page_, range_, origin_);
  }

  Index height() const { return page_.height(); }
  Index width() const { return page_.width(); }

  /// Rows begin .. end - 1 in [0,1], (1, rows, W, channels). Throws as data::image_of.
  paser::Tensor<float, 4> operator()(Index begin, Index end) const {
    paser::io::DecodedImage part;
    part.palette = page_.palette;
    part.bits = page_.bits;
    if (page_.real()) {
      part.reals = paser::slice_rows(page_.reals, begin, end);
    } else {
      part.integers = {paser::slice_rows(page_.integers.pixels, begin, end), page_.integers.maximum};
    }
    return paser::data::image_of(part, channels_, range_, origin_);
  }

 private:
  paser::io::DecodedImage page_;
  Index channels_;
  std::optional<paser::io::ValueRange> range_;
  std::string origin_;
};

}  // namespace segment_image
