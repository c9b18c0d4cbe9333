#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/count_context.hpp"

namespace paser::metrics {

/// count_operations(model, shape): the multiply-accumulates of a run of any model, by kind of op.
using paser::count_operations;
using paser::Operations;

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
