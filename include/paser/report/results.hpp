#pragma once
#include "paser/core/macros_off.inc"

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "paser/report/memory.hpp"
#include "paser/report/result_parts.hpp"

/// What a finished run found: the structs behind results.json and report.html. Functions on JSON are templates, so that
/// only programs that call them pay for compiling nlohmann::json.
namespace paser::report {

/// One method of the comparison.
struct Row {
  std::string model{};  ///< as shown: "f1", "IDK cascade", "PaSeR (TVD 10 %)"
  std::string kind{};   ///< "single", "baseline", "bound" (routing by the truth, no method), "paser", "part" (one of
                        ///< its networks alone)
  double iou = 0;       ///< mean over the test images, in the convention of Results::iou_convention
  double gmac = 0;      ///< 1e9 multiply-accumulates an image, all dropout samples counted (the paper's GigaFlops)
  double ms_per_image = std::numeric_limits<double>::quiet_NaN();  ///< the median, measured; NaN when it was not
  std::vector<double> share{};                                     ///< of the patches answered by each model, sum 1
  std::optional<double> iou_std{};                                 ///< standard deviation over the test images
  std::optional<double> tvd{};                  ///< total-variation distance from the policy before fine-tuning, 0 to 1
  std::optional<double> assignment_accuracy{};  ///< share of the patches sent to the model meant for them, 0 to 1
  std::string note{};                           ///< thresholds, what an operation count leaves out, ...
  std::optional<TimeSpread> ms_spread{};        ///< of ms_per_image; older runs were timed once

  /// The paper's measure of parsimony. NaN for a free model, and for one of far less than a single operation.
  double iou_per_gmac() const { return gmac > 1e-30 ? iou / gmac : std::numeric_limits<double>::quiet_NaN(); }
};

/// How often patches of each kind (rows: the noise) went to each model (columns). Counts or shares.
using AssignmentMatrix = std::vector<std::vector<double>>;

/// A statement of the paper, put to the test.
struct Claim {
  std::string text{};                ///< "PaSeR has at least 13.4 % more IoU/GMAC than every other method"
  std::optional<double> paper{};     ///< the paper's number
  std::optional<double> measured{};  ///< this run's number
  std::optional<bool> reproduced{};  ///< none: the numbers stand side by side, since the tasks are not the same
  std::string explanation{};         ///< what was compared, why it failed
};

/// What a stage of the run needed.
struct StageCost {
  std::string stage{};
  double seconds = 0;
  MemoryPeak memory{};
  std::int64_t steps = 0;    ///< that were made in these seconds; 0 where none are counted
  std::int64_t planned = 0;  ///< steps of the whole stage; it may be over earlier
  double waited = 0;         ///< see TimeSpread::waited

