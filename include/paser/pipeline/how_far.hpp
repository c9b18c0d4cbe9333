#pragma once
#include "paser/core/macros_off.inc"

#include <functional>

#include "paser/core/shape.hpp"

namespace paser::pipeline {

/// Gets how far a computation is: first that 0 of `total` are done, then after every batch. It may throw to end the
/// computation. May be empty.
using HowFar = std::function<void(Index done, Index total)>;

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
