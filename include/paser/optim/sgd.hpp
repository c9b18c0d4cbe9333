#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/finite.hpp"
#include "paser/kernels/optimizer.hpp"
#include "paser/optim/optimizer.hpp"

namespace paser::optim {

/// Settings of stochastic gradient descent, as PyTorch's.
struct SgdOptions {
  double learning_rate = 1e-2;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;  ///< L2, added to the gradient
  bool nesterov = false;
};

namespace detail {

template <class T>
struct SgdRule {
  using Options = SgdOptions;
  Options options;

  std::vector<const char*> slots() const {
    return options.momentum != 0 ? std::vector<const char*>{"momentum_buffer"} : std::vector<const char*>{};
  }

  void check_options() const {
    const auto& o = options;
    check<ValueError>(
        is_finite_from_0(o.learning_rate) && is_finite_from_0(o.momentum) && is_finite_from_0(o.weight_decay), "Sgd",
        "learning_rate, momentum and weight_decay must be finite and not negative, got ", value_text(o.learning_rate),
        ", ", value_text(o.momentum), ", ", value_text(o.weight_decay));
    check<ValueError>(is_finite(o.dampening), "Sgd", "dampening must be finite, got ", value_text(o.dampening));
    check<ValueError>(!o.nesterov || (o.momentum > 0 && o.dampening == 0), "Sgd",
                      "Nesterov's form needs a momentum and no dampening");
  }

  void update(Index n, double count, const T* gradient, T* value, T* const* slot) const {
    const auto& o = options;
    const kernels::SgdStep<T> step{.learning_rate = static_cast<T>(o.learning_rate),
                                   .momentum = static_cast<T>(o.momentum),
                                   .rest = static_cast<T>(1 - o.dampening),
                                   .l2 = static_cast<T>(o.weight_decay),
                                   .nesterov = o.nesterov,
                                   .first = count == 1};
    kernels::sgd(n, step, gradient, value, slot[0]);
  }
};

}  // namespace detail

/// Stochastic gradient descent with the operations of torch.optim.SGD.
template <class T = float>
using Sgd = Optimizer<T, detail::SgdRule<T>>;

}  // namespace paser::optim
#include "paser/core/macros_on.inc"
