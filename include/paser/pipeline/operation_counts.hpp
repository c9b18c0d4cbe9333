#pragma once

#include "paser/autograd/count_context.hpp"
#include "paser/pipeline/routers.hpp"

namespace paser::pipeline {

/// Multiply-accumulates of the parts of a run on one image, or window, of this shape, (1, height, width, channels): the
/// networks and the policy are run on shapes. Throws what the run would throw about shapes.
template <class T>
OperationCounts operation_counts(const Paser<T>& paser, const Shape<4>& image) {
  const auto macs = [](const Operations& operations) { return static_cast<double>(operations.total()); };
  const Shape<4> patch{image.n(), paser.grid.height_of(image.h()), paser.grid.width_of(image.w()), image.c()};
  OperationCounts counts;
  counts.small = macs(paser.models.at(0).count(image));
  counts.patch.push_back(0);
  for (std::size_t k = 1; k < paser.models.size(); ++k) counts.patch.push_back(macs(paser.models[k].count(patch)));
  const Shape<4> state{image.n(), image.h(), image.w(), models::PolicyNet<T>::inputs};
  counts.policy = macs(count_operations<T>(paser.policy, state));
  return counts;
}

}  // namespace paser::pipeline
