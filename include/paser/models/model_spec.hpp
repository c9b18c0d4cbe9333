#pragma once
#include "paser/core/macros_off.inc"

#include <string>

#include "paser/core/text.hpp"
#include "paser/core/typed_spec.hpp"

namespace paser::models {

/// What a network is made from: a name that the registry knows (see registry.hpp), and its settings.
using ModelSpec = TypedSpec;

/// [1,2.5]
template <class Numbers>
std::string json_array(const Numbers& numbers) {
  std::string text;
  for (const auto x : numbers) text += (text.empty() ? "" : ",") + exact_number(static_cast<double>(x));
  return "[" + text + "]";
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
