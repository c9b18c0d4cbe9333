#pragma once
#include "paser/core/macros_off.inc"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"

/// How large the pixels of an image are, where its file says so.
namespace paser::io {

/// Pixels per unit of length, as the tags 282, 283 and 296 of a TIFF file have them, and the unit of ImageJ, which
/// keeps it in the description of the file.
struct Resolution {
  static constexpr int no_unit = 1, inch = 2, centimetre = 3;

  double x = 0, y = 0;  ///< pixels per unit
  int unit = inch;
  std::string imagej_unit{};  ///< "micron"; then that is the unit, whatever `unit` says
  double spacing = 0;         ///< from page to page of a stack, as ImageJ keeps it, in its unit; 0: not said
  std::string depth_unit{};   ///< ImageJ's unit of `spacing` where that is another one

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

/// The positive number that the text begins with; 0 where there is none.
inline double positive_number(std::string_view text) {
  double value = 0;
  const auto found = std::from_chars(text.data(), text.data() + text.size(), value);
  return found.ec == std::errc() && value > 0 && is_finite(value) ? value : 0;
}

/// Whether a length or an area can be one.
inline bool is_size(double size) {
  return size > 0 && is_finite(size);
}

/// Puts what a description of ImageJ says into the resolution.
inline void read_imagej(std::string_view description, Resolution& r) {
  if (!description.starts_with("ImageJ=")) return;
  r.imagej_unit = line_behind(description, "unit=");
  r.spacing = positive_number(line_behind(description, "spacing="));
  r.depth_unit = line_behind(description, "zunit=");
}

/// The description from which ImageJ knows unit and distance of the pages of a stack; empty where there is nothing to
/// say. It does not say how many pages there are: ImageJ would then take real numbers for pages without gaps between
/// them, and not look at their directories.
inline std::string imagej_description(const Resolution& r) {
  if (r.imagej_unit.empty() && r.spacing == 0) return {};
  std::string text = "ImageJ=1.53";
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += message("\n", name, "=", value);
  };
  add("unit", r.imagej_unit);
  add("zunit", r.depth_unit);
  add("spacing", r.spacing > 0 ? plain_number(r.spacing) : "");
  return text + "\nloop=false\n";
}

}  // namespace detail

/// The distance of the pages of a stack, with its unit: "um" where the length is known, or what ImageJ was told. None
/// where it is not said, or is none in that unit: beyond what a double holds, or rounded to 0.
inline std::optional<std::pair<double, std::string>> page_distance(const Resolution& r) {
  const std::string& unit = r.depth_unit.empty() ? r.imagej_unit : r.depth_unit;
  if (!(r.spacing > 0) || unit.empty() || unit == "pixel" || unit == "pixels") return std::nullopt;
  const auto length = detail::micrometres(unit);
  const double apart = length ? r.spacing * *length : r.spacing;
  if (!detail::is_size(apart)) return std::nullopt;
  return std::pair{apart, length ? std::string("um") : unit};
}

/// The area of a pixel in um2, or in the square of a unit of ImageJ that is none of length known here. None without a
/// unit, where it is beyond what a double holds or rounded to 0, and at 72 or 96 pixels per inch: that is a screen's,
/// written by programs that know nothing of the specimen.
inline std::optional<PixelArea> pixel_area(const Resolution& r) {
  const auto known = [](double area, std::string unit) {
    return detail::is_size(area) ? std::optional(PixelArea{area, std::move(unit)}) : std::nullopt;
  };
  if (!(r.x > 0 && r.y > 0 && is_finite(r.x) && is_finite(r.y))) return std::nullopt;
  if (!r.imagej_unit.empty()) {
    if (r.imagej_unit == "pixel" || r.imagej_unit == "pixels") return std::nullopt;
    const auto length = detail::micrometres(r.imagej_unit);
    return length ? known(*length / r.x * *length / r.y, "um2") : known(1 / r.x / r.y, r.imagej_unit + "2");
  }
  const bool screen = r.unit == Resolution::inch && r.x == r.y && (r.x == 72 || r.x == 96);
  if (screen || (r.unit != Resolution::inch && r.unit != Resolution::centimetre)) return std::nullopt;
  const double length = r.unit == Resolution::inch ? 25400 : 10000;
  return known(length / r.x * length / r.y, "um2");
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
