#pragma once
#include "paser/core/macros_off.inc"

#include "paser/pipeline/evaluate.hpp"
#include "paser/report/results.hpp"
#include "paser/report/timing.hpp"

/// From what a method did to its row of a report.
namespace paser::report {

/// What the operation counts of a MethodEvaluation include, for Results::mac_convention. Source: WorkCosts of
/// pipeline::mac_costs.
inline constexpr const char* mac_convention =
    "multiply-accumulates by fvcore's rules (the paper's Flops), every pass of every network counted: PaSeR and the "
    "cascades run f1 T times for its entropy, the oracle too; single models and the random policy run one pass";

/// The row of a method. The assignment's accuracy stands in it where there are several kinds of images and the method
/// has a choice among models.
inline Row method_row(const std::string& model, const std::string& kind, const pipeline::MethodEvaluation& e,
                      const std::string& note) {
  Row row;
  row.model = model;
  row.kind = kind;
  row.iou = e.iou;
  row.gmac = e.gmac;
  row.ms_per_image = e.ms_per_image;
  row.share = e.share;
  if (static_cast<Index>(e.image_iou.size()) - e.without_iou() >= 2) row.iou_std = e.iou_std;  // of one: nothing known
  if (kind != "single" && e.assignment.size() > 1) row.assignment_accuracy = e.assignment_accuracy();
  row.note = note;
  return row;
}

/// Times methods on the same images, in turn, and puts the median and its spread into their rows, in milliseconds an
/// image. Returns the sentence for Results::time_convention.
template <class T, class Batch>
std::string time_methods(const std::vector<std::pair<Row*, pipeline::Method<T>>>& methods, const Batch& batch,
                         const TimingOptions& options = {}) {
  std::vector<std::function<void()>> works;
  for (const auto& method : methods) works.push_back([&] { method.second.segment(batch.images, batch.ids); });
  const std::vector<Timing> timings = time_in_turn(works, options);
  const Index images = batch.images.shape().n();
  const double ms = 1e3 / static_cast<double>(images);
  for (std::size_t i = 0; i < methods.size(); ++i) {
    Row& row = *methods[i].first;
    row.ms_per_image = ms * timings[i].median;
    row.ms_spread = timings[i].spread;
    row.ms_spread->low *= ms;
    row.ms_spread->high *= ms;
  }
  return time_convention(options.rounds, images);
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
