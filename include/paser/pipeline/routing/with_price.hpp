#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <optional>

#include "paser/core/finite.hpp"
#include "paser/pipeline/routing/gain_router.hpp"
#include "paser/pipeline/routing/patch_policy.hpp"

/// Policies that weigh what a patch gains against what it costs, at another price.
namespace paser::pipeline {

/// The price of a policy; none when it has no price.
template <class T>
std::optional<double> price_of(const Policy<T>& policy) {
  if (const auto* router = policy.template as<GainRouter<T>>()) return router->prices.price;
  if (const auto* router = policy.template as<PatchPolicy<T>>()) return router->prices.price;
  return {};
}

/// The policy at this price. Throws ValueError when it has no price, or the price is no number.
template <class T>
Policy<T> with_price(const Policy<T>& policy, double price) {
  check<ValueError>(is_finite(price), "with_price", "the price is ", price, ", expected a finite number");
  Policy<T> priced = policy;
  if (auto* router = priced.template as<GainRouter<T>>()) {
    router->prices.price = price;
  } else if (auto* other = priced.template as<PatchPolicy<T>>()) {
    other->prices.price = price;
  } else {
    throw ValueError("with_price: a policy of type '" + policy.spec().type + "' has no price");
  }
  return priced;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
