#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/policy_net.hpp"
#include "paser/pipeline/policy.hpp"

namespace paser::pipeline {

/// How a trained policy's distribution becomes a choice.
enum class RouteChoice {
  most_probable,  ///< the paper: the action of the largest expected return
  sampled         ///< drawn from it, as the authors' released code does
};

/// What a file says of a NetPolicy. windows: see PolicyNet.
inline TypedSpec net_policy_spec(const std::array<Index, 2>& windows = {1, 1},
                                 RouteChoice choice = RouteChoice::most_probable) {
  return {"net", message("{\"windows\": [", windows[0], ", ", windows[1], "], \"choice\": \"",
                         choice == RouteChoice::sampled ? "sampled" : "most_probable", "\"}")};
}

/// The paper's policy: a network that reads the map of labels and entropy.
template <class T = float>
struct NetPolicy {
  models::PolicyNet<T> net;  ///< patches * models logits
  RouteChoice choice = RouteChoice::most_probable;

  /// One distribution over the models for each patch, batch norm by its running statistics.
  rl::Categorical<T> probabilities(const PolicyState<T>& state) const {
    return rl::Categorical<T>(infer(net, state.map), state.grid.patches());
  }
  Actions choose(const PolicyState<T>& state, Key key) const {
    const rl::Categorical<T> routes = probabilities(state);
    return choice == RouteChoice::most_probable ? routes.argmax() : routes.sample(key.fold(0x20C7E), state.ids);
  }
  Var<T, 2> record(TapeContext<T>& ctx, const PolicyState<T>& state) const { return net(ctx, ctx.constant(state.map)); }
  Operations operations(const Shape<3>& images) const {
    return count_operations<T>(net, Shape<4>{images[0], images[1], images[2], models::PolicyNet<T>::inputs});
  }
  TypedSpec spec() const { return net_policy_spec(net.windows, choice); }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    models::PolicyNet<T>::visit(self.net, f);
  }
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
