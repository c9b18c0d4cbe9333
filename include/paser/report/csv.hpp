#pragma once

#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace paser::report {

/// One record of comma-separated values (RFC 4180: CRLF line ends, quotes where they are needed), UTF-8; fields are
/// added from left to right. Numbers are the shortest text that reads back to the same value, with a decimal point; an
/// unknown one is an empty field.
class CsvRecord {
 public:
  void add(std::string_view field) {
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
  void add(double value) {
    char text[32];
    const char* end = std::isfinite(value) ? std::to_chars(text, text + sizeof text, value).ptr : text;
    add(std::string_view(text, static_cast<std::size_t>(end - text)));
  }
  /// One field a model; empty where the shares do not reach.
  void add_shares(const std::vector<double>& share, std::size_t models) {
    for (std::size_t m = 0; m < models; ++m)
      add(m < share.size() ? share[m] : std::numeric_limits<double>::quiet_NaN());
  }
  std::string line() const { return text_ + "\r\n"; }

 private:
  std::string text_;
  bool first_ = true;
};

}  // namespace paser::report
