#pragma once

#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "paser/io/image_file.hpp"
#include "paser/report/csv.hpp"

/// How large the classes are that segment_image finds.
namespace segment_image {

using paser::Index;

/// Pixels, share (0 .. 1, of the image's pixels) and area (in the column `unit`) of every class in every image, as CSV
/// with a decimal point and without exponents. A stack also has the sum of its pages, as page "all".
class AreaTable {
 public:
  static constexpr const char* file = "areas.csv";

  explicit AreaTable(std::vector<std::string> classes) : classes_(std::move(classes)) {
    paser::report::CsvRecord header;
    for (const char* column : {"image", "page", "class", "name", "pixels", "share", "area", "unit"}) header.add(column);
    text_ = header.line();
  }

  /// page: text, empty for an image that is no stack. area: of a pixel; without, the last two columns are empty.
  void add(const std::string& image, const std::string& page, const std::vector<Index>& pixels,
           const std::optional<paser::io::PixelArea>& area) {
    const double all = static_cast<double>(std::accumulate(pixels.begin(), pixels.end(), Index{0}));
    for (std::size_t k = 0; k < pixels.size(); ++k) {
      paser::report::CsvRecord record;
      record.add(image);
      record.add(page);
      record.add(std::to_string(k));
      record.add(classes_.at(k));
      record.add(std::to_string(pixels[k]));
      record.add_plain(static_cast<double>(pixels[k]) / all);
      record.add_plain(area ? static_cast<double>(pixels[k]) * area->area : std::numeric_limits<double>::quiet_NaN());
      record.add(area ? area->unit : "");
      text_ += record.line();
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::vector<std::string> classes_;
  std::string text_;
};

}  // namespace segment_image
