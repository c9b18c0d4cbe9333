#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "paser/metrics/class_scores.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/report/result_fields.hpp"

/// The parts of Results that not every run has: classes, single images, sweeps over lambda, box plots, further tables.
namespace paser::report {

/// How far repeated timings of one thing lie apart, and how undisturbed they were; see time_in_turn.
struct TimeSpread {
  /// From this share on that its threads waited for a processor a run counts as disturbed: it took that much longer, or
  /// more where the others waited too.
  static constexpr double busy_share = 0.05;

  double low = 0, high = 0;  ///< first and third quartile
  int runs = 0;
  double waited = 0;  ///< share of the threads' time in which they were ready to run and had no processor

  /// Whether other programs had the processors for so long that the times say little.
  bool busy() const { return waited >= busy_share; }
};

/// What one method did to each class over all test images.
struct ClassTable {
  metrics::ClassScores scores{};
  std::vector<std::vector<std::int64_t>> confusion{};  ///< pixels, [true class][predicted class]
};

/// From counts (target, prediction), (K, K).
inline ClassTable class_table(const metrics::Confusion<2>& counts) {
  ClassTable table{metrics::class_scores(counts), {}};
  const Index classes = counts.shape()[0];
  for (Index k = 0; k < classes; ++k)
    table.confusion.emplace_back(counts.data() + k * classes, counts.data() + (k + 1) * classes);
  return table;
}

/// What one method did to one image.
struct ImageScore {
  double iou = std::numeric_limits<double>::quiet_NaN();
  double gmac = std::numeric_limits<double>::quiet_NaN();  ///< 1e9 multiply-accumulates
  double ms = std::numeric_limits<double>::quiet_NaN();    ///< measured
  std::vector<double> share{};                             ///< of its patches answered by each model, sum 1
};

/// A test image and its scores, by Row::model.
struct ImageRow {
  std::string name{};
  std::map<std::string, ImageScore> methods{};
};

/// A policy that was trained at one lambda, the weight of the cost in the reward.
struct LambdaPoint {
  std::string label{};  ///< what the curve varies beside lambda: the cost rule, a form of the reward. One line a label
  double lambda = 0;
  double cost = std::numeric_limits<double>::quiet_NaN();  ///< mean cost of a patch on the test images, by the rule
  double gmac = std::numeric_limits<double>::quiet_NaN();  ///< 1e9 multiply-accumulates an image
  double iou = std::numeric_limits<double>::quiet_NaN();   ///< mean over the test images
  std::vector<double> share{};                             ///< of the patches answered by each model
};

/// The boxes of one method.
struct BoxGroup {
  std::string name{};
  metrics::BoxStats box{};
};

/// The outcome of a test whether two groups differ; see metrics::TTest.
struct SignificanceTest {
  std::string name{};  ///< "paired t-test, 5 against 20 samples"
  double t = std::numeric_limits<double>::quiet_NaN();
  double df = std::numeric_limits<double>::quiet_NaN();
  double p = std::numeric_limits<double>::quiet_NaN();  ///< two-sided
};

/// Groups of values side by side.
struct BoxPlot {
  std::string title{};
  std::string unit{};
  std::vector<BoxGroup> groups{};
  std::optional<SignificanceTest> test{};
  std::string note{};
};

/// Any table, in text: the first column names the row.
struct ComparisonTable {
  std::string title{};
  std::string note{};
  std::vector<std::string> header{};
  std::vector<std::vector<std::string>> rows{};
};

/// A named point of a chart.
struct ChartPoint {
  std::string name{};
  double x = std::numeric_limits<double>::quiet_NaN(), y = std::numeric_limits<double>::quiet_NaN();
};

/// A named line of a chart.
struct ChartLine {
  std::string name{};
  std::vector<double> x{}, y{};
  bool reference = false;  ///< what others are compared with: drawn in gray
};

/// Points and lines over two axes. Places that are not finite are left out where it is drawn.
struct Chart {
  std::string title{};
  std::string note{};
  std::string x_label{}, y_label{};
  std::vector<ChartPoint> points{};
  std::vector<ChartLine> lines{};
};

template <class Json>
void to_json(Json& j, const TimeSpread& t) {
  j = {{"low", t.low}, {"high", t.high}, {"runs", t.runs}, {"waited", t.waited}, {"busy", t.busy()}};
}
template <class Json>
void from_json(const Json& j, TimeSpread& t) {
  t.low = detail::amount_or_nan(j, "low");
  t.high = detail::amount_or_nan(j, "high");
  detail::read_count(j, "runs", t.runs);
  t.waited = detail::amount_or_nan(j, "waited");
}

template <class Json>
void to_json(Json& j, const ClassTable& t) {
  const metrics::ClassScores& s = t.scores;
  j = {{"iou", s.iou},
       {"dice", s.dice},
       {"precision", s.precision},
       {"recall", s.recall},
       {"truth_share", s.truth_share},
       {"predicted_share", s.predicted_share},
       {"confusion", t.confusion}};
}
template <class Json>
void from_json(const Json& j, ClassTable& t) {
  t.scores = {detail::shares_or_nan(j, "iou"),         detail::shares_or_nan(j, "dice"),
              detail::shares_or_nan(j, "precision"),   detail::shares_or_nan(j, "recall"),
              detail::shares_or_nan(j, "truth_share"), detail::shares_or_nan(j, "predicted_share")};
  detail::read_table(j, "confusion", t.confusion, &detail::count_of<std::int64_t, Json>);
}

template <class Json>
void to_json(Json& j, const ImageScore& s) {
  j = {{"iou", s.iou}, {"gmac", s.gmac}, {"ms", s.ms}, {"share", s.share}};
}
template <class Json>
void from_json(const Json& j, ImageScore& s) {
  s = {detail::share_or_nan(j, "iou"), detail::amount_or_nan(j, "gmac"), detail::amount_or_nan(j, "ms"), {}};
  detail::read_shares(j, "share", s.share);
}

template <class Json>
void to_json(Json& j, const ImageRow& r) {
  j = {{"name", r.name}, {"methods", r.methods}};
}
template <class Json>
void from_json(const Json& j, ImageRow& r) {
  detail::read_field(j, "name", r.name);
  detail::read_field(j, "methods", r.methods);
}

template <class Json>
void to_json(Json& j, const LambdaPoint& p) {
  j = {{"label", p.label}, {"lambda", p.lambda}, {"cost", p.cost},
       {"gmac", p.gmac},   {"iou", p.iou},       {"share", p.share}};
}
template <class Json>
void from_json(const Json& j, LambdaPoint& p) {
  detail::read_field(j, "label", p.label);
  detail::read_number(j, "lambda", p.lambda, detail::any_amount);
  p.cost = detail::number_or_nan(j, "cost");
  p.gmac = detail::amount_or_nan(j, "gmac");
  p.iou = detail::share_or_nan(j, "iou");
  detail::read_shares(j, "share", p.share);
}

template <class Json>
void to_json(Json& j, const BoxGroup& g) {
  const metrics::BoxStats& b = g.box;
  j = {{"name", g.name}, {"low", b.low},   {"q1", b.q1},     {"median", b.median},
       {"q3", b.q3},     {"high", b.high}, {"mean", b.mean}, {"outliers", b.outliers}};
}
template <class Json>
void from_json(const Json& j, BoxGroup& g) {
  detail::read_field(j, "name", g.name);
  detail::read_number(j, "low", g.box.low);
  detail::read_number(j, "q1", g.box.q1);
  detail::read_number(j, "median", g.box.median);
  detail::read_number(j, "q3", g.box.q3);
  detail::read_number(j, "high", g.box.high);
  detail::read_number(j, "mean", g.box.mean);
  detail::read_numbers(j, "outliers", g.box.outliers);
}

template <class Json>
void to_json(Json& j, const SignificanceTest& t) {
  j = {{"name", t.name}, {"t", t.t}, {"df", t.df}, {"p", t.p}};
}
template <class Json>
void from_json(const Json& j, SignificanceTest& t) {
  detail::read_field(j, "name", t.name);
  t.t = detail::number_or_nan(j, "t");
  t.df = detail::amount_or_nan(j, "df");
  t.p = detail::share_or_nan(j, "p");
}

template <class Json>
void to_json(Json& j, const BoxPlot& b) {
  j = {{"title", b.title}, {"unit", b.unit}, {"groups", b.groups}, {"note", b.note}};
  if (b.test) j["test"] = *b.test;
}
template <class Json>
void from_json(const Json& j, BoxPlot& b) {
  detail::read_field(j, "title", b.title);
  detail::read_part(j, "unit", b.unit);
  detail::read_field(j, "groups", b.groups);
  detail::read_part(j, "note", b.note);
  detail::read_optional(j, "test", b.test);
}

template <class Json>
void to_json(Json& j, const ComparisonTable& t) {
  j = {{"title", t.title}, {"note", t.note}, {"header", t.header}, {"rows", t.rows}};
}
template <class Json>
void from_json(const Json& j, ComparisonTable& t) {
  detail::read_field(j, "title", t.title);
  detail::read_part(j, "note", t.note);
  detail::read_field(j, "header", t.header);
  detail::read_field(j, "rows", t.rows);
}

template <class Json>
void to_json(Json& j, const ChartPoint& p) {
  j = {{"name", p.name}, {"x", p.x}, {"y", p.y}};
}
template <class Json>
void from_json(const Json& j, ChartPoint& p) {
  detail::read_field(j, "name", p.name);
  p.x = detail::number_or_nan(j, "x");
  p.y = detail::number_or_nan(j, "y");
}

template <class Json>
void to_json(Json& j, const ChartLine& l) {
  j = {{"name", l.name}, {"x", l.x}, {"y", l.y}, {"reference", l.reference}};
}
template <class Json>
void from_json(const Json& j, ChartLine& l) {
  detail::read_field(j, "name", l.name);
  l.x = detail::numbers_or_nan(j, "x");
  l.y = detail::numbers_or_nan(j, "y");
  l.reference = false;
  detail::read_part(j, "reference", l.reference);
}

template <class Json>
void to_json(Json& j, const Chart& c) {
  j = {{"title", c.title},     {"note", c.note},     {"x_label", c.x_label},
       {"y_label", c.y_label}, {"points", c.points}, {"lines", c.lines}};
}
template <class Json>
void from_json(const Json& j, Chart& c) {
  detail::read_field(j, "title", c.title);
  detail::read_part(j, "note", c.note);
  detail::read_part(j, "x_label", c.x_label);
  detail::read_part(j, "y_label", c.y_label);
  detail::read_field(j, "points", c.points);
  detail::read_field(j, "lines", c.lines);
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
