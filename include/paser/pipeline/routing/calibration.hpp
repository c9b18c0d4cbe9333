#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/shape.hpp"
#include "paser/pipeline/routing/domain.hpp"

/// Which price makes a policy keep to a budget, a quality or a share of the patches: read off a table that was made on
/// data that neither the models nor the policy were trained on.
namespace paser::pipeline {

/// What a policy did at one price, in the mean over images of the size trained on.
struct CalibrationPoint {
  double price = 0;
  double iou = 0;                ///< 0 .. 1
  double ms = 0;                 ///< per image; 0 at every point: not known
  double gmac = 0;               ///< 1e9 multiply-accumulates per image
  std::vector<double> shares{};  ///< of the patches that each model answered; they sum to 1
};

/// A policy at several prices.
struct Calibration {
  /// By rising price: the most generous, which pays the most for patches, comes first.
  std::vector<CalibrationPoint> points{};
  std::string data{};              ///< what it was made on
  Index images = 0;                ///< of them
  std::optional<Domain> domain{};  ///< by which one sees whether other images are like them

  /// The networks whose shares it has.
  Index models() const { return points.empty() ? 0 : static_cast<Index>(points[0].shares.size()); }
};

/// What one image of the size trained on may cost.
struct Budget {
  /// Milliseconds, or 1e9 multiply-accumulates.
  enum class Unit { ms, gmac };
  double amount = 0;
  Unit unit = Unit::ms;

  /// What a point of the calibration spends of it per image.
  double of(const CalibrationPoint& point) const { return unit == Unit::ms ? point.ms : point.gmac; }
  const char* unit_name() const { return unit == Unit::ms ? "ms" : "GMAC"; }  ///< The unit for messages.
};

/// The share of the patches that a model is to answer.
struct PatchShare {
  Index model = 0;  ///< 0 for f1
  double share = 0;
};

/// Throws E unless there are points, all finite and within their ranges, and the prices do not fall.
template <class E>
void check_calibration(const Calibration& c, const char* where = "Calibration") {
  check<E>(!c.points.empty() && c.models() >= 1, where, "there are no points, or they name no model");
  check<E>(c.images >= 0, where, "it was made on ", c.images, " images");
  for (std::size_t i = 0; i < c.points.size(); ++i) {
    const CalibrationPoint& p = c.points[i];
    check<E>(is_finite(p.price) && (i == 0 || p.price >= c.points[i - 1].price), where, "the price of point ", i,
             " is ", p.price, ", expected prices that rise");
    check<E>(p.iou >= 0 && p.iou <= 1, where, "the IoU of point ", i, " is ", p.iou, ", expected 0 .. 1");
    check<E>(is_finite(p.ms) && p.ms >= 0 && is_finite(p.gmac) && p.gmac >= 0, where, "point ", i, " costs ", p.ms,
             " ms and ", p.gmac, " GMAC, expected 0 or more");
    check<E>(p.shares.size() == c.points[0].shares.size(), where, "point ", i, " has shares of ", p.shares.size(),
             " models, expected ", c.models());
    double sum = 0;
    for (const double share : p.shares) {
      check<E>(share >= 0 && share <= 1, where, "a share of point ", i, " is ", share, ", expected 0 .. 1");
      sum += share;
    }
    check<E>(std::abs(sum - 1) < 1e-3, where, "the shares of point ", i, " sum to ", sum, ", expected 1");
  }
}

namespace detail {

/// Whether a text starts with a finite number. What follows the number goes to `rest`.
inline bool leading_number(std::string_view text, double& value, std::string_view& rest) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{} && is_finite(value);
}

/// The price at which a quantity has the value `wanted`, between two points where it has the values a and b.
inline double price_between(const CalibrationPoint& at_a, double a, const CalibrationPoint& at_b, double b,
                            double wanted) {
  if (a == b) return at_b.price;  // one point, on both sides
  return at_a.price + (wanted - a) / (b - a) * (at_b.price - at_a.price);
}

}  // namespace detail

/// "12ms", "1GMAC", "0.5 gmac". Throws ValueError on anything else.
inline Budget parse_budget(const std::string& text) {
  Budget budget;
  std::string_view rest;
  bool ok = detail::leading_number(text, budget.amount, rest) && budget.amount > 0;
  if (ok && rest.starts_with(' ')) rest.remove_prefix(1);
  std::string unit(rest);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  ok = ok && (unit == "ms" || unit == "gmac");
  check<ValueError>(ok, "budget", "'", text, "' is none, expected a positive number and its unit per image, such as ",
                    "12ms or 0.5GMAC");
  budget.unit = unit == "ms" ? Budget::Unit::ms : Budget::Unit::gmac;
  return budget;
}

/// "f2=0.3": 30 % of the patches to the second network. Throws ValueError on anything else.
inline PatchShare parse_share(const std::string& text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  const char* const end = text.data() + equals;
  PatchShare share;
  Index number = 0;
  std::string_view rest;
  const bool named = text.starts_with('f') && [&] {
    const auto [stop, error] = std::from_chars(text.data() + 1, end, number);
    return error == std::errc{} && stop == end && number >= 1;
  }();
  const bool ok = named && equals < text.size() &&
                  detail::leading_number(std::string_view(text).substr(equals + 1), share.share, rest) && rest.empty();
  check<ValueError>(ok && share.share >= 0 && share.share <= 1, "share", "'", text,
                    "' is none, expected a network and its share of the patches, 0 .. 1, such as f2=0.3");
  share.model = number - 1;
  return share;
}

