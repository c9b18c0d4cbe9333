#pragma once
#include "paser/core/macros_off.inc"

#include <unsupported/Eigen/SpecialFunctions>

/// \file
/// Not part of the umbrella metrics.hpp: the functions behind it take long to compile and few programs need them.
namespace paser::metrics::detail {

/// The regularised incomplete beta function I_x(a, b): the integral of t^(a-1) (1-t)^(b-1) over 0 .. x, as a share of
/// the one over 0 .. 1. a, b > 0; x in [0,1]; NaN outside.
inline double incomplete_beta(double a, double b, double x) {
  return Eigen::numext::betainc(a, b, x);
}

}  // namespace paser::metrics::detail
#include "paser/core/macros_on.inc"
