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

struct Relu : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return relu(x);
  }
};
struct Gelu : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return gelu(x);
  }
};
struct Silu : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return silu(x);
  }
};
struct Sigmoid : detail::Stateless {
  template <class Context, class Value>
  Value operator()(Context&, const Value& x) const {
    return sigmoid(x);
  }
};
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