  /// Whether the machine had other work, so that the time says little.
  bool busy() const { return waited >= TimeSpread::busy_share; }
};

/// A finished run.
struct Results {
  std::string title = "PaSeR";
  std::string preset;  ///< "demo", "standard", "paper"
  std::uint64_t seed = 0;
  std::string command;              ///< what reproduces the run, as typed
  std::string data;                 ///< what it was trained and tested on, a sentence
  std::string iou_convention;       ///< how a class absent from prediction and truth counts
  std::string mac_convention;       ///< what the operation counts include
  std::string time_convention;      ///< how Row::ms_per_image was measured
  std::vector<std::string> models;  ///< in the order of Row::share, cheapest first
  std::vector<Row> rows;
  std::map<std::string, std::int64_t> parameters;      ///< trained values of f1, f2, f3 and policy
  std::vector<std::string> kinds;                      ///< names of the rows of every assignment matrix
  std::map<std::string, AssignmentMatrix> assignment;  ///< by Row::model
  std::map<std::string, double> cascade_thresholds;    ///< entropy in nats above which the cascade goes on, by model
  std::vector<Claim> claims;
  std::vector<StageCost> stages;
  std::vector<std::string> classes;                ///< names of the classes, in the order of every ClassTable
  std::map<std::string, ClassTable> class_tables;  ///< by Row::model
  std::vector<ImageRow> images;
  std::vector<LambdaPoint> lambda_curve;
  std::vector<BoxPlot> box_plots;
  std::vector<ComparisonTable> tables;
  std::vector<Chart> charts;  ///< that the page shows before its table
  std::string advice;         ///< what to use, a sentence or two; empty: the page tells what the table says
  std::map<std::string, std::string> left_out;  ///< files that could not be used, each with the reason
  std::vector<std::string> findings;            ///< what holds for these images and what does not, a sentence each
  nlohmann::json settings = nlohmann::json::object();     ///< every resolved setting, as in config.json
  nlohmann::json environment = nlohmann::json::object();  ///< of report::environment()
};

template <class Json>
void to_json(Json& j, const MemoryPeak& m) {
  j = {{"process_bytes", m.process}, {"tensor_bytes", m.tensors}, {"of_stage", m.of_stage}};
}

template <class Json>
void to_json(Json& j, const Row& r) {
  j = {{"model", r.model},
       {"kind", r.kind},
       {"iou", r.iou},
       {"gmac", r.gmac},
       {"iou_per_gmac", r.iou_per_gmac()},
       {"ms_per_image", r.ms_per_image},
       {"share", r.share}};
  if (r.iou_std) j["iou_std"] = *r.iou_std;
  if (r.tvd) j["tvd"] = *r.tvd;
  if (r.assignment_accuracy) j["assignment_accuracy"] = *r.assignment_accuracy;
  if (!r.note.empty()) j["note"] = r.note;
  if (r.ms_spread) j["ms_spread"] = *r.ms_spread;
}

template <class Json>
void to_json(Json& j, const Claim& c) {
  j = {{"text", c.text}, {"explanation", c.explanation}};
  if (c.reproduced) j["reproduced"] = *c.reproduced;
  if (c.paper) j["paper"] = *c.paper;
  if (c.measured) j["measured"] = *c.measured;
}

template <class Json>
void to_json(Json& j, const StageCost& s) {
  j = {{"stage", s.stage}, {"seconds", s.seconds}, {"memory", s.memory}, {"waited", s.waited}, {"busy", s.busy()}};
  if (s.steps > 0) j["steps"] = s.steps;
  if (s.planned > 0) j["planned_steps"] = s.planned;
}

/// The content of results.json. Numbers that are not finite are written as null, parts that a run does not have not at
/// all.
template <class Json>
void to_json(Json& j, const Results& r) {
  j = {{"title", r.title},
       {"preset", r.preset},
       {"seed", r.seed},
       {"command", r.command},
       {"data", r.data},
       {"iou_convention", r.iou_convention},
       {"mac_convention", r.mac_convention},
       {"models", r.models},
       {"rows", r.rows},
       {"parameters", r.parameters},
       {"kinds", r.kinds},
       {"assignment", r.assignment},
       {"cascade_thresholds", r.cascade_thresholds},
       {"claims", r.claims},
       {"stages", r.stages},
       {"settings", r.settings},
       {"environment", r.environment}};
  if (!r.time_convention.empty()) j["time_convention"] = r.time_convention;
  if (!r.classes.empty()) j["classes"] = r.classes;
  if (!r.class_tables.empty()) j["class_tables"] = r.class_tables;
  if (!r.images.empty()) j["images"] = r.images;
  if (!r.lambda_curve.empty()) j["lambda_curve"] = r.lambda_curve;
  if (!r.box_plots.empty()) j["box_plots"] = r.box_plots;
  if (!r.tables.empty()) j["tables"] = r.tables;
  if (!r.charts.empty()) j["charts"] = r.charts;
  if (!r.advice.empty()) j["advice"] = r.advice;
  if (!r.findings.empty()) j["findings"] = r.findings;
  if (!r.left_out.empty()) j["left_out"] = r.left_out;
}

template <class Json>
void from_json(const Json& j, MemoryPeak& m) {
  detail::read_count(j, "process_bytes", m.process);
  detail::read_count(j, "tensor_bytes", m.tensors);
  m.of_stage = true;
  detail::read_part(j, "of_stage", m.of_stage);
}

template <class Json>
void from_json(const Json& j, Row& r) {
  detail::read_field(j, "model", r.model);
  detail::read_part(j, "kind", r.kind);
  r.iou = detail::share_or_nan(j, "iou");
  r.gmac = detail::amount_or_nan(j, "gmac");
  r.ms_per_image = detail::amount_or_nan(j, "ms_per_image");
  detail::read_shares(j, "share", r.share);
  detail::read_optional_number(j, "iou_std", r.iou_std, detail::any_share);
  detail::read_optional_number(j, "tvd", r.tvd, detail::any_share);
  detail::read_optional_number(j, "assignment_accuracy", r.assignment_accuracy, detail::any_share);
  detail::read_part(j, "note", r.note);
  detail::read_optional(j, "ms_spread", r.ms_spread);
}

template <class Json>
void from_json(const Json& j, Claim& c) {
  detail::read_field(j, "text", c.text);
  detail::read_optional(j, "reproduced", c.reproduced);
  detail::read_part(j, "explanation", c.explanation);
  detail::read_optional_number(j, "paper", c.paper, detail::any_number);
  detail::read_optional_number(j, "measured", c.measured, detail::any_number);
}

template <class Json>
void from_json(const Json& j, StageCost& s) {
  detail::read_field(j, "stage", s.stage);
  s.seconds = detail::amount_or_nan(j, "seconds");
  detail::read_field(j, "memory", s.memory);
  if (j.contains("steps")) detail::read_count(j, "steps", s.steps);
  if (j.contains("planned_steps")) detail::read_count(j, "planned_steps", s.planned);
  if (j.contains("waited")) s.waited = detail::amount_or_nan(j, "waited");
}

/// Reads what to_json wrote. Throws FormatError that names the field on anything else.
template <class Json>
void from_json(const Json& j, Results& r) {
  detail::read_part(j, "title", r.title);
  detail::read_field(j, "preset", r.preset);
  detail::read_count(j, "seed", r.seed);
  detail::read_part(j, "command", r.command);
  detail::read_part(j, "data", r.data);
  detail::read_part(j, "iou_convention", r.iou_convention);
  detail::read_part(j, "mac_convention", r.mac_convention);
  detail::read_part(j, "time_convention", r.time_convention);
  detail::read_field(j, "models", r.models);
  detail::read_field(j, "rows", r.rows);
  detail::read_named(j, "parameters", r.parameters, &detail::read_count<Json, std::int64_t>);
  detail::read_field(j, "kinds", r.kinds);
  detail::read_named(j, "assignment", r.assignment, [](const Json& all, const char* name, AssignmentMatrix& matrix) {
    detail::read_table(all, name, matrix,
                       [](const Json& value) { return detail::known_number(value, detail::any_amount); });
  });
  // Below 0 too: the search for them begins a deviation below the mean entropy.
  detail::read_named(j, "cascade_thresholds", r.cascade_thresholds,
                     [](const Json& all, const char* name, double& value) { detail::read_number(all, name, value); });
  detail::read_field(j, "claims", r.claims);
  detail::read_field(j, "stages", r.stages);
  detail::read_part(j, "classes", r.classes);
  detail::read_part(j, "class_tables", r.class_tables);
  detail::read_part(j, "images", r.images);
  detail::read_part(j, "lambda_curve", r.lambda_curve);
  detail::read_part(j, "box_plots", r.box_plots);
  detail::read_part(j, "tables", r.tables);
  detail::read_part(j, "charts", r.charts);
  detail::read_part(j, "advice", r.advice);
  detail::read_part(j, "findings", r.findings);
  detail::read_part(j, "left_out", r.left_out);
  for (const auto& [key, part] : {std::pair{"settings", &r.settings}, {"environment", &r.environment}}) {
    *part = j.value(key, Json::object());
    check<FormatError>(part->is_object(), message("'", key, "'").c_str(), "expected an object, got ",
                       part->type_name());
  }
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
