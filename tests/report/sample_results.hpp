#pragma once

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
