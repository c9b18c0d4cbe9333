#pragma once
#include "paser/core/macros_off.inc"

#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/routing/gain_router.hpp"

namespace paser::pipeline {

/// PaSeR's categorical policy on the state that a GainRouter reads, conditioned on the price: with v the outputs of the
/// head, model k has the probability softmax_k((v_k - price cost_k) / temperature), all in units of the head. One
/// training at many prices gives the whole curve; a higher price never sends more patches on.
template <class T = float>
struct PatchPolicy {
  PatchHead<T> head;  ///< outputs: one for each model, the coarse one included
  PatchPrices prices;
  double temperature = 1;  ///< in units of the head
  RouteChoice choice = RouteChoice::most_probable;
  Index patches = 1;  ///< of an image, for counting

  static constexpr bool reads_statistics = true;

  /// What the head says of each model on these rows (R, F), at a price of each row's own: logits (R, M).
  template <class Context>
  auto logits(Context& ctx, const Tensor<T, 2>& rows, std::span<const double> price) const {
    const Index models = head.outputs();
    check(static_cast<Index>(prices.costs.size()) == models && static_cast<Index>(price.size()) == rows.shape()[0],
          "PatchPolicy", prices.costs.size(), " costs for ", models, " models, ", price.size(), " prices for ",
          rows.shape()[0], " patches");
    const double unit = static_cast<double>(head.unit.value(0)) * temperature;
    Tensor<T, 2> cost({rows.shape()[0], models});
    T* const c = cost.mutable_data();
    for (Index i = 0; i < cost.numel(); ++i)
      c[i] = static_cast<T>(-price[static_cast<std::size_t>(i / models)] *
                            prices.costs[static_cast<std::size_t>(i % models)] / unit);
    return add(scale(head(ctx, rows), 1 / temperature), ctx.constant(std::move(cost)));
  }

  /// The probabilities at `prices.price`.
  rl::Categorical<T> probabilities(const PolicyState<T>& state) const {
    EvalContext<T> ctx(run::inference);
    return rl::Categorical<T>(all_logits(ctx, state), state.grid.patches());
  }
  Actions choose(const PolicyState<T>& state, Key key) const {
    const rl::Categorical<T> routes = probabilities(state);
    return choice == RouteChoice::most_probable ? routes.argmax() : routes.sample(key.fold(0x20C7E), state.ids);
  }
  Var<T, 2> record(TapeContext<T>& ctx, const PolicyState<T>& state) const { return all_logits(ctx, state); }

  /// The worth of each task model beside the coarse one, (N, P, M - 1), in IoU: what a price is compared with.
  Tensor<T, 3> gains(const PolicyState<T>& state) const {
    const Shape<3>& s = state.statistics.shape();
    const Tensor<T, 2> v = infer(head, patch_rows(state.statistics));
    const Index models = head.outputs();
    Tensor<T, 3> gain({s[0], s[1], models - 1});
    T* out = gain.mutable_data();
    for (Index i = 0; i < v.shape()[0]; ++i)
      for (Index k = 1; k < models; ++k) *out++ = (v(i, k) - v(i, 0)) * head.unit.value(0);
    return gain;
  }

  Operations operations(const Shape<3>& images) const { return head.operations(images[0] * patches); }

  TypedSpec spec() const {
    return {"patch_policy", message("{\"features\": ", head.features(), ", \"width\": ", head.width(), ", \"price\": ",
                                    exact_number(prices.price), ", \"costs\": ", models::json_array(prices.costs),
                                    ", \"temperature\": ", exact_number(temperature), ", \"choice\": \"",
                                    choice == RouteChoice::sampled ? "sampled" : "most_probable", "\"}")};
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("head", self.head);
  }

 private:
  template <class Context>
  auto all_logits(Context& ctx, const PolicyState<T>& state) const {
    const Tensor<T, 2> rows = patch_rows(state.statistics);
    const std::vector<double> price(static_cast<std::size_t>(rows.shape()[0]), prices.price);
    const Shape<2> shape{state.shape()[0], state.grid.patches() * head.outputs()};
    if constexpr (std::is_same_v<Context, EvalContext<T>>) {
      return logits(ctx, rows, price).reshape(shape);
    } else {
      return reshape(logits(ctx, rows, price), shape);
    }
  }
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
