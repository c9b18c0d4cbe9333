#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/pipeline/routing/curve_report.hpp"
#include "paser/report/csv.hpp"
#include "paser/report/result_parts.hpp"
#include "paser/report/svg.hpp"

/// The picture of what routing is worth: quality against cost.
namespace paser::report {

/// A curve and what it is called.
struct NamedCurve {
  std::string name{};
  std::vector<pipeline::MeasuredPoint> points{};
};

/// IoU of the whole set against milliseconds per image. Values that are not finite are left out.
struct CurveFigure {
  std::string title{};
  std::vector<pipeline::SingleNetwork> singles{};  ///< drawn as labelled points, with their hull
  std::vector<NamedCurve> curves{};                ///< learned routers, entropy cascade, oracle
};

/// The figure of a report, to which further curves may be added.
inline CurveFigure curve_figure(const pipeline::CurveReport& report, std::string title = {}) {
  return {std::move(title), report.singles, {{"learned router", report.curve}, {"entropy cascade", report.entropy}}};
}

namespace detail {

/// Part of an axis from one round number to another, with ticks at a step of 1, 2 or 5 times a power of ten.
struct Axis {
  double low = 0, step = 1;
  int steps = 1, decimals = 0;

  double tick(int i) const { return low + i * step; }
  double high() const { return tick(steps); }
};

/// The narrowest axis of about `wanted` steps around the values.
inline Axis round_axis(double low, double high, int wanted) {
  const double least = 1e-6 * std::max({std::abs(low), std::abs(high), 1e-6});
  if (high - low < least) {  // one value, to rounding
    low -= least;
    high += least;
  }
  const double rough = (high - low) / wanted;
  const int exponent = static_cast<int>(std::floor(std::log10(rough)));
  const double power = std::pow(10.0, exponent), mantissa = rough / power;
  Axis axis;
  axis.step = (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10) * power;
  axis.decimals = std::clamp(-exponent - (mantissa > 5), 0, 17);
  axis.low = std::floor(low / axis.step + 1e-9) * axis.step;
  axis.steps = std::max(1, static_cast<int>(std::ceil((high - axis.low) / axis.step - 1e-9)));
  return axis;
}

/// Where places of the figure lie in the picture, in pixels.
struct CurvePlot {
  static constexpr double width = 720, left = 70, right = 690, top = 44, bottom = 394, row = 20;
  Axis x, y;

