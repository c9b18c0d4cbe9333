#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/finite.hpp"
#include "paser/core/tensor.hpp"
#include "paser/kernels/entropy.hpp"

namespace paser {

/// The epsilon of float32, by which PyTorch's Categorical keeps probabilities from 0 and 1 before the logarithm.
inline constexpr double probability_epsilon = 0x1p-23;

/// Entropy in nats of every pixel's distribution, in [0, ln K] and never -0:
///   - sum of q log(clamp(q, epsilon, 1 - epsilon)),  q = p / sum of p.
/// probabilities: (N, H, W, K) -> (N, H, W). A class of probability 0 adds nothing. With the default epsilon, that of
/// the paper's code, a certain pixel has entropy 1.2e-7; with epsilon 0 it has entropy 0. NaN stays NaN. Throws
/// ValueError unless epsilon lies in 0 .. 0.5, ShapeError without a class.
template <class T>
Tensor<T, 3> entropy(const Tensor<T, 4>& probabilities, double epsilon = probability_epsilon) {
  const Shape<4>& s = probabilities.shape();
  check(s.c() >= 1, "entropy", "no classes in probabilities ", s);
  check<ValueError>(is_finite(epsilon) && epsilon >= 0 && epsilon < 0.5, "entropy",
                    "the least probability, epsilon, is ", value_text(epsilon),
                    ", expected a number from 0 to below 0.5");
  Tensor<T, 3> result({s.n(), s.h(), s.w()});
  kernels::entropy(result.numel(), s.c(), probabilities.data(), epsilon, result.mutable_data());
  return result;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
