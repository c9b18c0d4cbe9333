#pragma once

#include <array>
#include <catch2/catch.hpp>

#include "paser/io/image_file.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_data.hpp"
#include "support/tiny_images.hpp"

#ifdef PASER_WITH_TIFF

/// TIFF files that tests make.
namespace tiff_pages {

using namespace paser;
using Catch::Matchers::Contains;

/// A page of gray values 0 .. count - 1, from `first`, of a description.
inline tiny::TiffPage page_of(Index width, Index height, int first, const std::string& description = "",
                              int pages = 1) {
  std::string data;
  for (Index i = 0; i < width * height * pages; ++i) data += static_cast<char>(static_cast<Index>(first) + i);
  return {width, height, 8, 1, 1, 1, data, description};
}

inline std::vector<int> counted(int first, int count) {
  std::vector<int> values;
  for (int i = 0; i < count; ++i) values.push_back(first + i);
  return values;
}

struct Files {
  TemporaryFolder folder;
  io::Path operator()(const std::string& bytes) const {
    tiny::write(folder / "stack.tif", bytes);
    return folder / "stack.tif";
  }
};

/// A page whose two or more strips of one row each begin at `begins` of the data that lie before its directory, and
/// have `bytes`.
inline std::string in_strips(std::uint32_t width, const std::string& data, const std::vector<int>& begins,
                             std::uint32_t bytes, int compression = 1) {
  std::string places, counts;
  for (const int begin : begins) {
    places += tiny::number(static_cast<std::uint64_t>(8 + begin), 4, false);
    counts += tiny::number(bytes, 4, false);
  }
  const std::string even = data + std::string(data.size() % 2, '\0');
  const std::uint64_t behind = 8 + even.size(), strips = begins.size();
  std::string file = "II" + tiny::number(42, 2, false) + tiny::number(behind + 2 * strips * 4, 4, false) + even;
  file += places + counts + tiny::number(8, 2, false);
  const std::uint64_t entries[][3] = {
      {256, 1, width}, {257, 1, strips},      {258, 1, 8}, {259, 1, static_cast<std::uint64_t>(compression)},
      {262, 1, 1},     {273, strips, behind}, {278, 1, 1}, {279, strips, behind + 4 * strips}};
  for (const auto& [tag, count, value] : entries)
    file += tiny::number(tag, 2, false) + tiny::number(4, 2, false) + tiny::number(count, 4, false) +
            tiny::number(value, 4, false);
  return file + std::string(4, '\0');
}

/// So many pages, all on the same data, which begin at `place`; with a description that all share, if one is given.
inline std::string on_one_strip(std::uint32_t side, int pages, std::uint64_t place = 8,
                                const std::string& description = "") {
  const std::string data = std::string(side * side, 'p') + description;
  std::string file = "II" + tiny::number(42, 2, false) + tiny::number(8 + data.size(), 4, false) + data;
  std::vector<std::array<std::uint64_t, 4>> entries{{256, 4, 1, side}, {257, 4, 1, side},       {258, 4, 1, 8},
                                                    {259, 4, 1, 1},    {262, 4, 1, 1},          {273, 4, 1, place},
                                                    {278, 4, 1, side}, {279, 4, 1, side * side}};
  if (!description.empty()) entries.insert(entries.begin() + 5, {270, 2, description.size(), 8 + side * side});
  for (int k = 0; k < pages; ++k) {
    file += tiny::number(entries.size(), 2, false);
    for (const auto& [tag, type, count, value] : entries)
      file += tiny::number(tag, 2, false) + tiny::number(type, 2, false) + tiny::number(count, 4, false) +
              tiny::number(value, 4, false);
    file += tiny::number(k + 1 < pages ? file.size() + 4 : 0, 4, false);
  }
  return file;
}

/// A file as libtiff writes it, of one compression.
inline std::string written(const io::Path& path, int compression, int bits, std::uint32_t width, std::uint32_t height,
                           std::uint32_t rows, int fill_order = FILLORDER_MSB2LSB) {
  TIFF* out = TIFFOpen(path.string().c_str(), "w");
  TIFFSetField(out, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(out, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(out, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField(out, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(out, TIFFTAG_ROWSPERSTRIP, rows);
  TIFFSetField(out, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(out, TIFFTAG_COMPRESSION, compression);
  TIFFSetField(out, TIFFTAG_FILLORDER, fill_order);
  const int bytes = static_cast<int>(width) * bits / 8;
  std::vector<unsigned char> row(static_cast<std::size_t>(bytes));
  for (std::uint32_t y = 0; y < height; ++y) {
    const int line = static_cast<int>(y);
    for (int i = 0; i < bytes; ++i) {
      const int ink = (line / 3 + i) % 2 * 0xF3 + line % 7 * i % 5;
      const int gray = 120 + static_cast<int>(90 * std::sin(0.2 * i + 0.1 * line)) + (i * 7 + line * 13) % 17;
      row[static_cast<std::size_t>(i)] = static_cast<unsigned char>(bits == 1 ? ink : gray);
    }
    TIFFWriteScanline(out, row.data(), y, 0);
  }
  TIFFClose(out);
  return io::read_file(path);
}

}  // namespace tiff_pages

#endif
