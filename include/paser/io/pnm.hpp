#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <string_view>

#include "paser/io/integer_image.hpp"

namespace paser::io {

/// Whether the content starts as a binary PGM (P5) or PPM (P6) file.
inline bool is_pnm(std::string_view bytes) {
  return bytes.starts_with("P5") || bytes.starts_with("P6");
}

namespace detail {

/// The next number of a PNM header; comments run from '#' to the end of a line.
inline Index pnm_number(std::string_view bytes, std::size_t& position, const std::string& origin) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (position < bytes.size() && (blank(bytes[position]) || bytes[position] == '#')) {
    if (bytes[position] == '#') position = std::min(bytes.find('\n', position), bytes.size() - 1);
    ++position;
  }
  Index value = 0;
  const std::size_t first = position;
  for (; position < bytes.size() && bytes[position] >= '0' && bytes[position] <= '9' && position - first < 9;
       ++position)
    value = 10 * value + (bytes[position] - '0');
  check<FormatError>(position > first && position < bytes.size() && blank(bytes[position]), origin.c_str(),
                     "the PNM header is malformed at byte ", position);
  return value;
}

/// Throws FormatError unless what stands behind the pixels is nothing, or the end of a line that an editor or a shell
/// left.
inline void require_pnm_end(std::string_view rest, const std::string& origin) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const auto first = std::min(rest.find_first_not_of(blanks), rest.size());
  const std::string_view next = rest.substr(first, 3);
  const bool image =
      next.size() == 3 && next[0] == 'P' && next[1] >= '1' && next[1] <= '7' && blanks.find(next[2]) != blanks.npos;
  check<FormatError>(!image, origin.c_str(), "the PNM file holds a further image behind the first; save each image as ",
                     "a file of its own");
  check<FormatError>(first == rest.size() && first <= 2, origin.c_str(), "the PNM file has ", rest.size(),
                     " bytes behind its pixels, expected its end");
}

}  // namespace detail

/// Decodes a binary PGM or PPM file of one image with any maximum up to 65535. Throws FormatError naming `origin`.
inline IntegerImage decode_pnm(std::string_view bytes, const std::string& origin, const ImageLimits& limits = {}) {
  std::size_t position = 2;
  const Index width = detail::pnm_number(bytes, position, origin);
  const Index height = detail::pnm_number(bytes, position, origin);
  const Index maximum = detail::pnm_number(bytes, position, origin);
  ++position;
  check<FormatError>(width >= 1 && height >= 1 && maximum >= 1 && maximum <= 65535, origin.c_str(), "PNM image of ",
                     width, " x ", height, " pixels with maximum ", maximum);
  require_pixels(width, height, limits, origin);
  const Index channels = bytes[1] == '6' ? 3 : 1, sample_bytes = maximum > 255 ? 2 : 1;
  const auto left = static_cast<Index>(bytes.size() - position);
  check<FormatError>(height * width <= left && height * width * channels * sample_bytes <= left, origin.c_str(),
                     "PNM image of ", width, " x ", height, " pixels needs ", channels * sample_bytes,
                     " bytes for each, the file has ", left, " after its header");
  detail::require_pnm_end(bytes.substr(position + static_cast<std::size_t>(height * width * channels * sample_bytes)),
                          origin);
  IntegerImage r{Tensor<std::uint16_t, 3>({height, width, channels}), static_cast<std::uint32_t>(maximum)};
  std::uint16_t* out = r.pixels.mutable_data();
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data()) + position;
  for (Index i = 0; i < r.pixels.numel(); ++i) {
    out[i] = static_cast<std::uint16_t>(sample_bytes == 2 ? in[2 * i] << 8 | in[2 * i + 1] : in[i]);
    check<FormatError>(out[i] <= maximum, origin.c_str(), "PNM sample ", i, " is ", out[i], ", over the maximum of ",
                       maximum);
  }
  return r;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
