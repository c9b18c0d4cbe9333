#pragma once

#include <vector>

#include "paser/report/results.hpp"

/// A small finished run with every optional part filled.
inline paser::report::Results sample_results() {
  using namespace paser::report;
  Results r;
  r.title = "PaSeR on noisy MNIST";
  r.preset = "demo";
  r.seed = 7;
  r.command = "train_noisy_mnist --preset demo";
  r.models = {"f1", "f2"};
  Row f1{.model = "f1", .kind = "single", .iou = 0.7012, .gmac = 0.0223, .ms_per_image = 0.41, .share = {1, 0}};
  f1.note = "one pass";
  Row paser{.model = "PaSeR (λ = 0)", .kind = "paser", .iou = 0.8432, .gmac = 0.2585, .share = {0.25, 0.75}};
  paser.iou_std = 0.05;
  paser.tvd = 0.0;
  paser.assignment_accuracy = 0.98;
  r.rows = {f1, paser};
  r.parameters = {{"f1", 16571}, {"f2", 1080595}, {"policy", 14736}};
  r.kinds = {"blur 1", "blur 2"};
  r.assignment["PaSeR (λ = 0)"] = {{9, 1}, {0, 10}};
  r.cascade_thresholds = {{"f1", 0.07}};
  r.claims = {{"PaSeR is above f1", 0.84, 0.8432, true, "0.7012 is f1's"}};
  r.stages = {{"pretrain f1", 187, {std::size_t{210} << 20, std::size_t{120} << 20, true}},
              {"policy", 9, {std::size_t{3} << 30, std::size_t{5} << 20, false}}};
  r.settings = {{"batch", 128}};
  r.environment = {{"library", "paser 0.1.0"}, {"cpu", "a machine"}, {"threads", 2}, {"date", "2026-01-31T12:00:00Z"}};
  return r;
}

/// The same run with the parts of a segmentation experiment; its second class occurs nowhere.
inline paser::report::Results segmentation_results() {
  using namespace paser;
  using namespace paser::report;
  Results r = sample_results();
  r.classes = {"pore", "binder"};
  r.class_tables["f1"] = class_table(metrics::Confusion<2>::from({2, 2}, std::vector<Index>{12, 0, 0, 0}));
  r.class_tables["PaSeR (λ = 0)"] = class_table(metrics::Confusion<2>::from({2, 2}, std::vector<Index>{9, 3, 0, 0}));
  ImageScore score;
  score.iou = 0.75;
  score.gmac = 2.5;
  score.share = {0.5, 0.5};
  r.images = {{"a,\"b\".png", {{"f1", ImageScore{0.1, 0.25, 3, {1, 0}}}, {"PaSeR (λ = 0)", score}}}, {"c.png", {}}};
  r.lambda_curve = {{"parameters", 0.5, 0.25, 3, 0.8, {0.5, 0.5}}, {"parameters", 1, 0, 0.5, 0.7, {1, 0}}};
  r.lambda_curve[1].cost = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> five{0.5, 0.6, 0.7, 2.0}, twenty{0.5, 0.55, 0.6, 0.65};
  r.box_plots = {
      {"Entropy", "nats", {{"T = 5", metrics::box_stats(five)}, {"T = 20", metrics::box_stats(twenty)}}, {}, ""}};
  r.box_plots[0].test = SignificanceTest{"paired t-test", 1.5, 3, 0.23};
  r.tables = {{"Salt and pepper", "1 % of the pixels", {"method", "loss %"}, {{"f1", "3.1"}, {"f2", "1.0"}}}};
  r.charts = {{"Quality against time",
               "up and left is better",
               "ms",
               "IoU",
               {{"f1", 1, 0.5}, {"f2", 4, std::numeric_limits<double>::quiet_NaN()}},
               {{"router", {1, 2, 4}, {0.5, 0.7, 0.75}}, {"random mixes", {1, 4}, {0.5, 0.75}, true}}}};
  r.advice = "use f1";
  r.findings = {"routing pays"};
  return r;
}