  double x_of(double ms) const { return left + (right - left) * (ms - x.low) / (x.high() - x.low); }
  double y_of(double iou) const { return bottom - (bottom - top) * (iou - y.low) / (y.high() - y.low); }
};

/// How line i is drawn. Lines differ in their dashes too, so that they stay apart without colours.
inline std::string curve_stroke(std::size_t i) {
  constexpr std::array<std::size_t, 6> colours{4, 5, 2, 3, 1, 7};  // of model_palette, the dark ones first
  constexpr std::array<std::string_view, 5> dashes{"", "9 4", "2 3", "9 3 2 3", "14 3"};
  std::string stroke =
      " fill=\"none\" stroke-width=\"2\" stroke=\"" + svg_colour(model_palette[colours[i % colours.size()]]) + "\"";
  if (const std::string_view dash = dashes[i % dashes.size()]; !dash.empty())
    stroke += message(" stroke-dasharray=\"", dash, "\"");
  return stroke;
}
inline constexpr std::string_view hull_stroke =
    " fill=\"none\" stroke-width=\"1.5\" stroke=\"rgb(90,90,90)\" stroke-dasharray=\"5 5\"";

inline pipeline::Knots finite_only(const pipeline::Knots& points) {
  pipeline::Knots finite;
  for (const auto& p : points)
    if (is_finite(p[0]) && is_finite(p[1])) finite.push_back(p);
  return finite;
}
inline pipeline::Knots places(const std::vector<pipeline::MeasuredPoint>& points) {
  pipeline::Knots all;
  for (const auto& p : points) all.push_back({p.ms, p.iou});
  return finite_only(all);
}
inline pipeline::Knots places(const std::vector<pipeline::SingleNetwork>& singles) {
  pipeline::Knots all;
  for (const auto& s : singles) all.push_back({s.ms, s.iou});
  return finite_only(all);
}

/// What random mixes of the networks give at best. Empty where one network is the best at every cost: there is no line.
inline pipeline::Knots mixes_of(const std::vector<pipeline::SingleNetwork>& singles) {
  const pipeline::Knots all = places(singles);
  if (all.empty()) return {};
  pipeline::Knots hull = pipeline::upper_hull(all);
  return hull.size() > 1 ? hull : pipeline::Knots{};
}

/// Axes that hold all points. Throws ValueError when there is none.
inline CurvePlot curve_plot(const CurveFigure& figure) {
  pipeline::Knots all = places(figure.singles);
  for (const NamedCurve& c : figure.curves) {
    const pipeline::Knots more = places(c.points);
    all.insert(all.end(), more.begin(), more.end());
  }
  check<ValueError>(!all.empty(), "curve_svg", "there is nothing to draw: no network and no curve has a finite point");
  auto low = all[0], high = all[0];
  for (const auto& p : all)
    for (const std::size_t d : {0u, 1u}) {
      low[d] = std::min(low[d], p[d]);
      high[d] = std::max(high[d], p[d]);
    }
  return {round_axis(low[0], high[0], 8), round_axis(low[1], high[1], 6)};
}

/// Grid lines, the numbers at them, and what they count.
inline std::string svg_axes(const CurvePlot& plot) {
  constexpr std::string_view grid = " stroke=\"rgb(225,225,225)\"", axis = " stroke=\"rgb(60,60,60)\"";
  std::string svg;
  for (int i = 0; i <= plot.x.steps; ++i) {
    const double x = plot.x_of(plot.x.tick(i));
    svg += svg_line(x, plot.top, x, plot.bottom, grid);
    svg += svg_text(x, plot.bottom + 18, " text-anchor=\"middle\"", fixed_number(plot.x.tick(i), plot.x.decimals));
  }
  for (int i = 0; i <= plot.y.steps; ++i) {
    const double y = plot.y_of(plot.y.tick(i));
    svg += svg_line(plot.left, y, plot.right, y, grid);
    svg += svg_text(plot.left - 8, y + 4, " text-anchor=\"end\"", fixed_number(plot.y.tick(i), plot.y.decimals));
  }
  svg += svg_line(plot.left, plot.bottom, plot.right, plot.bottom, axis);
  svg += svg_line(plot.left, plot.top, plot.left, plot.bottom, axis);
  svg += svg_text((plot.left + plot.right) / 2, plot.bottom + 38, " text-anchor=\"middle\"",
                  "cost, milliseconds per image");
  return svg + svg_text(12, plot.top - 12, "", "IoU of the whole set");
}

inline std::string svg_polyline(const CurvePlot& plot, const pipeline::Knots& points, std::string_view attributes) {
  if (points.empty()) return {};
  std::string svg = "<polyline points=\"";
  for (const auto& p : points) svg += fixed_number(plot.x_of(p[0]), 2) + "," + fixed_number(plot.y_of(p[1]), 2) + " ";
  svg.back() = '"';
  return svg + std::string(attributes) + "/>\n";
}

/// A point with its name, on that side where there is room for it, with a white edge where lines pass below it.
inline std::string svg_single(const CurvePlot& plot, const pipeline::SingleNetwork& single) {
  if (!is_finite(single.ms) || !is_finite(single.iou)) return {};
  const double x = plot.x_of(single.ms), y = plot.y_of(single.iou);
  const bool to_left = x > (plot.left + plot.right) / 2;
  return message("<circle cx=\"", fixed_number(x, 2), "\" cy=\"", fixed_number(y, 2),
                 "\" r=\"4.5\" stroke=\"white\"/>\n") +
         svg_text(x + (to_left ? -8 : 8), y - 6,
                  message(" font-weight=\"bold\" paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\"",
                          to_left ? " text-anchor=\"end\"" : ""),
                  single.name);
}

inline std::string svg_legend_row(double y, std::string_view stroke, std::string_view name) {
  constexpr double x = CurvePlot::left;
  return svg_line(x, y, x + 44, y, stroke) + svg_text(x + 54, y + 4, "", name);
}

}  // namespace detail

/// An SVG file that loads nothing: the networks alone as named points, the hull of their random mixes dashed, and every
/// curve with a line of its own in the legend. Throws ValueError when no point is finite.
inline std::string curve_svg(const CurveFigure& figure) {
  const detail::CurvePlot plot = detail::curve_plot(figure);
  const pipeline::Knots hull = detail::mixes_of(figure.singles);
  const bool mixes = !hull.empty();
  const double legend = plot.bottom + 62, rows = static_cast<double>(figure.curves.size()) + (mixes ? 1 : 0);
  std::string svg;
  svg += detail::svg_text((plot.left + plot.right) / 2, 20, " text-anchor=\"middle\" font-size=\"14\"", figure.title);
  svg += detail::svg_axes(plot);
  if (mixes) svg += detail::svg_polyline(plot, hull, detail::hull_stroke);
  for (std::size_t i = 0; i < figure.curves.size(); ++i)
    svg += detail::svg_polyline(plot, detail::places(figure.curves[i].points), detail::curve_stroke(i));
  for (const pipeline::SingleNetwork& s : figure.singles) svg += detail::svg_single(plot, s);
  for (std::size_t i = 0; i < figure.curves.size(); ++i)
    svg += detail::svg_legend_row(legend + static_cast<double>(i) * plot.row, detail::curve_stroke(i),
                                  figure.curves[i].name);
  if (mixes)
    svg += detail::svg_legend_row(legend + (rows - 1) * plot.row, detail::hull_stroke,
                                  "random mixes of the single networks");
  return detail::svg_document(plot.width, legend + rows * plot.row,
                              figure.title.empty() ? "IoU against cost" : figure.title, svg);
}

/// The same for the page of a run. The hull of the networks' random mixes is a line of its own, in gray.
template <class Result = Chart>
Result curve_chart(const CurveFigure& figure, std::string note = {}) {
  Result chart{figure.title, std::move(note), "milliseconds per image", "IoU of the whole set", {}, {}};
  const auto add = [&](const std::string& name, const pipeline::Knots& places, bool reference) {
    ChartLine line{name, {}, {}, reference};
    for (const auto& p : places) {
      line.x.push_back(p[0]);
      line.y.push_back(p[1]);
    }
    if (!places.empty()) chart.lines.push_back(std::move(line));
  };
  for (const pipeline::SingleNetwork& s : figure.singles) chart.points.push_back({s.name, s.ms, s.iou});
  for (const NamedCurve& c : figure.curves) add(c.name, detail::places(c.points), false);
  add("random mixes of the networks", detail::mixes_of(figure.singles), true);
  return chart;
}

/// The same numbers as a table, one record for each network and each point of a curve. share: of the patches that left
/// f1; empty for a single network.
inline std::string curve_csv(const CurveFigure& figure) {
  CsvRecord header;
  for (const char* name : {"kind", "name", "share", "ms", "gmac", "iou", "image_iou"}) header.add(name);
  std::string csv = header.line();
  const auto add = [&](const char* kind, const std::string& name, const std::vector<double>& values) {
    CsvRecord record;
    record.add(kind);
    record.add(name);
    for (const double v : values) record.add(v);
    csv += record.line();
  };
  for (const pipeline::SingleNetwork& s : figure.singles)
    add("network", s.name, {std::numeric_limits<double>::quiet_NaN(), s.ms, s.gmac, s.iou, s.image_iou});
  for (const NamedCurve& c : figure.curves)
    for (const pipeline::MeasuredPoint& p : c.points) add("curve", c.name, {p.share, p.ms, p.gmac, p.iou, p.image_iou});
  return csv;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
