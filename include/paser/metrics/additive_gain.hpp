#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/metrics/iou.hpp"

namespace paser::metrics {

/// Whose intersections and unions a patch's change is measured against.
enum class GainReference {
  image,  ///< those of the patch's own image: gains of its patches add up to the change of the image's mean IoU
  set     ///< those of all images together: gains of all patches add up to the change of the mean IoU of the set
};

namespace detail {

/// Classes that are nowhere in `base` (K, K), 0, or 1 over the number of parts in which `after`, (parts, K, K), has
/// them.
inline std::vector<double> shares_of_appearing(const Index* base, const Index* after, Index parts, Index classes) {
  std::vector<double> shares(static_cast<std::size_t>(classes), 0.0);
  for (Index k = 0; k < classes; ++k) {
    if (Overlap(base, classes, k).either > 0) continue;
    double count = 0;
    for (Index part = 0; part < parts; ++part)
      count += Overlap(after + part * classes * classes, classes, k).either > 0;
    shares[static_cast<std::size_t>(k)] = count > 0 ? 1 / count : 0;
  }
  return shares;
}

/// Change of the mean IoU of `base` (K, K), of which `before` is a part that becomes `after`; all counts (K, K).
/// To first order in the part, class by class: (dI - IoU dU) / U over the number of classes in `base`. Where a class
/// appears or vanishes there is no slope to follow, and the mean runs over one class more or less: the whole effect
/// counts, that of a class which appears in the share of this part.
inline double additive_gain(const Index* base, const Index* before, const Index* after,
                            const std::vector<double>& appearing, ClassMean mean) {
  const auto classes = static_cast<Index>(appearing.size());
  double change = 0, sum = 0, appears = 0;
  Index present = 0, vanishes = 0;
  for (Index k = 0; k < classes; ++k) {
    const Overlap all(base, classes, k), old(before, classes, k), now(after, classes, k);
    if (all.either == 0) {
      if (now.either > 0)
        appears += appearing[static_cast<std::size_t>(k)];  // none of its pixels is true: its IoU is 0
      continue;
    }
    ++present;
    sum += all.iou();
    const double both = static_cast<double>(now.both - old.both), either = static_cast<double>(now.either - old.either);
    if (all.either + now.either == old.either)
      ++vanishes;
    else
      change += (both - all.iou() * either) / static_cast<double>(all.either);
  }
  if (mean == ClassMean::all) return change / static_cast<double>(classes);
  if (present == 0) return 0;
  const double n = static_cast<double>(present), gone = static_cast<double>(vanishes);
  double gain = change / n - appears * sum / (n * (n + 1));
  if (vanishes > 0) gain += present > vanishes ? sum / (n - gone) - sum / n : -sum / n;
  return gain;
}

}  // namespace detail

/// What it is worth to replace one answer by another, patch by patch: the change of the mean IoU of the image or the
/// set when the counts of this patch become those of the other answer, to first order (see detail::additive_gain).
/// Gains add up over patches, which the IoU of single patches does not: a patch weighs as much
/// as its pixels do in the IoU that is reported. base, other: counts of both answers, (N, P, K, K) as patch_confusion
/// makes them -> (N, P). Throws ShapeError when their shapes differ or are not square.
inline Tensor<double, 2> additive_gain(const Confusion<4>& base, const Confusion<4>& other,
                                       GainReference reference = GainReference::set,
                                       ClassMean mean = ClassMean::present) {
  check_same_shape("additive_gain", base, other);
  detail::check_square("additive_gain", base);
  const Index images = base.shape()[0], patches = base.shape()[1], classes = base.shape()[2], cells = classes * classes;
  const Confusion<3> by_image = merge(base);
  const Confusion<2> whole = merge(by_image);
  Tensor<double, 2> gains({images, patches});
  double* out = gains.mutable_data();
  const bool of_set = reference == GainReference::set;
  std::vector<double> appearing;
  for (Index i = 0; i < images * patches; ++i) {
    const Index image = i / patches;
    const Index* const of = of_set ? whole.data() : by_image.data() + image * cells;
    if (i == 0 || (!of_set && i % patches == 0))
      appearing = detail::shares_of_appearing(of, other.data() + image * patches * cells,
                                              of_set ? images * patches : patches, classes);
    out[i] = detail::additive_gain(of, base.data() + i * cells, other.data() + i * cells, appearing, mean);
  }
  return gains;
}

/// What a set of images counts under one answer, for gains on a part of it.
struct GainBase {
  Confusion<2> counts{};  ///< (truth, prediction), over the whole set
  Index patches = 0;      ///< of the whole set
};

/// The same on some patches of a set, or on others like them: gains times the number of patches in the set, so that
/// their mean over patches is the change of the set's mean IoU. A class that the set does not have counts by its share
/// of these patches. Throws ShapeError when shapes differ or are not square, ValueError for a set without patches.
inline Tensor<double, 2> additive_gain(const GainBase& set, const Confusion<4>& base, const Confusion<4>& other,
                                       ClassMean mean = ClassMean::present) {
  check_same_shape("additive_gain", base, other);
  detail::check_square("additive_gain", base);
  const Index images = base.shape()[0], patches = base.shape()[1], classes = base.shape()[2], cells = classes * classes;
  check(set.counts.shape() == Shape<2>{classes, classes}, "additive_gain", "counts of the set ", set.counts.shape(),
        " and of its patches ", base.shape());
  check<ValueError>(set.patches > 0, "additive_gain", "a set of ", set.patches, " patches");
  const double all = static_cast<double>(set.patches);
  std::vector<double> appearing =
      detail::shares_of_appearing(set.counts.data(), other.data(), images * patches, classes);
  for (double& share : appearing) share *= static_cast<double>(images * patches) / all;
  Tensor<double, 2> gains({images, patches});
  double* out = gains.mutable_data();
  for (Index i = 0; i < images * patches; ++i)
    out[i] = all * detail::additive_gain(set.counts.data(), base.data() + i * cells, other.data() + i * cells,
                                         appearing, mean);
  return gains;
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
