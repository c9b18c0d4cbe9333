#pragma once
#include "paser/core/macros_off.inc"

#include <string>
#include <string_view>

#include "paser/core/text.hpp"
#include "paser/report/figures.hpp"

/// Pieces of SVG drawings.
namespace paser::report::detail {

/// Text for an XML element or a quoted attribute, as_utf8. Characters that XML does not allow, which are control
/// characters, U+FFFE and U+FFFF, become spaces.
inline std::string xml_escaped(std::string_view text) {
  const std::string valid = as_utf8(text);
  std::string safe;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    const std::string_view character = std::string_view(valid).substr(i, 3);
    if (character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF") {
      safe += ' ';
      i += 2;
    } else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '&')
      safe += "&amp;";
    else if (c == '"')
      safe += "&quot;";
    else if (c == '\'')
      safe += "&apos;";
    else
      safe += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return safe;
}

inline std::string svg_colour(Rgb c) {
  return message("rgb(", int{c.r}, ",", int{c.g}, ",", int{c.b}, ")");
}

inline std::string svg_text(double x, double y, std::string_view attributes, std::string_view text) {
  return message("<text x=\"", fixed_number(x, 2), "\" y=\"", fixed_number(y, 2), "\"", attributes, ">",
                 xml_escaped(text), "</text>\n");
}

inline std::string svg_line(double x1, double y1, double x2, double y2, std::string_view attributes) {
  return message("<line x1=\"", fixed_number(x1, 2), "\" y1=\"", fixed_number(y1, 2), "\" x2=\"", fixed_number(x2, 2),
                 "\" y2=\"", fixed_number(y2, 2), "\"", attributes, "/>\n");
}

inline std::string svg_rectangle(double x, double y, double width, double height, std::string_view attributes) {
  return message("<rect x=\"", fixed_number(x, 2), "\" y=\"", fixed_number(y, 2), "\" width=\"", fixed_number(width, 2),
                 "\" height=\"", fixed_number(height, 2), "\"", attributes, "/>\n");
}

/// A drawing of this size in pixels with a title for who cannot see it, on white.
inline std::string svg_document(double width, double height, std::string_view title, std::string_view content) {
  const std::string w = fixed_number(width, 0), h = fixed_number(height, 0);
  return message("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", w, " ", h, "\" width=\"", w,
                 "\" height=\"", h, "\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\">\n<title>",
                 xml_escaped(title), "</title>\n<rect width=\"", w, "\" height=\"", h, "\" fill=\"white\"/>\n", content,
                 "</svg>\n");
}

}  // namespace paser::report::detail
#include "paser/core/macros_on.inc"
