#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

/// Small helpers for text that people read in a terminal.
namespace paser::report {

/// The columns that UTF-8 text takes in a terminal: one a code point, none for combining marks. Wide East Asian
/// characters are not considered.
inline std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0u) == 0x80u) continue;                                           // a continuation byte
    const bool combining = (byte == 0xCC || byte == 0xCD) && i + 1 < text.size() &&  // U+0300 .. U+036F
                           (byte == 0xCC || static_cast<unsigned char>(text[i + 1]) < 0xB0);
    if (!combining) ++width;
  }
  return width;
}

/// Text filled with spaces up to `width` columns; longer text is left as it is.
inline std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t own = display_width(text);
  return std::string(text) + std::string(width > own ? width - own : 0, ' ');
}
/// The text with spaces before it, at least so wide.
inline std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t own = display_width(text);
  return std::string(width > own ? width - own : 0, ' ') + std::string(text);
}

/// The first `width` columns of the text, never cutting a character.
inline std::string clip(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  while (end < text.size()) {
    std::size_t next = end + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0u) == 0x80u) ++next;
    if (display_width(text.substr(0, next)) > width) break;
    end = next;
  }
  return std::string(text.substr(0, end));
}

/// A span of time as 9 s, 3:07 (minutes) or 1:02:40 (hours).
inline std::string duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto total = std::llround(seconds);
  if (total < 60) return std::to_string(total) + " s";
  const auto two = [](long long n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  const long long hours = total / 3600, minutes = total / 60 % 60;
  return hours > 0 ? std::to_string(hours) + ":" + two(minutes) + ":" + two(total % 60)
                   : std::to_string(minutes) + ":" + two(total % 60);
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
