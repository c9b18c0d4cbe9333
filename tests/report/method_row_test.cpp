#include "paser/report/method_row.hpp"

#include <catch2/catch.hpp>

using namespace paser;
using namespace paser::report;

TEST_CASE("the row of a method has what was measured") {
  pipeline::MethodEvaluation e;
  e.iou = 0.75;
  e.iou_std = 0.125;
  e.image_iou = {0.625, 0.875};
  e.gmac = 3;
  e.ms_per_image = 12;
  e.share = {0.25, 0.75};
  e.assignment = {{3, 1}, {2, 2}};
  const Row row = method_row("PaSeR", "paser", e, "lambda 0.5");
  CHECK(row.model == "PaSeR");
  CHECK(row.kind == "paser");
  CHECK(row.note == "lambda 0.5");
  CHECK(row.iou == 0.75);
  CHECK(row.iou_std == 0.125);
  CHECK(row.iou_per_gmac() == 0.25);
  CHECK(row.ms_per_image == 12);
  CHECK(row.share == e.share);
  CHECK(row.assignment_accuracy == 5.0 / 8);
  CHECK_FALSE(row.tvd.has_value());
}

TEST_CASE("the assignment counts only where there are kinds to be assigned and a choice among models") {
  pipeline::MethodEvaluation e;
  e.assignment = {{3, 1}, {2, 2}};
  CHECK_FALSE(method_row("f1", "single", e, "").assignment_accuracy.has_value());
  e.assignment = {{3, 1}};
  CHECK_FALSE(method_row("PaSeR", "paser", e, "").assignment_accuracy.has_value());
}
