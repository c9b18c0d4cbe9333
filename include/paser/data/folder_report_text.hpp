#pragma once
#include "paser/core/macros_off.inc"

#include <nlohmann/json.hpp>
#include <ostream>

#include "paser/data/folder_report.hpp"

/// A FolderReport for people and for programs.
namespace paser::data {

namespace detail {

inline std::string percent(double share) {
  return fixed_number(100 * share, share > 0 && share < 0.01 ? 3 : 1) + " %";
}

template <class Map, class Name>
std::string counted_list(const Map& counts, const Name& name) {
  std::string list;
  std::size_t shown = 0;
  for (const auto& [key, count] : counts) {
    if (shown++ == 10) return list + message(", and ", counts.size() - 10, " more");
    list += message(list.empty() ? "" : ", ", name(key), " (", count, ")");
  }
  return list;
}

}  // namespace detail

/// Prints a report, one fact a line; at most `most` bad files, and values without a class, are listed. Control
/// characters in names are shown.
template <class Report = FolderReport>
void print(std::ostream& out, const Report& report, std::size_t most = 20) {
  const auto text = [](const std::string& s) { return visible(s); };
  const auto number = [](Index n) { return std::to_string(n); };
  out << "pairs      " << report.samples.size() << " good\n";
  if (!report.sizes.empty())
    out << "sizes      "
        << detail::counted_list(report.sizes, [](const auto& s) { return message(s.first, " x ", s.second); })
        << "  (height x width)\n";
  out << "images     " << detail::counted_list(report.image_kinds, text);
  if (!report.samples.empty())
    out << ", values from " << report.darkest << " to " << report.brightest << " of full scale";
  out << "\nmasks      " << detail::counted_list(report.mask_kinds, text);
  if (!report.mask_values.empty()) out << ", values " << detail::counted_list(report.mask_values, number);
  out << "\n";
  const auto empty = [&](Index k) { return report.class_pixels[static_cast<std::size_t>(k)] == 0; };
  for (Index k = 0; k < report.classes(); ++k) {
    const auto i = static_cast<std::size_t>(k);
    Index end = k;  // of many classes without a pixel, as where no rule says how many there are
    while (end < report.classes() && empty(end)) ++end;
    if (end - k > 3) {
      out << "class " << k << " .. " << end - 1 << "  no pixel\n";
      k = end - 1;
      continue;
    }
    out << "class " << k << "    " << detail::percent(report.share(k)) << "  " << report.class_pixels[i] << " pixels  "
        << visible(report.class_names[i]) << "\n";
  }
  if (report.ignored_pixels > 0) out << "ignored    " << report.ignored_pixels << " pixels\n";
  std::size_t shown = 0;
  for (const auto& [value, where] : report.unmapped) {
    if (shown == most) break;
    ++shown;
    out << "unmapped   value " << value << ": " << where.pixels << " pixels in " << where.files << " masks, first in "
        << visible(where.first.string()) << "\n";
  }
  if (const Index more = std::ssize(report.unmapped) - static_cast<Index>(shown) + report.further_unmapped; more > 0)
    out << "unmapped   and " << more << " more values\n";
  if (!report.skipped.empty())
    out << "skipped    " << report.skipped.size() << " files that are no pictures by their names, such as "
        << visible(report.skipped.front().filename().string()) << "\n";
  for (const std::string& warning : report.warnings) out << "warning    " << visible(warning) << "\n";
  for (const std::string& problem : report.problems) out << "problem    " << visible(problem) << "\n";
  for (std::size_t i = 0; i < std::min(most, report.bad.size()); ++i)
    out << "bad        " << visible(report.bad[i].file.string()) << ": " << visible(report.bad[i].reason, "\n") << "\n";
  if (report.bad.size() > most) out << "bad        and " << report.bad.size() - most << " more files\n";
}

/// The report as JSON: everything that print says, all bad files, the unmapped values that the report keeps with the
/// number of the others (`unmapped_left_out`), and the list of samples.
template <class Json = nlohmann::json>
Json report_json(const FolderReport& report) {
  Json j = {{"ok", report.ok()},
            {"pairs", report.samples.size()},
            {"channels", report.channels},
            {"darkest", report.darkest},
            {"brightest", report.brightest},
            {"image_kinds", report.image_kinds},
            {"mask_kinds", report.mask_kinds},
            {"ignored_pixels", report.ignored_pixels},
            {"unmapped_left_out", report.further_unmapped},
            {"warnings", report.warnings},
            {"problems", report.problems}};
  for (const char* list : {"sizes", "classes", "mask_values", "unmapped", "bad", "skipped", "samples"})
    j[list] = Json::array();
  for (const auto& [size, count] : report.sizes)
    j["sizes"].push_back({{"height", size.first}, {"width", size.second}, {"images", count}});
  for (Index k = 0; k < report.classes(); ++k)
    j["classes"].push_back({{"name", report.class_names[static_cast<std::size_t>(k)]},
                            {"pixels", report.class_pixels[static_cast<std::size_t>(k)]},
                            {"share", report.share(k)}});
  for (const auto& [value, pixels] : report.mask_values)
    j["mask_values"].push_back({{"value", value}, {"pixels", pixels}});
  for (const auto& [value, where] : report.unmapped)
    j["unmapped"].push_back(
        {{"value", value}, {"pixels", where.pixels}, {"masks", where.files}, {"first", where.first.string()}});
  for (const BadFile& bad : report.bad) j["bad"].push_back({{"file", bad.file.string()}, {"reason", bad.reason}});
  for (const io::Path& file : report.skipped) j["skipped"].push_back(file.string());
  for (const SampleInfo& s : report.samples)
    j["samples"].push_back({{"name", s.name},
                            {"image", s.image.string()},
                            {"mask", s.mask.string()},
                            {"page", s.page},
                            {"height", s.height},
                            {"width", s.width},
                            {"channels", s.channels}});
  return j;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
