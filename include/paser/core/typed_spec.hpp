#pragma once
#include "paser/core/macros_off.inc"

#include <string>

#include "paser/core/error.hpp"

namespace paser {

/// What a file says about a replaceable part, a model, an estimator or a policy: the name under which a registry knows
/// its type, and its settings as the text of a JSON object. Text, so that a part's header brings no JSON library.
struct TypedSpec {
  std::string type{};  ///< empty: the part does not say what it is and cannot be made again from a file
  std::string json = "{}";

  /// {"type":"unet","spec":{...}}: how a part stands in a file, and in the settings of what wraps it.
  std::string text() const { return "{\"type\":\"" + type + "\",\"spec\":" + json + "}"; }

  bool operator==(const TypedSpec&) const = default;
};

/// {"type": ..., "spec": ...} for nlohmann::json. Throws ValueError when the settings are no JSON.
template <class Json>
void to_json(Json& j, const TypedSpec& spec) {
  auto settings = Json::parse(spec.json, nullptr, false);
  check<ValueError>(!settings.is_discarded(), "TypedSpec", "the settings of a '", spec.type,
                    "' are no JSON: ", spec.json);
  j = {{"type", spec.type}, {"spec", std::move(settings)}};
}
template <class Json>
void from_json(const Json& j, TypedSpec& spec) {
  j.at("type").get_to(spec.type);
  spec.json = j.at("spec").dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
