#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/text.hpp"

namespace paser::report {

/// One record of comma-separated values (RFC 4180: CRLF line ends, quotes where they are needed), UTF-8; fields are
/// added from left to right. Numbers are the shortest text that reads back to the same value, with a decimal point; an
/// unknown one is an empty field. A text that a spreadsheet would run as a formula (it starts with = + - @, a tab or a
/// line end: names of classes and files are anybody's) gets an apostrophe before it, by which a spreadsheet shows it as
/// it is; bytes that are not UTF-8 become \\xE4 and so on.
class CsvRecord {
 public:
  /// Adds a field, quoted where its text asks for it.
  void add(std::string_view text) {
    const bool runs = !text.empty() && std::string_view("=+-@\t\r\n").find(text[0]) != std::string_view::npos;
    add_field((runs ? "'" : "") + as_utf8(text));
  }
  void add(double value) {
    add_field(is_finite(value) ? exact_number(value + 0.0) : "");  // a zero has no sign
  }
  /// The same without an exponent, 0.00001 and not 1e-05, for whoever reads the column as text.
  void add_plain(double value) { add_field(is_finite(value) ? plain_number(value + 0.0) : ""); }
  /// One field a model; empty where the shares do not reach.
  void add_shares(const std::vector<double>& share, std::size_t models) {
    for (std::size_t m = 0; m < models; ++m)
      add(m < share.size() ? share[m] : std::numeric_limits<double>::quiet_NaN());
  }
  std::string line() const { return text_ + "\r\n"; }  ///< The record with its end of line.

 private:
  void add_field(std::string_view field) {
    if (!first_) text_ += ',';
    first_ = false;
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
      text_ += field;
      return;
    }
    text_ += '"';
    for (const char c : field) text_.append(c == '"' ? 2 : 1, c);
    text_ += '"';
  }

  std::string text_;
  bool first_ = true;
};

}  // namespace paser::report
#include "paser/core/macros_on.inc"
