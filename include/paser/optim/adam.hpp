#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/core/finite.hpp"
#include "paser/kernels/optimizer.hpp"
#include "paser/optim/optimizer.hpp"

namespace paser::optim {

/// Defaults are those of torch.optim.Adam.
struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  ///< Adam: L2, added to the gradient
};

/// Defaults are those of torch.optim.AdamW.
struct AdamWOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;  ///< decoupled: a value first shrinks by the factor 1 - learning_rate * weight_decay
};

namespace detail {

template <class T, class O, bool decoupled>
struct AdamRule {
  using Options = O;
  Options options;

  static std::vector<const char*> slots() { return {"exp_avg", "exp_avg_sq"}; }

  void check_options() const {
    const auto& o = options;
    check<ValueError>(is_finite_from_0(o.learning_rate) && is_finite_from_0(o.eps) && is_finite_from_0(o.weight_decay),
                      "Adam", "learning_rate, eps and weight_decay must be finite and not negative, got ",
                      value_text(o.learning_rate), ", ", value_text(o.eps), ", ", value_text(o.weight_decay));
    check<ValueError>(is_finite_from_0(o.beta1) && o.beta1 < 1 && is_finite_from_0(o.beta2) && o.beta2 < 1, "Adam",
                      "beta1 and beta2 must lie in [0,1), got ", value_text(o.beta1), " and ", value_text(o.beta2));
  }

  void update(Index n, double count, const T* gradient, T* value, T* const* slot) const {
    const auto& o = options;
    const kernels::AdamStep<T> step{.beta1 = static_cast<T>(o.beta1),
                                    .rest1 = static_cast<T>(1 - o.beta1),
                                    .beta2 = static_cast<T>(o.beta2),
                                    .rest2 = static_cast<T>(1 - o.beta2),
                                    .step_size = static_cast<T>(o.learning_rate / (1 - std::pow(o.beta1, count))),
                                    .inverse_correction2 = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta2, count))),
                                    .eps = static_cast<T>(o.eps),
                                    .l2 = static_cast<T>(decoupled ? 0 : o.weight_decay),
                                    .keep = static_cast<T>(decoupled ? 1 - o.learning_rate * o.weight_decay : 1)};
    kernels::adam(n, step, gradient, value, slot[0], slot[1]);
  }
};

}  // namespace detail

/// Adam (Kingma & Ba 2015) with the operations of torch.optim.Adam.
template <class T = float>
using Adam = Optimizer<T, detail::AdamRule<T, AdamOptions, false>>;

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019), torch.optim.AdamW.
template <class T = float>
using AdamW = Optimizer<T, detail::AdamRule<T, AdamWOptions, true>>;

}  // namespace paser::optim
#include "paser/core/macros_on.inc"
