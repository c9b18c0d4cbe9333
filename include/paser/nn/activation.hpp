#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/context.hpp"
#include "paser/ops/gelu.hpp"
#include "paser/ops/hardswish.hpp"
#include "paser/ops/log_softmax.hpp"
#include "paser/ops/relu.hpp"
#include "paser/ops/sigmoid.hpp"
#include "paser/ops/silu.hpp"
#include "paser/ops/softmax.hpp"

/// Activations as modules, for use in a Chain. Each applies the op of its name to a Tensor or Var of any rank.
namespace paser::nn {

namespace detail {
/// A module without parameters.
struct Stateless {
  template <class Self, class F>
  static void visit(Self&, F&&) {}
};
}  // namespace detail

/// max(x, 0).
struct Relu : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return relu(x);
  }
};
/// x times the normal distribution function of x.
struct Gelu : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return gelu(x);
  }
};
/// x times the logistic function of x.
struct Silu : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return silu(x);
  }
};
/// The logistic function.
struct Sigmoid : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return sigmoid(x);
  }
};
/// x times min(max(x + 3, 0), 6) / 6.
struct Hardswish : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return hardswish(x);
  }
};
/// Over the last axis.
struct Softmax : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return softmax(x);
  }
};
/// Over the last axis.
struct LogSoftmax : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return log_softmax(x);
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
