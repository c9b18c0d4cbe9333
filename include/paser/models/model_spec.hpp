#pragma once
#include "paser/core/macros_off.inc"

#include <string>

#include "paser/core/error.hpp"
#include "paser/core/text.hpp"
#include "paser/core/typed_spec.hpp"

namespace paser::models {

/// What a network is made from: a name that the registry knows (see registry.hpp), and its settings.
using ModelSpec = TypedSpec;

/// Networks within each other that a description may have: each is a setting "model" of the one around it.
inline constexpr int most_wrappers = 8;

/// The networks that wrap another in a description. Json: nlohmann::json.
template <class Json>
int wrappers_in(const ModelSpec& spec) {
  const Json settings = Json::parse(spec.json, nullptr, false);
  int count = 0;
  for (const Json* s = &settings; s->is_object() && s->contains("model"); ++count) {
    const Json& inside = (*s)["model"];
    if (!inside.is_object() || !inside.contains("spec")) return count + 1;
    s = &inside["spec"];
  }
  return count;
}

/// Throws E, which starts with `origin`, where a network is wrapped more often than most_wrappers.
template <class E, class Json>
void check_wrappers(const ModelSpec& spec, const std::string& origin) {
  const int count = wrappers_in<Json>(spec);
  check<E>(count <= most_wrappers, origin.c_str(), count, " networks are wrapped around another, expected at most ",
           most_wrappers);
}

/// [1,2.5]
template <class Numbers>
std::string json_array(const Numbers& numbers) {
  std::string text = "[";
  for (const auto x : numbers) {
    if (text.size() > 1) text += ',';
    text += exact_number(static_cast<double>(x));
  }
  text += ']';  // by parts: of a text put before another g++ 12 warns wrongly (-Wrestrict)
  return text;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
