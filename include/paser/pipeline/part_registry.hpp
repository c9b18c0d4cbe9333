#pragma once

#include <nlohmann/json.hpp>

#include "paser/core/registry.hpp"
#include "paser/models/registry.hpp"
#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/simple_policies.hpp"

/// Estimators and policies by the names that files give them.
namespace paser::pipeline {

/// What a policy is made for.
struct PolicyShape {
  data::PatchGrid grid;
  Index models = 0;
  /// How many numbers a file holds for it, beyond which a maker refuses to allocate; none: it is not from a file.
  std::optional<Index> stored{};
};

/// To make a policy of one's own known to every program that includes its header:
///   inline const bool known = PolicyRegistry<float>::instance().add("mine", [](const std::string& json,
///       const PolicyShape& shape, const Key& key) { return Policy<float>(Mine(...)); });
template <class T>
using PolicyRegistry = Registry<Policy<T>, PolicyShape, Key>;
template <class T>
using EstimatorRegistry = Registry<uncertainty::Estimator<T>>;

namespace detail {

/// The JSON object of a specification, of which every key must be one of these. `what` names the part in errors. Throws
/// FormatError.
inline nlohmann::json settings_of(const std::string& what, const std::string& text,
                                  const std::vector<std::string>& known) {
  auto j = nlohmann::json::parse(text, nullptr, false);
  check<FormatError>(j.is_object(), what.c_str(), "the settings are ", text, ", expected a JSON object");
  for (const auto& item : j.items())
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      throw FormatError(what + ": " + unknown_name("setting", item.key(), known));
  return j;
}

/// A setting; one that is missing has a default. Throws FormatError when it is of another kind.
template <class Value>
Value setting(const std::string& what, const nlohmann::json& settings, const char* name, const Value& otherwise) {
  if (!settings.contains(name)) return otherwise;
  try {
    return settings.at(name).get<Value>();
  } catch (const nlohmann::json::exception&) {
    throw FormatError(message(what, ": the setting '", name, "' is ", settings.at(name).dump(),
                              ", expected a value such as ", nlohmann::json(otherwise).dump()));
  }
}

template <class T>
Policy<T> make_net_policy(const std::string& json, const PolicyShape& shape, Key key) {
  const auto settings = settings_of("policy 'net'", json, {"windows", "choice"});
  const auto windows = setting("policy 'net'", settings, "windows", std::array<Index, 2>{1, 1});
  const auto choice = setting("policy 'net'", settings, "choice", std::string("most_probable"));
  check<FormatError>(choice == "most_probable" || choice == "sampled", "policy 'net'", "the choice is '", choice,
                     "', expected 'most_probable' or 'sampled'");
  check<FormatError>(
      windows == std::array<Index, 2>{1, 1} || windows == std::array<Index, 2>{shape.grid.rows, shape.grid.columns},
      "policy 'net'", "it reads ", windows[0], " x ", windows[1], " windows, expected 1 x 1 or the ", shape.grid.rows,
      " x ", shape.grid.columns, " patches");
  const Index actions = shape.grid.patches() * shape.models,
              parameters = models::policy_parameters(actions, windows[0] * windows[1]);
  check<FormatError>(!shape.stored || *shape.stored >= parameters, "policy 'net'", "there are ",
                     shape.stored.value_or(0), " numbers for it, one for ", actions,
                     " actions (patches x networks) has ", parameters);
  return NetPolicy<T>{models::PolicyNet<T>(actions, key, windows),
                      choice == "sampled" ? RouteChoice::sampled : RouteChoice::most_probable};
}

/// Makes the library's own parts known, once.
template <class T>
void register_parts() {
  static const bool registered = [] {
    auto& estimators = EstimatorRegistry<T>::instance();
    estimators.add("mc_dropout", [](const std::string& json) {
      const int samples =
          setting("estimator 'mc_dropout'", settings_of("estimator 'mc_dropout'", json, {"samples"}), "samples", 5);
      check<FormatError>(samples >= 1, "estimator 'mc_dropout'", "it makes ", samples, " samples, expected at least 1");
      return uncertainty::McDropout{samples};
    });
    estimators.add("softmax_entropy", [](const std::string& json) {
      settings_of("estimator 'softmax_entropy'", json, {});
      return uncertainty::SoftmaxEntropy{};
    });
    estimators.add("ensemble", [](const std::string& json) {
      const auto settings = settings_of("estimator 'ensemble'", json, {"members"});
      uncertainty::Ensemble<T> ensemble;
      for (const auto& member : setting("estimator 'ensemble'", settings, "members", std::vector<TypedSpec>{}))
        ensemble.members.push_back(models::make_segmenter<T>(member, Key{}));
      return ensemble;
    });
    auto& policies = PolicyRegistry<T>::instance();
    policies.add("net", make_net_policy<T>);
    policies.add("constant", [](const std::string& json, const PolicyShape& shape, const Key&) {
      const auto model =
          setting("policy 'constant'", settings_of("policy 'constant'", json, {"model"}), "model", std::int32_t{0});
      check<FormatError>(model >= 0 && model < shape.models, "policy 'constant'", "it names model ", model,
                         ", there are ", shape.models);
      return Constant{model};
    });
    policies.add("random", [](const std::string& json, const PolicyShape&, const Key&) {
      settings_of("policy 'random'", json, {});
      return Random{};
    });
    policies.add("entropy_threshold", [](const std::string& json, const PolicyShape& shape, const Key&) {
      const auto thresholds =
          setting("policy 'entropy_threshold'", settings_of("policy 'entropy_threshold'", json, {"thresholds"}),
                  "thresholds", Thresholds{});
      check<FormatError>(static_cast<Index>(thresholds.size()) + 1 == shape.models, "policy 'entropy_threshold'",
                         "it has ", thresholds.size(), " thresholds, expected one less than the ", shape.models,
                         " models");
      return EntropyThreshold{thresholds};
    });
    return true;
  }();
  static_cast<void>(registered);
}

}  // namespace detail

/// The policy of this specification, its weights fresh from `key`. Throws FormatError when the type is not known, or
/// the settings do not fit it or the shape.
template <class T>
Policy<T> make_policy(const TypedSpec& spec, const PolicyShape& shape, Key key) {
  detail::register_parts<T>();
  return PolicyRegistry<T>::instance().make("policy", spec, shape, key);
}

/// The estimator of this specification; weights that it has are to be loaded. Throws as make_policy.
template <class T>
uncertainty::Estimator<T> make_estimator(const TypedSpec& spec) {
  detail::register_parts<T>();
  return EstimatorRegistry<T>::instance().make("estimator", spec);
}

}  // namespace paser::pipeline
