#pragma once
#include "paser/core/macros_off.inc"

#include "paser/metrics/additive_gain.hpp"
#include "paser/pipeline/routing_table.hpp"

namespace paser::pipeline {

/// What a router learns from: patches with their statistics and what each task model gains on them.
struct RouterExamples {
  Tensor<float, 2> statistics;  ///< (R, F), see uncertainty::patch_statistics
  Tensor<float, 2> gains;       ///< (R, M - 1): of model k + 1 over the coarse one, in IoU
  std::vector<Index> image;     ///< R: the image, or the file, that a patch is of; what is held out is held out whole

  Index size() const { return static_cast<Index>(image.size()); }
};

/// Additive gain of every task model on every patch, (N, P, M - 1), read off the table: see metrics::additive_gain.
inline Tensor<double, 3> true_gains(const RoutingTable& table, metrics::GainReference reference,
                                    metrics::ClassMean mean = metrics::ClassMean::present) {
  const Index experts = table.models() - 1;
  check<ValueError>(experts >= 1, "true_gains", "a table of ", table.models(), " models; expected at least two");
  Tensor<double, 3> gains({table.images, table.patches, experts});
  for (Index k = 0; k < experts; ++k) {
    const auto of_model =
        metrics::additive_gain(table.confusion[0], table.confusion[static_cast<std::size_t>(k + 1)], reference, mean);
    for (Index i = 0; i < of_model.numel(); ++i) gains.mutable_data()[i * experts + k] = of_model.data()[i];
  }
  return gains;
}

/// What every patch gains in its own mean IoU, (N, P, M - 1): the reward of the paper's Eq. 2. It does not add up to
/// the IoU that is reported, see metrics::additive_gain.
inline Tensor<double, 3> patch_iou_gains(const RoutingTable& table,
                                         metrics::ClassMean mean = metrics::ClassMean::present) {
  const Index experts = table.models() - 1;
  check<ValueError>(experts >= 1, "patch_iou_gains", "a table of ", table.models(), " models; expected at least two");
  const std::vector<double> coarse = patch_ious(table, 0, mean);
  Tensor<double, 3> gains({table.images, table.patches, experts});
  for (Index k = 0; k < experts; ++k) {
    const std::vector<double> iou = patch_ious(table, k + 1, mean);
    for (std::size_t i = 0; i < iou.size(); ++i)
      gains.mutable_data()[static_cast<Index>(i) * experts + k] = iou[i] - coarse[i];
  }
  return gains;
}

/// The patches of a table with their statistics as examples. gains: (N, P, M - 1); groups: of every image, those of one
/// group, such as the tiles of one file, count as one image; empty: each its own. Throws ShapeError when the table
/// holds no statistics or they do not fit.
inline RouterExamples router_examples(const RoutingTable& table, const Tensor<double, 3>& gains,
                                      const std::vector<Index>& groups = {}) {
  const Index rows = table.images * table.patches;
  check(table.statistics.numel() > 0 && table.statistics.shape()[0] == table.images &&
            table.statistics.shape()[1] == table.patches,
        "router_examples", "statistics ", table.statistics.shape(), " for ", table.images, " images of ", table.patches,
        " patches; expected a table with statistics");
  check(gains.shape()[0] == table.images && gains.shape()[1] == table.patches && gains.shape()[2] >= 1,
        "router_examples", "gains ", gains.shape(), " for ", table.images, " images of ", table.patches, " patches");
  RouterExamples examples{table.statistics.reshape(Shape<2>{rows, table.statistics.shape()[2]}),
                          Tensor<float, 2>({rows, gains.shape()[2]}),
                          {}};
  std::transform(gains.data(), gains.data() + gains.numel(), examples.gains.mutable_data(),
                 [](double g) { return static_cast<float>(g); });
  check(groups.empty() || static_cast<Index>(groups.size()) == table.images, "router_examples", "groups of ",
        groups.size(), " images, there are ", table.images);
  for (Index i = 0; i < rows; ++i) {
    const Index image = i / table.patches;
    examples.image.push_back(groups.empty() ? image : groups[static_cast<std::size_t>(image)]);
  }
  return examples;
}

/// The patches of these numbers alone.
inline RouterExamples subset(const RouterExamples& examples, std::span<const Index> rows) {
  RouterExamples part{gather_rows(examples.statistics, rows), gather_rows(examples.gains, rows), {}};
  for (const Index row : rows) part.image.push_back(examples.image.at(static_cast<std::size_t>(row)));
  return part;
}

/// Adds further examples, of other images. Throws ShapeError when they have other statistics or models.
inline void append(RouterExamples& examples, const RouterExamples& more) {
  if (examples.size() == 0) {
    examples = more;
    return;
  }
  check(examples.statistics.shape()[1] == more.statistics.shape()[1] &&
            examples.gains.shape()[1] == more.gains.shape()[1],
        "append", "examples of statistics ", more.statistics.shape(), " and gains ", more.gains.shape(), " beside ",
        examples.statistics.shape(), " and ", examples.gains.shape());
  const auto joined = [](const Tensor<float, 2>& a, const Tensor<float, 2>& b) {
    Tensor<float, 2> all({a.shape()[0] + b.shape()[0], a.shape()[1]});
    float* const out = std::copy_n(a.data(), a.numel(), all.mutable_data());
    std::copy_n(b.data(), b.numel(), out);
    return all;
  };
  const Index offset = *std::max_element(examples.image.begin(), examples.image.end()) + 1;
  examples.statistics = joined(examples.statistics, more.statistics);
  examples.gains = joined(examples.gains, more.gains);
  for (const Index image : more.image) examples.image.push_back(offset + image);
}

/// Several tables as one, image after image. Throws ShapeError when they differ in models, patches, classes or
/// statistics.
inline RoutingTable joined(const std::vector<RoutingTable>& tables) {
  check(!tables.empty(), "joined", "there is no table");
  RoutingTable all = tables[0];
  all.images = 0;
  for (const RoutingTable& t : tables) {
    check(t.models() == all.models() && t.patches == all.patches && t.classes == all.classes &&
              t.statistics.shape()[2] == all.statistics.shape()[2],
          "joined", "a table of ", t.models(), " models, ", t.patches, " patches and ", t.classes,
          " classes beside one of ", all.models(), ", ", all.patches, " and ", all.classes, ", or of other statistics");
    all.images += t.images;
  }
  const auto stacked = [&]<class T, int Rank>(const Tensor<T, Rank>&, const auto& of) {
    Shape<Rank> shape = of(tables[0]).shape();
    shape[0] = all.images;
    Tensor<T, Rank> whole(shape);
    T* out = whole.mutable_data();
    for (const RoutingTable& t : tables) out = std::copy_n(of(t).data(), of(t).numel(), out);
    return whole;
  };
  for (std::size_t k = 0; k < all.confusion.size(); ++k) {
    all.confusion[k] = stacked(
        all.confusion[k], [k](const RoutingTable& t) -> const auto& { return t.confusion[k]; });
    all.entropy[k].clear();
    for (const RoutingTable& t : tables)
      all.entropy[k].insert(all.entropy[k].end(), t.entropy[k].begin(), t.entropy[k].end());
  }
  if (all.statistics.numel() > 0)
    all.statistics = stacked(
        all.statistics, [](const RoutingTable& t) -> const auto& { return t.statistics; });
  return all;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
