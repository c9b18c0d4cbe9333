#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "paser/io/crc32.hpp"
#include "paser/io/decoded_image.hpp"

/// Image files made byte by byte, without the libraries that read them.
namespace tiny {

using paser::Index;

inline void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// `count` bytes of a number, the most significant one first or last.
inline std::string number(std::uint64_t value, int count, bool big = true) {
  std::string bytes;
  for (int k = 0; k < count; ++k) {
    const int place = big ? count - 1 - k : k;
    bytes += static_cast<char>(place < 8 ? value >> 8 * place & 255 : 0);
  }
  return bytes;
}

inline std::string png_chunk(const std::string& name, const std::string& data) {
  return number(data.size(), 4) + name + data + number(paser::io::Crc32().add(name + data).value(), 4);
}

/// A zlib stream of one block that is not compressed; at most 65535 bytes.
inline std::string zlib(const std::string& raw) {
  std::uint32_t a = 1, b = 0;
  for (const char c : raw) b = (b + (a = (a + static_cast<unsigned char>(c)) % 65521)) % 65521;
  return "\x78\x01\x01" + number(raw.size(), 2, false) + number(~raw.size(), 2, false) + raw + number(b << 16 | a, 4);
}

/// Rows of packed samples with a filter byte each; the filters 0 .. 4 take turns.
inline std::string png_rows(const std::vector<int>& samples, Index width, int depth) {
  const auto bytes = static_cast<std::size_t>((width * depth + 7) / 8);
  std::string rows;
  std::vector<int> above(bytes, 0);
  for (std::size_t y = 0; y * static_cast<std::size_t>(width) < samples.size(); ++y) {
    std::vector<int> row(bytes, 0);
    for (Index x = 0; x < width; ++x)
      row[static_cast<std::size_t>(x * depth / 8)] |=
          samples[y * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] << (8 - depth - x * depth % 8);
    const int filter = static_cast<int>(y % 5);
    rows += static_cast<char>(filter);
    for (std::size_t i = 0; i < bytes; ++i) {
      const int left = i > 0 ? row[i - 1] : 0, up = above[i], corner = i > 0 ? above[i - 1] : 0, p = left + up - corner;
      const int near = std::min({std::abs(p - left), std::abs(p - up), std::abs(p - corner)});
      const int paeth = std::abs(p - left) == near ? left : std::abs(p - up) == near ? up : corner;
      const int predicted[] = {0, left, up, (left + up) / 2, paeth};
      rows += static_cast<char>(row[i] - predicted[filter]);
    }
    above = row;
  }
  return rows;
}

/// A palette PNG (with colours) or a gray one (without).
inline std::string png(const std::vector<int>& samples, Index width, int depth,
                       const std::vector<paser::io::Colour>& palette = {}, bool interlaced = false) {
  const auto height = static_cast<Index>(samples.size()) / width;
  std::string rows;
  if (!interlaced) rows = png_rows(samples, width, depth);
  constexpr Index adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                 {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  for (const auto& [x0, y0, dx, dy] : adam7) {
    if (!interlaced) break;
    std::vector<int> pass;
    for (Index y = y0; y < height; y += dy)
      for (Index x = x0; x < width; x += dx) pass.push_back(samples[static_cast<std::size_t>(y * width + x)]);
    if (!pass.empty()) rows += png_rows(pass, (width - x0 + dx - 1) / dx, depth);
  }
  std::string colours;
  for (const auto& c : palette) colours += {static_cast<char>(c[0]), static_cast<char>(c[1]), static_cast<char>(c[2])};
  const std::string header = number(static_cast<std::uint64_t>(width), 4) +
                             number(static_cast<std::uint64_t>(height), 4) +
                             number(static_cast<std::uint64_t>(depth), 1) + (palette.empty() ? '\0' : '\3') +
                             std::string(2, '\0') + (interlaced ? '\1' : '\0');
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + (palette.empty() ? "" : png_chunk("PLTE", colours)) +
         png_chunk("IDAT", zlib(rows)) + png_chunk("IEND", "");
}

/// A page of a TIFF file: its size, kind and sample bytes in the byte order of the file.
struct TiffPage {
  Index width, height;
  int bits, format, samples, photometric;
  std::string data;
  std::string description = {};                        ///< tag 270
  int orientation = 0, old_kind = 0, compression = 0;  ///< tags 274, 255 and 259; 0: without
  std::string colours = {};                            ///< tag 320: the bytes of the colour map
  std::vector<int> extra = {};                         ///< tag 338: the kinds of the samples beyond gray or RGB
  bool data_first = false;                             ///< of the first page: its directory lies behind its data
};

/// A TIFF file, each page in one strip, whose data are the last of the page, or the first of the file.
inline std::string tiff(const std::vector<TiffPage>& pages, bool big) {
  struct Entry {
    std::uint64_t tag, value;
    int type;
    std::string bytes;  // when not empty, the value is these
  };
  constexpr int ascii = 2, word = 3, wide = 4;
  std::string file = (big ? std::string("MM") : std::string("II")) + number(42, 2, big);
  const std::string ahead = pages[0].data_first ? pages[0].data + std::string(pages[0].data.size() % 2, '\0') : "";
  file += number(8 + ahead.size(), 4, big) + ahead;
  for (std::size_t k = 0; k < pages.size(); ++k) {
    const TiffPage& p = pages[k];
    const auto as = [](auto v) { return static_cast<std::uint64_t>(v); };
    std::vector<Entry> entries;
    if (p.old_kind > 0) entries.push_back({255, as(p.old_kind), word, {}});
    entries.insert(entries.end(), {{256, as(p.width), word, {}},
                                   {257, as(p.height), word, {}},
                                   {258, as(p.bits), word, {}},
                                   {259, as(std::max(1, p.compression)), word, {}},
                                   {262, as(p.photometric), word, {}}});
    if (!p.description.empty()) entries.push_back({270, 0, ascii, p.description + std::string(5, '\0')});
    entries.push_back({273, 0, wide, {}});
    if (p.orientation > 0) entries.push_back({274, as(p.orientation), word, {}});
    entries.insert(entries.end(),
                   {{277, as(p.samples), word, {}}, {278, as(p.height), word, {}}, {279, p.data.size(), wide, {}}});
    if (!p.colours.empty()) entries.push_back({320, 0, word, p.colours});
    std::string extra;
    for (const int kind : p.extra) extra += number(as(kind), 2, big);
    if (p.extra.size() == 1) entries.push_back({338, as(p.extra[0]), word, {}});
    if (p.extra.size() > 2) entries.push_back({338, 0, word, extra});
    entries.push_back({339, as(p.format), word, {}});
    std::size_t behind = file.size() + 2 + 12 * entries.size() + 4, data = behind;
    for (const Entry& e : entries) data += e.bytes.size() + e.bytes.size() % 2;
    const std::size_t end = data + p.data.size() + p.data.size() % 2;
    std::string more;
    file += number(entries.size(), 2, big);
    for (const Entry& e : entries) {
      const std::size_t count = e.bytes.empty() ? 1 : e.bytes.size() / (e.type == ascii ? 1 : 2);
      file += number(e.tag, 2, big) + number(static_cast<std::uint64_t>(e.type), 2, big) + number(count, 4, big);
      if (!e.bytes.empty()) {
        file += number(behind + more.size(), 4, big);
        more += e.bytes + std::string(e.bytes.size() % 2, '\0');
      } else {
        file += number(e.tag == 273 ? (p.data_first ? 8 : data) : e.value, e.type == wide ? 4 : 2, big) +
                std::string(e.type == wide ? 0 : 2, '\0');
      }
    }
    file += number(k + 1 < pages.size() ? end : 0, 4, big) + more;
    if (!p.data_first) file += p.data + std::string(p.data.size() % 2, '\0');
  }
  return file;
}

/// A Windows bitmap: rows from below. `colours`: four bytes each, blue first; of 1, 4 or 8 bits.
inline std::string bmp(Index width, Index height, int bits, const std::string& rows, const std::string& colours = "") {
  const auto as = [](auto v) { return static_cast<std::uint64_t>(v); };
  const std::size_t offset = 54 + colours.size();
  return "BM" + number(offset + rows.size(), 4, false) + number(0, 4) + number(offset, 4, false) +
         number(40, 4, false) + number(as(width), 4, false) + number(as(height), 4, false) + number(1, 2, false) +
         number(as(bits), 2, false) + number(0, 4) + number(rows.size(), 4, false) + number(0, 8) +
         number(colours.size() / 4, 4, false) + number(0, 4) + colours + rows;
}

}  // namespace tiny
