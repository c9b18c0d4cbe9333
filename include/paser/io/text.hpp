#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <string>
#include <string_view>

#include "paser/core/text.hpp"
#include "paser/io/file.hpp"

/// Small texts that people write: names of classes, lists of images, settings.
namespace paser::io {

/// The largest text that is read.
inline constexpr Index text_limit = Index{1} << 28;

/// The same text with LF for CR LF and CR, the line ends of other systems.
inline std::string with_lf_ends(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r')
      plain += text[i];
    else if (i + 1 == text.size() || text[i + 1] != '\n')
      plain += '\n';
  }
  return plain;
}

/// What editors do to a text, undone: a byte order mark of UTF-8 goes, and CR LF and CR, the line ends of other
/// systems, become LF. The bytes need not be UTF-8, since a list may name files that are not. Throws FormatError, which
/// starts with `origin`, when the text is UTF-16 or UTF-32, or has a NUL.
inline std::string plain_text(std::string_view text, const std::string& origin) {
  using namespace std::string_view_literals;
  const char* wide = text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv) ? "UTF-32"
                     : text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv)       ? "UTF-16"
                                                                                              : nullptr;
  check<FormatError>(wide == nullptr, origin.c_str(), "is ", wide == nullptr ? "" : wide,
                     ", expected UTF-8; save it in that encoding");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto nul = text.find('\0');
  check<FormatError>(nul == text.npos, origin.c_str(), "byte ", nul,
                     " is NUL, which no text has; expected UTF-8, and not UTF-16 or a file of another kind");
  return with_lf_ends(text);
}

/// The plain_text of a file. Throws IoError when it cannot be read, FormatError as plain_text and when it has over
/// text_limit bytes.
inline std::string read_text(const Path& path) {
  const std::string origin = path.string();
  InputFile file(path);
  check<FormatError>(file.size() <= text_limit, origin.c_str(), "has ", file.size(),
                     " bytes, expected a text of at most ", text_limit);
  std::string content(static_cast<std::size_t>(file.size()), '\0');
  file.read(content.data(), file.size());
  return plain_text(content, origin);
}

/// Calls f(line, number) for the lines of a plain_text that are not empty, without their ends and the blanks around
/// them; numbers are from 1 and count empty lines too. Returns the number of all lines.
template <class F>
Index each_line(std::string_view text, const F& f) {
  Index number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    const auto first = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(first);
    line = line.substr(0, line.find_last_not_of(" \t") + 1);
    ++number;
    if (!line.empty()) f(line, number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return number;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
