#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/finite.hpp"
#include "paser/pipeline/policy.hpp"
#include "paser/pipeline/routing/patch_head.hpp"

namespace paser::pipeline {

/// What a router asks of a gain: `price` of it for every unit of a patch's cost.
struct PatchPrices {
  std::vector<double> costs;  ///< of one patch by each model; the coarse one, which has looked already, costs 0
  double price = 0;           ///< in gain per unit of cost; one number sets the whole budget

  /// What model k must gain to be worth it.
  double of(std::size_t k) const { return price * costs[k]; }
};

/// Routes by the gain that is expected of each task model: a regression of the additive gain (metrics::additive_gain)
/// on a patch's statistics. Model argmax_k gain_k - price cost_k answers, the coarse one of gain and cost 0 among them;
/// ties go to the lowest. With one task model a price is a threshold on gain per cost.
template <class T = float>
struct GainRouter {
  PatchHead<T> head;  ///< outputs: one for each task model
  PatchPrices prices;
  Index patches = 1;  ///< of an image, for counting

  static constexpr bool reads_statistics = true;

  /// Expected gain of model k + 1 on every patch, (N, P, M - 1), in IoU.
  Tensor<T, 3> gains(const PolicyState<T>& state) const {
    const Shape<3>& s = state.statistics.shape();
    const Tensor<T, 2> units = infer(head, patch_rows(state.statistics));
    return scale(units, static_cast<double>(head.unit.value(0))).reshape(Shape<3>{s[0], s[1], head.outputs()});
  }

  Actions choose(const PolicyState<T>& state, Key) const {
    check(head.outputs() + 1 == state.models && static_cast<Index>(prices.costs.size()) == state.models, "GainRouter",
          "it knows ", head.outputs(), " task models and ", prices.costs.size(), " costs, there are ", state.models,
          " models");
    const Tensor<T, 3> gain = gains(state);
    const Index experts = head.outputs();
    Actions actions(state.shape());
    std::int32_t* const out = actions.mutable_data();
    for (Index i = 0; i < actions.numel(); ++i) {
      double best = 0;
      std::int32_t chosen = 0;
      for (Index k = 0; k < experts; ++k) {
        check<ValueError>(is_finite(gain.data()[i * experts + k]), "GainRouter", "the expected gain of patch ", i,
                          " is not a number; its weights or the prediction are damaged");
        const double worth =
            static_cast<double>(gain.data()[i * experts + k]) - prices.of(static_cast<std::size_t>(k + 1));
        if (worth > best) {
          best = worth;
          chosen = static_cast<std::int32_t>(k + 1);
        }
      }
      out[i] = chosen;
    }
    return actions;
  }

  /// Of the head; the statistics are no multiply-accumulates.
  Operations operations(const Shape<3>& images) const { return head.operations(images[0] * patches); }

  TypedSpec spec() const {
    return {"gain_router", message("{\"features\": ", head.features(), ", \"width\": ", head.width(), ", \"price\": ",
                                   exact_number(prices.price), ", \"costs\": ", models::json_array(prices.costs), "}")};
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("head", self.head);
  }
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
