#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/core/finite.hpp"
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

/// Normal, but for what lies outside of low .. high, which is drawn again (torch.nn.init.trunc_normal_, whose bounds
/// are absolute too). Throws ValueError unless mean and deviation are finite, the mean lies between the bounds and
/// these are at least a quarter of the deviation apart.
template <class T, int Rank>
Tensor<T, Rank> truncated_normal(Key key, const Shape<Rank>& shape, double mean, double deviation, double low = -2,
                                 double high = 2) {
  check<ValueError>(
      is_finite(mean) && is_finite_from_0(deviation) && !is_nan(low) && !is_nan(high) && low <= mean && mean <= high &&
          high - low >= deviation / 4,
      "truncated_normal",
      "expected a finite mean between the bounds, a finite deviation, and bounds not too close, got mean ",
      value_text(mean), ", deviation ", value_text(deviation), " and bounds ", value_text(low), " and ",
      value_text(high));
  Tensor<T, Rank> t(shape);
  T* const out = t.mutable_data();
  parallel_for(t.numel(), 1 << 12, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      std::uint64_t attempt = 0;
      double value = mean;
      do {
        value = mean + deviation * key.fold(attempt++).normal(static_cast<std::uint64_t>(i));
      } while (value < low || value > high);
      out[i] = static_cast<T>(value);
    }
  });
  return t;
}

}  // namespace paser::nn::init
#include "paser/core/macros_on.inc"
