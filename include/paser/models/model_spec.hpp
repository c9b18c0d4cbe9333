#pragma once

#include <array>
#include <charconv>
#include <string>
#include <vector>

#include "paser/core/error.hpp"

namespace paser::models {

/// What a network is made from: a name that the registry knows (see registry.hpp), and its settings as JSON.
struct ModelSpec {
  std::string type{};       ///< "unet"; empty when a network does not say
  std::string json = "{}";  ///< {"in":1,"classes":3,...}; text, so that a model's header brings no JSON library

  /// {"type":"unet","spec":{...}}: how a network stands in a file, and in the settings of what wraps it.
  std::string text() const { return "{\"type\":\"" + type + "\",\"spec\":" + json + "}"; }

  bool operator==(const ModelSpec&) const = default;
};

/// A number as JSON, with the fewest digits from which it is read back exactly.
inline std::string json_number(double x) {
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), x).ptr};
}

/// [1,2.5]
template <class Numbers>
std::string json_array(const Numbers& numbers) {
  std::string text;
  for (const auto x : numbers) text += (text.empty() ? "" : ",") + json_number(static_cast<double>(x));
  return "[" + text + "]";
}

/// {"type": ..., "spec": ...} for nlohmann::json. Throws ValueError when the settings are no JSON.
template <class Json>
void to_json(Json& j, const ModelSpec& spec) {
  auto settings = Json::parse(spec.json, nullptr, false);
  check<ValueError>(!settings.is_discarded(), "ModelSpec", "the settings of a '", spec.type,
                    "' are no JSON: ", spec.json);
  j = {{"type", spec.type}, {"spec", std::move(settings)}};
}
template <class Json>
void from_json(const Json& j, ModelSpec& spec) {
  j.at("type").get_to(spec.type);
  spec.json = j.at("spec").dump();
}

}  // namespace paser::models
