#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/init.hpp"
#include "paser/nn/visit.hpp"
#include "paser/ops/linear.hpp"

namespace paser::nn {

/// Affine map of the last axis: (..., in) -> (..., out). Initialised as torch.nn.Linear.
template <class T>
struct Linear {
  Parameter<T, 2> weight{{}, WeightKind::linear};  // in, out
  Parameter<T, 1> bias;                            // out

  /// Throws ShapeError unless both feature counts are positive.
  Linear(Index in, Index out, Key key) {
    check(in >= 1 && out >= 1, "Linear", "feature counts must be positive, got in ", in, ", out ", out);
    weight.value = init::fan_in_uniform<T>(key.fold(0), Shape{in, out}, in);
    bias.value = init::fan_in_uniform<T>(key.fold(1), Shape{out}, in);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }

  template <class Context, class Value>
  Value operator()(Context& ctx, const Value& x) const {
    return linear(x, ctx(weight), ctx(bias));
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
