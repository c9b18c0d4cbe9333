#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// How large the pixels of an image are, where its file says so.
namespace paser::io {

/// Pixels per unit of length, as the tags 282, 283 and 296 of a TIFF file have them, and the unit of ImageJ, which
/// keeps it in the description of the file.
struct Resolution {
  static constexpr int no_unit = 1, inch = 2, centimetre = 3;

  double x = 0, y = 0;  ///< pixels per unit
  int unit = inch;
  std::string imagej_unit{};  ///< "micron"; then that is the unit, whatever `unit` says

  bool operator==(const Resolution&) const = default;
};

/// The area of a pixel.
struct PixelArea {
  double area = 0;
  std::string unit;  ///< "um2" where the length is known, or the square of what ImageJ was told, "rod2"
};

namespace detail {

/// Micrometres per unit of length by a name of ImageJ; none where it is not known.
inline std::optional<double> micrometres(std::string_view unit) {
  constexpr std::pair<std::string_view, double> known[] = {
      {"m", 1e6},       {"meter", 1e6}, {"cm", 1e4},     {"mm", 1e3},    {"um", 1},
      {"micron", 1},    {"microns", 1}, {"\\u00B5m", 1}, {"\xB5m", 1},   {"\xC2\xB5m", 1},
      {"\xCE\xBCm", 1}, {"nm", 1e-3},   {"pm", 1e-6},    {"inch", 25400}};
  for (const auto& [name, length] : known)
    if (name == unit) return length;
  return std::nullopt;
}

/// The text between `name` at the start of a line and the end of that line.
inline std::string line_behind(std::string_view text, std::string_view name) {
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1))
    if (at == 0 || text[at - 1] == '\n')
      return std::string(text.substr(at + name.size(), text.find('\n', at) - at - name.size()));
  return {};
}

}  // namespace detail

/// The area of a pixel in um2, or in the square of a unit of ImageJ that is none of length known here. None without a
/// unit, and at 72 or 96 pixels per inch: that is a screen's, written by programs that know nothing of the specimen.
inline std::optional<PixelArea> pixel_area(const Resolution& r) {
  if (!(r.x > 0 && r.y > 0 && std::isfinite(r.x) && std::isfinite(r.y))) return std::nullopt;
  if (!r.imagej_unit.empty()) {
    if (r.imagej_unit == "pixel" || r.imagej_unit == "pixels") return std::nullopt;
    const auto length = detail::micrometres(r.imagej_unit);
    return length ? PixelArea{*length / r.x * *length / r.y, "um2"} : PixelArea{1 / (r.x * r.y), r.imagej_unit + "2"};
  }
  const bool screen = r.unit == Resolution::inch && r.x == r.y && (r.x == 72 || r.x == 96);
  if (screen || (r.unit != Resolution::inch && r.unit != Resolution::centimetre)) return std::nullopt;
  const double length = r.unit == Resolution::inch ? 25400 : 10000;
  return PixelArea{length / r.x * length / r.y, "um2"};
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
