#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/core/random.hpp"

namespace paser::nn::init {

/// Uniform in +-1/sqrt(fan_in): the default of torch.nn.Conv2d and torch.nn.Linear for weight and bias
/// (Kaiming uniform with a = sqrt(5)).
template <class T, int Rank>
Tensor<T, Rank> fan_in_uniform(Key key, const Shape<Rank>& shape, Index fan_in) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  return uniform<T>(key, shape, -bound, bound);
}

/// Normal with variance 2 / fan_out (He et al. 2015; torch.nn.init.kaiming_normal_ with mode = fan_out, ReLU).
template <class T, int Rank>
Tensor<T, Rank> he_normal_fan_out(Key key, const Shape<Rank>& shape, Index fan_out) {
  return normal<T>(key, shape, 0, std::sqrt(2 / static_cast<double>(fan_out)));
}

}  // namespace paser::nn::init
#include "paser/core/macros_on.inc"