/// The lowest price at which an image costs no more than the budget, between two points linear in the budget's unit. A
/// budget that pays for everything gives the most generous point. Throws ValueError, with the least cost, when the
/// budget is below it.
inline double price_for_budget(const Calibration& calibration, const Budget& budget) {
  check_calibration<ValueError>(calibration);
  const auto& points = calibration.points;
  double least = budget.of(points[0]), most = least;
  for (const CalibrationPoint& p : points) {
    least = std::min(least, budget.of(p));
    most = std::max(most, budget.of(p));
  }
  check<ValueError>(most > 0, "budget", "the calibration does not say how many ", budget.unit_name(),
                    " an image takes");
  check<ValueError>(budget.amount >= least, "budget", budget.amount, " ", budget.unit_name(),
                    " per image is too little: the least is ", least, ", the most that can be used ", most);
  // Each price that pays for more is dearer than the budget, so that what is found costs as much as may be spent.
  std::size_t i = 0;
  while (budget.of(points[i]) > budget.amount) ++i;
  if (i == 0) return points[0].price;
  return detail::price_between(points[i - 1], budget.of(points[i - 1]), points[i], budget.of(points[i]), budget.amount);
}

/// The price of the point that costs the fewest milliseconds (of equals the fewest multiply-accumulates, then the best)
/// of those whose IoU is at least `iou`. A point and nothing between points: a floor is kept by what was seen. Throws
/// ValueError, with the best IoU, when no point reaches it, and unless `iou` is 0 .. 1.
inline double price_for_quality(const Calibration& calibration, double iou) {
  check_calibration<ValueError>(calibration);
  check<ValueError>(iou >= 0 && iou <= 1, "quality", iou, " is no IoU, expected a number of 0 .. 1");
  const CalibrationPoint* found = nullptr;
  double best = 0;
  for (const CalibrationPoint& p : calibration.points) {
    best = std::max(best, p.iou);
    const auto cost = [](const CalibrationPoint& q) { return std::tuple(q.ms, q.gmac, -q.iou); };
    if (p.iou >= iou && (!found || cost(p) < cost(*found))) found = &p;
  }
  check<ValueError>(found != nullptr, "quality", "an IoU of ", iou, " cannot be had: the best is ", best);
  return found->price;
}

/// The highest price at which a model answers this share of the patches, between two points linear in the share. Throws
/// ValueError, with what can be had, when it never does.
inline double price_for_share(const Calibration& calibration, Index model, double share) {
  check_calibration<ValueError>(calibration);
  check<ValueError>(model >= 0 && model < calibration.models(), "share", "there is no network f", model + 1,
                    " in the calibration, expected f1 .. f", calibration.models());
  const auto& points = calibration.points;
  const auto of = [&](std::size_t i) { return points[i].shares[static_cast<std::size_t>(model)]; };
  double least = 1, most = 0;
  for (std::size_t i = points.size(); i-- > 0;) {
    const std::size_t next = std::min(i + 1, points.size() - 1);
    if (std::min(of(i), of(next)) <= share && share <= std::max(of(i), of(next)))
      return detail::price_between(points[i], of(i), points[next], of(next), share);
    least = std::min(least, of(i));
    most = std::max(most, of(i));
  }
  throw ValueError(message("share: f", model + 1, " cannot get ", share, " of the patches: at every price it gets ",
                           least, " .. ", most));
}

/// For nlohmann::json. Throws ValueError when the table does not pass check_calibration.
template <class Json>
void to_json(Json& j, const Calibration& c) {
  check_calibration<ValueError>(c);
  j = {{"data", c.data}, {"images", c.images}, {"points", Json::array()}};
  for (const CalibrationPoint& p : c.points)
    j["points"].push_back({{"price", p.price}, {"iou", p.iou}, {"ms", p.ms}, {"gmac", p.gmac}, {"shares", p.shares}});
  if (c.domain) j["domain"] = *c.domain;
}
/// Throws FormatError when what is read does not pass check_calibration, and what the library throws about types.
template <class Json>
void from_json(const Json& j, Calibration& c) {
  j.at("data").get_to(c.data);
  const Json& images = j.at("images");
  check<FormatError>(images.is_number_integer() &&
                         (!images.is_number_unsigned() || std::in_range<Index>(images.template get<std::uint64_t>())),
                     "Calibration", "images is ", images.dump(), ", expected a whole number");
  images.get_to(c.images);
  c.points.clear();
  for (const Json& point : j.at("points")) {
    CalibrationPoint p;
    point.at("price").get_to(p.price);
    point.at("iou").get_to(p.iou);
    point.at("ms").get_to(p.ms);
    point.at("gmac").get_to(p.gmac);
    point.at("shares").get_to(p.shares);
    c.points.push_back(std::move(p));
  }
  c.domain.reset();
  if (const auto found = j.find("domain"); found != j.end()) found->get_to(c.domain.emplace());
  check_calibration<FormatError>(c);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
