#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/finite.hpp"
#include "paser/pipeline/routing/curve_report.hpp"

/// A CurveReport as JSON, for programs that write it.
namespace paser::pipeline {

namespace detail {

/// JSON has no NaN: it is written as null.
template <class Json>
Json json_number(double value) {
  return is_finite(value) ? Json(value) : Json(nullptr);
}

template <class Json>
Json json_points(const std::vector<MeasuredPoint>& points) {
  Json list = Json::array();
  for (const MeasuredPoint& p : points)
    list.push_back({{"share", p.share}, {"iou", p.iou}, {"image_iou", p.image_iou}, {"ms", p.ms}, {"gmac", p.gmac}});
  return list;
}

}  // namespace detail

/// For nlohmann::json.
template <class Json>
void to_json(Json& j, const CurveReport& r) {
  const auto number = detail::json_number<Json>;
  const auto pair = [&](const std::array<double, 2>& x) { return Json::array({number(x[0]), number(x[1])}); };
  j = {{"groups", r.groups},
       {"gap", number(r.gap)},
       {"gap_interval", pair(r.gap_interval)},
       {"area_over_hull_interval", pair(r.area_over_hull_interval)},
       {"area_over_entropy_interval", pair(r.area_over_entropy_interval)},
       {"apgr", number(r.apgr)},
       {"area_over_hull", number(r.area_over_hull)},
       {"z_over_hull", number(r.z_over_hull)},
       {"area_over_entropy", number(r.area_over_entropy)},
       {"z_over_entropy", number(r.z_over_entropy)},
       {"closed", Json::object()},
       {"ms_at", Json::object()},
       {"singles", Json::array()},
       {"curve", detail::json_points<Json>(r.curve)},
       {"entropy", detail::json_points<Json>(r.entropy)},
       {"verdict", r.verdict}};
  for (const auto& [share, closed] : r.closed) j["closed"][share] = number(closed);
  for (const auto& [part, ms] : r.ms_at) j["ms_at"][part] = number(ms);
  for (const SingleNetwork& s : r.singles)
    j["singles"].push_back(
        {{"name", s.name}, {"iou", s.iou}, {"image_iou", s.image_iou}, {"ms", s.ms}, {"gmac", s.gmac}});
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
