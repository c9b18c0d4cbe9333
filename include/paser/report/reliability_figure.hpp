#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <string>

#include "paser/metrics/calibration.hpp"
#include "paser/report/csv.hpp"
#include "paser/report/svg.hpp"

/// The picture of how far confidences can be trusted.
namespace paser::report {

/// An SVG file that loads nothing: above, for each bin of confidence the share of its pixels that are right, and the
/// diagonal on which both are the same; below, the share of all pixels that lie in the bin. Throws ValueError when no
/// pixel was counted.
inline std::string reliability_svg(const metrics::Calibration& calibration, std::string_view title = {}) {
  check<ValueError>(calibration.count() > 0, "reliability_svg", "there is nothing to draw: no pixel was counted");
  constexpr double width = 440, left = 56, right = 420, top = 44, bottom = 408, floor = 520, height = 566;
  const auto x_of = [](double share) { return left + (right - left) * share; };
  const auto y_of = [](double share) { return bottom - (bottom - top) * share; };
  const auto pixels = static_cast<double>(calibration.count());
  std::string svg = detail::svg_text((left + right) / 2, 18, " text-anchor=\"middle\" font-size=\"14\"", title);
  svg += detail::svg_text((left + right) / 2, 36, " text-anchor=\"middle\"",
                          "expected calibration error " + fixed_number(calibration.error(), 4));
  for (int i = 0; i <= 5; ++i) {
    const double share = i / 5.0;
    constexpr std::string_view grid = " stroke=\"rgb(225,225,225)\"";
    svg += detail::svg_line(x_of(share), top, x_of(share), floor, grid);
    svg += detail::svg_line(left, y_of(share), right, y_of(share), grid);
    svg += detail::svg_text(x_of(share), floor + 18, " text-anchor=\"middle\"", fixed_number(share, 1));
    svg += detail::svg_text(left - 8, y_of(share) + 4, " text-anchor=\"end\"", fixed_number(share, 1));
  }
  for (const metrics::ReliabilityBin& bin : calibration.table()) {
    if (bin.count == 0) continue;
    const double whole = x_of(bin.high) - x_of(bin.low);
    const double gap = std::min(1.0, whole / 4), x = x_of(bin.low) + gap, w = whole - 2 * gap;
    const double share = static_cast<double>(bin.count) / pixels, room = floor - bottom - 24;
    svg += detail::svg_rectangle(x, y_of(bin.accuracy), w, bottom - y_of(bin.accuracy), " fill=\"rgb(0,114,178)\"");
    svg += detail::svg_rectangle(x, floor - room * share, w, room * share, " fill=\"rgb(120,120,120)\"");
    svg += detail::svg_line(x, y_of(bin.confidence), x + w, y_of(bin.confidence),
                            " stroke=\"rgb(213,94,0)\" stroke-width=\"2.5\"");
  }
  svg += detail::svg_line(left, bottom, right, top, " stroke=\"rgb(90,90,90)\" stroke-dasharray=\"5 5\"");
  svg += detail::svg_line(left, bottom, right, bottom, " stroke=\"rgb(60,60,60)\"");
  svg += detail::svg_line(left, floor, right, floor, " stroke=\"rgb(60,60,60)\"");
  svg += detail::svg_text(left + 8, top + 18, " fill=\"rgb(0,114,178)\"", "bars: share of pixels that are right");
  svg += detail::svg_text(left + 8, top + 36, " fill=\"rgb(180,75,0)\"", "strokes: what the model said, on average");
  svg += detail::svg_text(left + 8, bottom + 20, " fill=\"rgb(90,90,90)\"", "share of all pixels");
  svg += detail::svg_text((left + right) / 2, floor + 38, " text-anchor=\"middle\"",
                          "confidence: probability of the class that was answered");
  return detail::svg_document(width, height, title.empty() ? "Reliability" : title, svg);
}

/// The same numbers as a table, one record for each bin; confidence and accuracy are empty where it has no pixel.
inline std::string reliability_csv(const metrics::Calibration& calibration) {
  CsvRecord header;
  for (const char* name : {"confidence above", "up to", "pixels", "mean confidence", "accuracy"}) header.add(name);
  std::string csv = header.line();
  for (const metrics::ReliabilityBin& bin : calibration.table()) {
    CsvRecord record;
    for (const double v : {bin.low, bin.high, static_cast<double>(bin.count), bin.confidence, bin.accuracy})
      record.add(v);
    csv += record.line();
  }
  return csv;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
