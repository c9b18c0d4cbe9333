#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/core/finite.hpp"
#include "paser/core/registry.hpp"
#include "paser/io/config.hpp"
#include "paser/models/registry.hpp"
#include "paser/ops/patch_statistics.hpp"
#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/routing/patch_policy.hpp"
#include "paser/pipeline/simple_policies.hpp"

/// Estimators and policies by the names that files give them.
namespace paser::pipeline {

/// What a policy is made for.
struct PolicyShape {
  data::PatchGrid grid;
  Index models = 0;
  /// How many numbers a file holds for it, beyond which a maker refuses to allocate; none: it is not from a file.
  std::optional<Index> stored{};
  Index classes = 0;  ///< of the images; 0: not known
};

/// How a policy is made from its settings, a JSON text. To make one of one's own known to every program that includes
/// its header:
///   inline const bool known = PolicyRegistry<float>::instance().add("mine", [](const std::string& json,
///       const PolicyShape& shape, Key key) { return Policy<float>(Mine(...)); });
template <class T>
using PolicyMaker = Policy<T> (*)(const std::string& json, const PolicyShape& shape, Key key);
/// The policies that files and programs know by name.
template <class T>
using PolicyRegistry = Registry<PolicyMaker<T>>;

/// The same for an estimator. stored: as PolicyShape::stored.
template <class T>
using EstimatorMaker = uncertainty::Estimator<T> (*)(const std::string& json, std::optional<Index> stored);
/// The estimators that files and programs know by name.
template <class T>
using EstimatorRegistry = Registry<EstimatorMaker<T>>;

namespace detail {

template <class T>
uncertainty::Estimator<T> make_mc_dropout(const std::string& json, std::optional<Index>) {
  auto settings = io::ConfigReader::from_text(json, "estimator 'mc_dropout'");
  uncertainty::McDropout estimator;
  settings.require("samples", estimator.samples);
  settings.finish();
  check<FormatError>(estimator.samples >= 1 && estimator.samples <= 10'000, "estimator 'mc_dropout'", "it makes ",
                     estimator.samples, " samples, expected 1 .. 10000");
  return estimator;
}

template <class T>
uncertainty::Estimator<T> make_softmax_entropy(const std::string& json, std::optional<Index>) {
  io::ConfigReader::from_text(json, "estimator 'softmax_entropy'").finish();
  return uncertainty::SoftmaxEntropy{};
}

template <class T>
uncertainty::Estimator<T> make_ensemble(const std::string& json, std::optional<Index> stored) {
  auto settings = io::ConfigReader::from_text(json, "estimator 'ensemble'");
  std::vector<TypedSpec> members;
  settings.require("members", members);
  settings.finish();
  Index parameters = 0;
  for (const TypedSpec& member : members) parameters += models::model_parameters<T>(member);
  check<FormatError>(!stored || *stored >= parameters, "estimator 'ensemble'", "there are ", stored.value_or(0),
                     " numbers for its members, which have at least ", parameters);
  uncertainty::Ensemble<T> ensemble;
  for (const TypedSpec& member : members) ensemble.members.push_back(models::make_segmenter<T>(member, Key{}));
  return ensemble;
}

inline RouteChoice route_choice_of(const std::string& choice, const char* where) {
  check<FormatError>(choice == "most_probable" || choice == "sampled", where, "the choice is '", choice,
                     "', expected 'most_probable' or 'sampled'");
  return choice == "sampled" ? RouteChoice::sampled : RouteChoice::most_probable;
}

template <class T>
Policy<T> make_net_policy(const std::string& json, const PolicyShape& shape, Key key) {
  auto settings = io::ConfigReader::from_text(json, "policy 'net'");
  std::array<Index, 2> windows{1, 1};
  std::string choice = "most_probable";
  settings.read("windows", windows);
  settings.read("choice", choice);
  settings.finish();
  const RouteChoice route = route_choice_of(choice, "policy 'net'");
  check<FormatError>(
      windows == std::array<Index, 2>{1, 1} || windows == std::array<Index, 2>{shape.grid.rows, shape.grid.columns},
      "policy 'net'", "it reads ", windows[0], " x ", windows[1], " windows, expected 1 x 1 or the ", shape.grid.rows,
      " x ", shape.grid.columns, " patches");
  const Index actions = shape.grid.patches() * shape.models,
              parameters = models::policy_parameters(actions, windows[0] * windows[1]);
  check<FormatError>(!shape.stored || *shape.stored >= parameters, "policy 'net'", "there are ",
                     shape.stored.value_or(0), " numbers for it, one for ", actions,
                     " actions (patches x networks) has ", parameters);
  return NetPolicy<T>{models::PolicyNet<T>(actions, key, windows), route};
}

template <class T>
Policy<T> make_constant(const std::string& json, const PolicyShape& shape, Key) {
  auto settings = io::ConfigReader::from_text(json, "policy 'constant'");
  Constant policy;
  settings.require("model", policy.model);
  settings.finish();
  check<FormatError>(policy.model >= 0 && policy.model < shape.models, "policy 'constant'", "it names model ",
                     policy.model, ", there are ", shape.models);
  return policy;
}

template <class T>
Policy<T> make_random(const std::string& json, const PolicyShape&, Key) {
  io::ConfigReader::from_text(json, "policy 'random'").finish();
  return Random{};
}

template <class T>
Policy<T> make_entropy_threshold(const std::string& json, const PolicyShape& shape, Key) {
  auto settings = io::ConfigReader::from_text(json, "policy 'entropy_threshold'");
  EntropyThreshold policy;
  settings.require("thresholds", policy.thresholds);
  settings.finish();
  check<FormatError>(static_cast<Index>(policy.thresholds.size()) + 1 == shape.models, "policy 'entropy_threshold'",
                     "it has ", policy.thresholds.size(), " thresholds, expected one less than the ", shape.models,
                     " models");
  return policy;
}

/// The head and the prices of a router that judges patches by their statistics.
template <class T>
std::pair<PatchHead<T>, PatchPrices> read_patch_router(io::ConfigReader& settings, const char* where,
                                                       const PolicyShape& shape, Index outputs, Key key) {
  Index features = 0, width = 0;
  PatchPrices prices;
  settings.require("features", features);
  settings.require("width", width);
  settings.require("price", prices.price);
  settings.require("costs", prices.costs);
  constexpr Index most = 1 << 20;
  check<FormatError>(features >= 1 && features <= most && width >= 1 && width <= most, where, "a head of ", features,
                     " features and width ", width, ", expected 1 .. ", most);
  check<FormatError>(is_finite(prices.price), where, "the price is ", prices.price);
  check<FormatError>(static_cast<Index>(prices.costs.size()) == shape.models && prices.costs[0] == 0, where, "it has ",
                     prices.costs.size(), " costs, expected one for each of the ", shape.models,
                     " models, the first of them 0");
  for (const double cost : prices.costs)
    check<FormatError>(is_finite(cost) && cost >= 0, where, "a cost is ", cost, ", expected 0 or more");
  const Index expected = patch_statistics_size(shape.classes);
  check<FormatError>(shape.classes == 0 || features == expected, where, "it reads ", features,
                     " statistics of a patch, images of ", shape.classes, " classes have ", expected);
  const Index numbers = patch_head_numbers(features, width, outputs);
  check<FormatError>(!shape.stored || *shape.stored >= numbers, where, "there are ", shape.stored.value_or(0),
                     " numbers for it, a head of ", features, " features and width ", width, " has ", numbers);
  return {PatchHead<T>(features, width, outputs, key), std::move(prices)};
}

template <class T>
Policy<T> make_gain_router(const std::string& json, const PolicyShape& shape, Key key) {
  auto settings = io::ConfigReader::from_text(json, "policy 'gain_router'");
  auto [head, prices] = read_patch_router<T>(settings, "policy 'gain_router'", shape, shape.models - 1, key);
  settings.finish();
  return GainRouter<T>{std::move(head), std::move(prices), shape.grid.patches()};
}

template <class T>
Policy<T> make_patch_policy(const std::string& json, const PolicyShape& shape, Key key) {
  auto settings = io::ConfigReader::from_text(json, "policy 'patch_policy'");
  auto [head, prices] = read_patch_router<T>(settings, "policy 'patch_policy'", shape, shape.models, key);
  PatchPolicy<T> policy{.head = std::move(head), .prices = std::move(prices), .patches = shape.grid.patches()};
  std::string choice = "most_probable";
  settings.read("temperature", policy.temperature);
  settings.read("choice", choice);
  settings.finish();
  check<FormatError>(policy.temperature > 0 && is_finite(policy.temperature), "policy 'patch_policy'",
                     "the temperature is ", policy.temperature, ", expected a positive number");
  policy.choice = route_choice_of(choice, "policy 'patch_policy'");
  return policy;
}

/// Makes the library's own parts known, once.
template <class T>
void register_parts() {
  auto& estimators = EstimatorRegistry<T>::instance();
  auto& policies = PolicyRegistry<T>::instance();
  static const bool registered =
      estimators.add("mc_dropout", make_mc_dropout<T>) && estimators.add("softmax_entropy", make_softmax_entropy<T>) &&
      estimators.add("ensemble", make_ensemble<T>) && policies.add("net", make_net_policy<T>) &&
      policies.add("gain_router", make_gain_router<T>) && policies.add("patch_policy", make_patch_policy<T>) &&
      policies.add("constant", make_constant<T>) && policies.add("random", make_random<T>) &&
      policies.add("entropy_threshold", make_entropy_threshold<T>);
  static_cast<void>(registered);
}

inline constexpr const char* own_part_hint =
    "; a type of one's own is known once the program includes what registers it";

}  // namespace detail

/// The policy of this specification, its weights fresh from `key`. Throws FormatError when the type is not known, or
/// the settings do not fit it or the shape.
template <class T>
Policy<T> make_policy(const TypedSpec& spec, const PolicyShape& shape, Key key) {
  detail::register_parts<T>();
  return PolicyRegistry<T>::instance().find("policy", spec.type, detail::own_part_hint)(spec.json, shape, key);
}

/// The estimator of this specification; weights that it has are to be loaded. Throws as make_policy.
template <class T>
uncertainty::Estimator<T> make_estimator(const TypedSpec& spec, std::optional<Index> stored = {}) {
  detail::register_parts<T>();
  return EstimatorRegistry<T>::instance().find("estimator", spec.type, detail::own_part_hint)(spec.json, stored);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
