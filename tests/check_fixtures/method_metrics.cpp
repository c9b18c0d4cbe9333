#include <cmath>

#include "families.hpp"
#include "paser/data/patches.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/metrics/total_variation.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::metrics::ClassMean;

void check_jaccard(Case& c) {
  const Index classes = c.integer("num_classes");
  const auto counts = paser::metrics::confusion(c.labels("pred"), c.labels("target"), classes);
  c.expect("confmat", counts);
  std::vector<double> present;
  for (Index k = 0; k < classes; ++k) {
    Index occurrences = 0;
    for (Index j = 0; j < classes; ++j) occurrences += counts(k, j) + counts(j, k);
    present.push_back(occurrences > 0 ? 1 : 0);
  }
  c.expect_numbers("class_present", present);
  std::vector<double> per_class = paser::metrics::class_iou(counts);
  for (double& iou : per_class)
    if (std::isnan(iou)) iou = 0;  // torchmetrics' number for a class that is nowhere
  c.expect_numbers("iou_per_class", per_class);
  c.expect_number("macro_present", paser::metrics::mean_iou(counts, ClassMean::present));
  c.expect_number("macro_all", paser::metrics::mean_iou(counts, ClassMean::all));
  c.expect_number("accuracy_micro", paser::metrics::pixel_accuracy(counts));
}

void check_jaccard_patches(Case& c) {
  const paser::data::PatchGrid grid{c.integer("patches_vertical"), c.integer("patches_horizontal")};
  const Index classes = c.integer("num_classes");
  const auto prediction = c.labels("pred"), target = c.labels("target");
  const auto images = paser::metrics::image_confusion(prediction, target, classes);
  for (const auto& [name, mean] : {std::pair{"present", ClassMean::present}, {"all", ClassMean::all}}) {
    c.expect(std::string("patch_macro_") + name, paser::metrics::patch_iou(prediction, target, classes, grid, mean));
    c.expect(std::string("image_macro_") + name, paser::metrics::mean_iou(images, mean));
  }
}

void check_tvd(Case& c) {
  const auto p = c.tensor<3>("p"), q = c.tensor<3>("q");
  c.expect("per_patch", paser::metrics::total_variation(p, q));
  c.expect_number("mean_of_tvd", paser::metrics::mean_total_variation(p, q));
  c.expect_number("tvd_of_mean", paser::metrics::total_variation_of_means(p, q));
}

}  // namespace

void add_metrics(Registry& checks) {
  checks["jaccard"] = check_jaccard;
  checks["jaccard_patches"] = check_jaccard_patches;
  checks["tvd"] = check_tvd;
}

}  // namespace fixtures
