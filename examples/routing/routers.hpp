#pragma once

#include "paser/pipeline/routing/fit_router.hpp"
#include "paser/pipeline/routing/routing_curve.hpp"
#include "paser/pipeline/routing/with_price.hpp"
#include "routing/experiment.hpp"

/// The routers of a run.
namespace routing {

/// Examples of several tables, their gains as the setting `gain` names them. files: of every image of each table.
inline pipeline::RouterExamples examples_of(const std::vector<pipeline::RoutingTable>& tables,
                                            const std::vector<std::vector<Index>>& files, const std::string& gain,
                                            paser::metrics::ClassMean mean) {
  pipeline::RouterExamples all;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    auto gains = gains_of(tables[t], gain, mean);
    // Gains on a set become smaller with its size; those of sets of other sizes must be alike.
    if (gain == "set")
      for (Index i = 0; i < gains.numel(); ++i) gains.mutable_data()[i] *= static_cast<double>(tables[t].images);
    pipeline::append(all, pipeline::router_examples(tables[t], gains, files[t]));
  }
  return all;
}

/// A router as a policy, and what it expects each task model to gain on patches of a table.
class Router {
 public:
  std::string name;
  pipeline::Policy<float> policy;

  /// Of every task model over f1, (N, P, M - 1).
  paser::Tensor<double, 3> gains(const pipeline::RoutingTable& table, const paser::data::PatchGrid& grid) const {
    const auto state = state_of(table, grid);
    const auto* const router = policy.as<pipeline::GainRouter<float>>();
    const paser::Tensor<float, 3> gain =
        router ? router->gains(state) : policy.as<pipeline::PatchPolicy<float>>()->gains(state);
    paser::Tensor<double, 3> result(gain.shape());
    std::copy_n(gain.data(), gain.numel(), result.mutable_data());
    return result;
  }

  /// Where it sends the patches of a table at a price.
  pipeline::CurvePoint at(double price, const pipeline::RoutingTable& table, const paser::data::PatchGrid& grid) const {
    const auto actions = pipeline::with_price(policy, price).choose(state_of(table, grid), Key{});
    return {price, {actions.data(), actions.data() + actions.numel()}};
  }

 private:
  static pipeline::PolicyState<float> state_of(const pipeline::RoutingTable& table,
                                               const paser::data::PatchGrid& grid) {
    pipeline::PolicyState<float> state;
    state.statistics = table.statistics;
    state.grid = grid;
    state.models = table.models();
    state.ids.resize(static_cast<std::size_t>(table.images));
    return state;
  }
};

/// Fits routers with the settings of a run.
class RouterTraining {
 public:
  RouterTraining(const Settings& settings, pipeline::PatchPrices prices, Key key)
      : settings_(settings), prices_(std::move(prices)), key_(key) {}

  Router gain_router(const std::string& name, const pipeline::RouterExamples& examples) const {
    return shown(name, [&](const pipeline::RouterFit& fit) {
      return pipeline::fit_gain_router(examples, prices_, patches(), fit, key_.fold(0));
    });
  }
  /// The same with other random numbers.
  RouterTraining again(std::uint64_t number) const { return {settings_, prices_, key_.fold(2).fold(number)}; }

  Router policy(const std::string& name, const pipeline::RouterExamples& examples,
                const pipeline::PolicyFit& options = {}) const {
    return shown(name, [&](const pipeline::RouterFit& fit) {
      return pipeline::train_patch_policy(examples, prices_, patches(), fit, options, key_.fold(1));
    });
  }

 private:
  Index patches() const { return settings_.grid[0] * settings_.grid[1]; }

  template <class Fit>
  Router shown(const std::string& name, const Fit& fit) const {
    return {name, experiment::shown("fit " + name, "epochs", [&](const pipeline::HowFar& how_far) {
              return pipeline::Policy<float>(fit({.width = settings_.router_width,
                                                  .members = settings_.router_members,
                                                  .epochs = settings_.router_epochs,
                                                  .how_far = how_far}));
            })};
  }

  const Settings& settings_;
  pipeline::PatchPrices prices_;
  Key key_;
};

}  // namespace routing
