#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

/// Help with mistyped names, numbers as text, and text that came from elsewhere.
namespace paser {

/// The number of letters to insert, delete or replace to get from a to b (Levenshtein). From `enough` on the number may
/// be too small, but is not below `enough`.
inline std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t enough = std::string_view::npos) {
  const std::size_t longer = std::max(a.size(), b.size()), shorter = std::min(a.size(), b.size());
  if (longer - shorter >= enough) return longer - shorter;
  // What both begin or end with needs no change.
  const auto begin = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  a.remove_prefix(begin);
  b.remove_prefix(begin);
  while (!a.empty() && !b.empty() && a.back() == b.back()) {
    a.remove_suffix(1);
    b.remove_suffix(1);
  }
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    std::size_t least = row[0];  // no later row has less
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j + 1] + 1, row[j] + 1, replaced});
      least = std::min(least, row[j + 1]);
    }
    if (least >= enough) return least;
  }
  return row.back();
}

/// ", did you mean 'x'?" with the known name nearest to `name`; empty when none is near (over a third of its letters
/// differ, and more than two).
inline std::string suggestion(std::string_view name, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate, least);
    if (distance >= least || distance >= candidate.size()) continue;
    least = distance;
    best = &candidate;
  }
  return best ? ", did you mean '" + *best + "'?" : "";
}

/// The shortest decimal text from which the same double is read.
inline std::string exact_number(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

/// The shortest text without an exponent from which the same double is read: 0.00001, 1000000.
inline std::string plain_number(double value) {
  std::array<char, 1100> text{};  // the smallest double has 1074 digits behind the point
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  return {text.data(), end};
}

/// A finite number with `digits` behind the point, which is a point in every locale. At most 17 digits.
inline std::string fixed_number(double value, int digits) {
  std::array<char, 352> text{};  // the largest double has 309 digits before the point
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, std::clamp(digits, 0, 17));
  return {text.data(), end.ptr};
}

/// The bytes of the character that the text starts with; 0 where they are not UTF-8 (RFC 3629), or there are none.
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool no_character = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0u) != 0x80u) return 0;
  return overlong || no_character ? 0 : length;
}

/// The place of the first byte that is not UTF-8; npos where all are.
inline std::size_t find_not_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

namespace detail {

/// The text, with those of its characters that are not UTF-8, or that `hidden` says so of, byte by byte as \xE4.
template <class Hidden>
std::string with_bytes_escaped(std::string_view text, const Hidden& hidden) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string escaped;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (length > 0 && !hidden(character)) {
      escaped += character;
    } else {
      for (const char c : character) {
        const auto byte = static_cast<unsigned char>(c);
        escaped.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15u]);
      }
    }
    text.remove_prefix(character.size());
  }
  return escaped;
}

/// Control characters, marks that turn the direction of writing (with which one text looks like another), line and
/// paragraph separators, and the byte order mark.
inline bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (character.size() != 3) return false;
  if (byte(0) == 0xE2 && byte(1) == 0x80)
    return byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xA8 && byte(2) <= 0xAE);
  if (byte(0) == 0xE2 && byte(1) == 0x81) return byte(2) >= 0xA6 && byte(2) <= 0xA9;
  return character == "\xEF\xBB\xBF";
}

}  // namespace detail

/// The text as UTF-8: bytes that are not, as old names of files have them, become \\xE4 and so on.
inline std::string as_utf8(std::string_view text) {
  return detail::with_bytes_escaped(text, [](std::string_view) { return false; });
}

/// The text as a terminal can show it: as_utf8, and control characters, which could move the cursor, colour or retitle
/// the window, become \\x1B and so on; of those, `kept` stay as they are.
inline std::string visible(std::string_view text, std::string_view kept = {}) {
  return detail::with_bytes_escaped(text, [kept](std::string_view character) {
    return detail::is_control(character) && kept.find(character) == std::string_view::npos;
  });
}

/// The text as a word that one types into a shell: in single quotes where it has characters that a shell takes for
/// something else.
inline std::string shell_word(const std::string& text) {
  if (!text.empty() && text.find_first_of(" \t\n'\"\\$*?[]{}<>|&;()`#!~^") == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + '\'';
}

/// At most the first `most` bytes of the visible text, for messages, with dots where it goes on.
inline std::string excerpt(std::string_view text, std::size_t most = 80) {
  if (text.size() <= most) return visible(text);
  std::size_t end = most;
  while (end > 0 && end + 4 > most && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return visible(text.substr(0, end)) + "...";
}

/// "unknown preset 'demoo', did you mean 'demo'? Known: demo, paper": for the message of an exception. `what` is the
/// kind of thing that `name` should have named; of a long one the beginning is shown.
inline std::string unknown_name(std::string_view what, std::string_view name, const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& candidate : known) list += (list.empty() ? "" : ", ") + candidate;
  const std::string near = suggestion(name, known);
  return "unknown " + std::string(what) + " '" + excerpt(name) + "'" + near +
         (near.empty() ? ". Known: " : " Known: ") + list;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
