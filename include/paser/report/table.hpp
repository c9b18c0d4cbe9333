#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/text.hpp"
#include "paser/report/results.hpp"
#include "paser/report/text.hpp"

/// Tables for a terminal.
namespace paser::report {

/// A number with `digits` behind the point; "-" when it is not finite.
inline std::string fixed(double value, int digits) {
  if (!is_finite(value)) return "-";
  return fixed_number(value, digits);
}

/// A number with about `digits` figures that count, never in powers of ten: 8.84, 0.0213, 149.
inline std::string significant(double value, int digits = 3) {
  if (!is_finite(value)) return "-";
  const int magnitude = value == 0 ? 0 : static_cast<int>(std::floor(std::log10(std::abs(value))));
  return fixed(value, std::clamp(digits - 1 - magnitude, 0, 9));
}

/// Bytes in MiB or GiB.
inline std::string bytes_text(std::size_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fixed(mib, mib < 10 ? 1 : 0) + " MiB" : fixed(mib / 1024, 2) + " GiB";
}

/// Rows of text cells under a header, columns aligned: the first to the left, the others to the right. Control
/// characters in them are shown, see visible.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} { show(rows_[0]); }

  /// Throws ShapeError when the number of cells is not that of the header.
  void add(std::vector<std::string> cells) {
    check(cells.size() == rows_[0].size(), "TextTable", cells.size(), " cells for ", rows_[0].size(), " columns");
    show(rows_.emplace_back(std::move(cells)));
  }

  friend std::ostream& operator<<(std::ostream& out, const TextTable& table) {
    std::vector<std::size_t> width(table.rows_[0].size(), 0);
    for (const auto& row : table.rows_)
      for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], display_width(row[c]));
    std::size_t line = 2 * (width.size() - 1);
    for (const std::size_t w : width) line += w;
    for (std::size_t r = 0; r < table.rows_.size(); ++r) {
      const auto& row = table.rows_[r];
      for (std::size_t c = 0; c < row.size(); ++c)
        out << (c > 0 ? "  " : "") << (c > 0 ? pad_left(row[c], width[c]) : pad_right(row[c], width[c]));
      out << '\n';
      if (r == 0) out << std::string(line, '-') << '\n';
    }
    return out;
  }

 private:
  static void show(std::vector<std::string>& cells) {
    for (std::string& cell : cells) cell = visible(cell);
  }

  std::vector<std::vector<std::string>> rows_;
};

namespace detail {

inline constexpr const char* busy_mark = " *";
inline std::string busy_text() {
  return message("* the machine was busy: threads waited for a processor in ", 100 * TimeSpread::busy_share,
                 " % or more of their time, so these times are too long\n");
}

inline bool any_busy(const Results& results) {
  return std::any_of(results.rows.begin(), results.rows.end(),
                     [](const Row& r) { return r.ms_spread && r.ms_spread->busy(); });
}

/// "0.410 [0.401-0.423]", and a mark where the machine was busy.
inline std::string time_text(const Row& row) {
  std::string text = significant(row.ms_per_image);
  if (!row.ms_spread || !is_finite(row.ms_per_image)) return text;
  text += " [" + significant(row.ms_spread->low) + "-" + significant(row.ms_spread->high) + "]";
  return text + (row.ms_spread->busy() ? busy_mark : "");
}

}  // namespace detail

/// The comparison: one row a method, the columns of the paper's Table 1 and the measured ones.
inline TextTable results_table(const Results& results) {
  const bool repeated = std::any_of(results.rows.begin(), results.rows.end(), [](const Row& r) { return r.ms_spread; });
  std::vector<std::string> header{"model", "IoU", "GMAC/image", "IoU/GMAC",
                                  repeated ? "ms/image: median [quartiles]" : "ms/image"};
  for (const std::string& model : results.models) header.push_back(model + " %");
  TextTable table(header);
  for (const Row& row : results.rows) {
    std::vector<std::string> cells{row.model, fixed(row.iou, 4), significant(row.gmac), significant(row.iou_per_gmac()),
                                   detail::time_text(row)};
    for (std::size_t m = 0; m < results.models.size(); ++m)
      cells.push_back(m < row.share.size() ? fixed(100 * row.share[m], 1) : "-");
    table.add(std::move(cells));
  }
  return table;
}

/// What the columns of results_table mean, a line each.
inline std::string results_legend(const Results& results) {
  std::string text;
  const auto line = [&](const std::string& column, const std::string& meaning) {
    if (!meaning.empty()) text += column + ": " + meaning + "\n";
  };
  line("IoU", results.iou_convention);
  line("GMAC", results.mac_convention.empty() ? "" : "1e9 " + results.mac_convention);
  line("ms", results.time_convention);
  if (detail::any_busy(results)) text += detail::busy_text();
  std::string models;
  for (const std::string& model : results.models) models += (models.empty() ? "" : ", ") + model + " %";
  line(models, "share of the patches that each network answered");
  if (std::any_of(results.rows.begin(), results.rows.end(), [](const Row& r) { return r.kind == "bound"; }))
    text += "oracle routing knows the truth (greedy, by first-order gains): no method\n";
  return text;
}

/// Time and peak memory of every stage.
inline TextTable stages_table(const Results& results) {
  TextTable table({"stage", "time", "peak memory", "tensors alone"});
  for (const StageCost& s : results.stages)
    table.add({s.stage, duration(s.seconds) + (s.busy() ? detail::busy_mark : ""),
               (s.memory.of_stage ? "" : "<= ") + bytes_text(s.memory.process), bytes_text(s.memory.tensors)});
  return table;
}

/// What the marks of stages_table mean; empty when there is none.
inline std::string stages_legend(const Results& results) {
  const auto any = [&](const auto& has) { return std::any_of(results.stages.begin(), results.stages.end(), has); };
  std::string text;
  if (any([](const StageCost& s) { return s.busy(); })) text += detail::busy_text();
  if (any([](const StageCost& s) { return !s.memory.of_stage; }))
    text += "<=: the system tells only the peak since the program started\n";
  return text;
}

/// One assignment matrix: rows the kinds of patches, columns the models, in per cent of the row.
inline TextTable assignment_table(const Results& results, const AssignmentMatrix& matrix) {
  std::vector<std::string> header{""};
  header.insert(header.end(), results.models.begin(), results.models.end());
  TextTable table(header);
  for (std::size_t k = 0; k < matrix.size(); ++k) {
    double total = 0;
    for (const double v : matrix[k]) total += v;
    std::vector<std::string> cells{k < results.kinds.size() ? results.kinds[k] : std::to_string(k)};
    for (const double v : matrix[k]) cells.push_back(total > 0 ? fixed(100 * v / total, 1) + " %" : "-");
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
