#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <string>

#include "paser/io/atomic_file.hpp"
#include "paser/report/csv.hpp"
#include "paser/report/results.hpp"

/// Results as comma-separated values, see CsvRecord. These are templates so that only programs that call them compile
/// them.
namespace paser::report {

/// One record a method: model, kind, iou, iou_std, gmac, iou_per_gmac; ms_per_image (the median), its quartiles ms_low
/// and ms_high, ms_runs, ms_busy (1: the machine was busy, see TimeSpread); the share of each model, note.
template <class Text = std::string>
Text methods_csv(const Results& results) {
  CsvRecord header;
  for (const char* name : {"model", "kind", "iou", "iou_std", "gmac", "iou_per_gmac", "ms_per_image", "ms_low",
                           "ms_high", "ms_runs", "ms_busy"})
    header.add(name);
  for (const std::string& model : results.models) header.add("share " + model);
  header.add("note");
  Text csv = header.line();
  for (const Row& row : results.rows) {
    CsvRecord record;
    record.add(row.model);
    record.add(row.kind);
    for (const double v : {row.iou, row.iou_std.value_or(std::numeric_limits<double>::quiet_NaN()), row.gmac,
                           row.iou_per_gmac(), row.ms_per_image})
      record.add(v);
    if (const auto& s = row.ms_spread)
      for (const double v : {s->low, s->high, static_cast<double>(s->runs), s->busy() ? 1.0 : 0.0}) record.add(v);
    else
      for (int i = 0; i < 4; ++i) record.add("");
    record.add_shares(row.share, results.models.size());
    record.add(row.note);
    csv += record.line();
  }
  return csv;
}

/// One record an image and method: image, method, iou, gmac, ms, the share of each model.
template <class Text = std::string>
Text images_csv(const Results& results) {
  CsvRecord header;
  for (const char* name : {"image", "method", "iou", "gmac", "ms"}) header.add(name);
  for (const std::string& model : results.models) header.add("share " + model);
  Text csv = header.line();
  for (const ImageRow& image : results.images)
    for (const auto& [method, score] : image.methods) {
      CsvRecord record;
      record.add(image.name);
      record.add(method);
      for (const double v : {score.iou, score.gmac, score.ms}) record.add(v);
      record.add_shares(score.share, results.models.size());
      csv += record.line();
    }
  return csv;
}

/// Writes methods.csv, and images.csv where the results name images, into the folder; each file whole or not at all.
/// Throws IoError.
template <class Path = std::filesystem::path>
void write_csv(const Path& folder, const Results& results) {
  io::write_file(folder / "methods.csv", methods_csv(results));
  if (!results.images.empty()) io::write_file(folder / "images.csv", images_csv(results));
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
