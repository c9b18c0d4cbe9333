#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <map>
#include <numeric>

#include "paser/core/finite.hpp"
#include "paser/data/batch.hpp"
#include "paser/ops/distillation.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/schedule.hpp"
#include "paser/pipeline/routing/fit_router.hpp"
#include "paser/rl/expected_reward.hpp"
#include "paser/rl/exploration.hpp"

namespace paser::pipeline {

namespace detail {

/// Patches of a member: those it is trained on, and those of other images on which its best epoch is chosen.
struct MemberRows {
  std::vector<Index> train, held_out;

  MemberRows(const RouterExamples& examples, Index member, Index members, Key key) {
    std::map<Index, Index> number;  // of the images that there are
    for (const Index image : examples.image) number.emplace(image, static_cast<Index>(number.size()));
    const auto images = static_cast<Index>(number.size()), parts = std::max<Index>(members, 3);
    const auto order = permutation(key, images);
    for (Index i = 0; i < examples.size(); ++i) {
      const Index place = order[static_cast<std::size_t>(number.at(examples.image[static_cast<std::size_t>(i)]))];
      (images >= parts && place % parts == member % parts ? held_out : train).push_back(i);
    }
  }
};

/// A head with the standardisation of all examples.
inline PatchHead<float> fresh_head(const RouterExamples& examples, Index outputs, const RouterFit& fit, Key key) {
  PatchHead<float> head(examples.statistics.shape()[1], fit.width, outputs, key);
  head.standardise(examples.statistics);
  double squares = 0;
  for (const float g : examples.gains.values()) squares += static_cast<double>(g) * static_cast<double>(g);
  const double unit = std::sqrt(squares / static_cast<double>(std::max<Index>(examples.gains.numel(), 1)));
  head.unit.value = Tensor<float, 1>::full({1}, static_cast<float>(unit > 0 ? unit : 1));
  return head;
}

/// Trains members one after the other and averages them. `Member` has a `module` (with a head), step_loss(ctx, rows,
/// epoch, key) and score(rows), of which more is better.
template <class Member, class Make>
PatchHead<float> fit_heads(const RouterExamples& examples, const RouterFit& fit, Key key, const Make& make) {
  check<ValueError>(fit.members >= 1 && fit.epochs >= 1 && fit.batch >= 1 && fit.width >= 1, "RouterFit", fit.members,
                    " members of width ", fit.width, " in ", fit.epochs, " epochs of batches of ", fit.batch,
                    "; expected at least one of each");
  check<ValueError>(examples.size() >= 2, "RouterFit", "there are ", examples.size(), " patches to learn from");
  const auto finite = [](const Tensor<float, 2>& x) {
    return std::ranges::all_of(x.values(), [](float v) { return is_finite(v); });
  };
  check<ValueError>(finite(examples.statistics) && finite(examples.gains), "RouterFit",
                    "a statistic or a gain of the examples is not a finite number");
  std::vector<PatchHead<float>> heads;
  if (fit.how_far) fit.how_far(0, fit.members * fit.epochs);
  for (Index m = 0; m < fit.members; ++m) {
    const Key own = key.fold(static_cast<std::uint64_t>(m) + 1);
    const MemberRows rows(examples, m, fit.members, key.fold(0));
    Member member = make(own.fold(0));
    optim::AdamW<float> adam({.learning_rate = fit.learning_rate, .weight_decay = fit.weight_decay});
    data::BatchOrder order(own.fold(1), static_cast<Index>(rows.train.size()), fit.batch);
    const Index steps = fit.epochs * order.per_epoch();
    const auto rate = optim::linear_schedule(fit.learning_rate, 0.05 * fit.learning_rate, steps);
    PatchHead<float> best = member.module.head;
    double best_score = -1e300;
    for (Index i = 0; i < steps; ++i) {
      std::vector<Index> batch;
      for (const Index at : order.images(i)) batch.push_back(rows.train[static_cast<std::size_t>(at)]);
      const Key draw = own.fold(2).fold(static_cast<std::uint64_t>(i));
      if (order.begins_epoch(i))
        member.begin_epoch(static_cast<double>(order.epoch(i)) / static_cast<double>(fit.epochs));
      adam.set_learning_rate(rate(i));
      const auto result = value_and_gradients<float>(
          run::training, draw.fold(0), [&](auto& ctx) { return member.step_loss(ctx, batch, draw.fold(1)); });
      adam.step(member.module, result.gradients);
      if (!order.ends_epoch(i)) continue;
      const double score = rows.held_out.empty() ? static_cast<double>(i) : member.score(rows.held_out);
      if (score > best_score) {
        best_score = score;
        best = member.module.head;
      }
      if (fit.how_far) fit.how_far(m * fit.epochs + order.epoch(i) + 1, fit.members * fit.epochs);
    }
    heads.push_back(std::move(best));
  }
  return average_heads(heads);
}

/// Squared error of the gains in units.
struct GainMember {
  struct Module {
    PatchHead<float> head;
    template <class Self, class F>
    static void visit(Self& self, F&& f) {
      f("head", self.head);
    }
  };
  const RouterExamples& examples;
  Module module;

  Tensor<float, 2> targets(std::span<const Index> rows) const {
    return scale(gather_rows(examples.gains, rows), 1 / static_cast<double>(module.head.unit.value(0)));
  }
  void begin_epoch(double) {}
  template <class Context>
  auto step_loss(Context& ctx, const std::vector<Index>& rows, Key) const {
    return mean_squared_error(module.head(ctx, gather_rows<float, 2>(examples.statistics, rows)),
                              ctx.constant(targets(rows)));
  }
  double score(const std::vector<Index>& rows) const {
    const auto out = infer(module.head, gather_rows<float, 2>(examples.statistics, rows));
    return -static_cast<double>(mean_squared_error(out, targets(rows))(0));
  }
};

/// Expected reward of the policy at many prices.
class PolicyMember {
 public:
  PatchPolicy<float> module;

  PolicyMember(const RouterExamples& examples, const PolicyFit& fit, PatchPolicy<float> policy)
      : module(std::move(policy)), examples_(examples), fit_(fit) {
    // Prices at which a model is worth it somewhere, if one knew what it gains there.
    std::vector<double> worth;
    const Index experts = examples.gains.shape()[1];
    for (Index i = 0; i < examples.gains.numel(); ++i)
      worth.push_back(static_cast<double>(examples.gains.data()[i]) /
                      module.prices.costs[static_cast<std::size_t>(i % experts) + 1]);
    std::sort(worth.begin(), worth.end());
    low_ = worth[worth.size() / 20];
    high_ = worth[worth.size() - 1 - worth.size() / 20];
  }

  /// done: the share of the epochs before this one.
  void begin_epoch(double done) {
    done_ = done;
    critical_ = critical_prices(examples_.statistics);
  }

  template <class Context>
  auto step_loss(Context& ctx, const std::vector<Index>& rows, Key key) {
    const std::vector<double> price = draw_prices(static_cast<Index>(rows.size()), key.fold(0));
    const auto logits = module.logits(ctx, gather_rows<float, 2>(examples_.statistics, rows), price);
    const Tensor<float, 3> reward = rewards(rows, price);
    const rl::PolicyGradientOptions spec{.entropy_bonus = fit_.entropy_bonus};
    if (fit_.exact) return rl::expected_reward_loss(logits, reward, spec);
    const rl::Categorical<float> routes(logits.value(), 1);
    const double alpha = fit_.exploit_from + (fit_.exploit_to - fit_.exploit_from) * done_;
    const rl::Actions actions = rl::explore(routes, alpha, key.fold(1), rl::ExplorationScope::patch).actions;
    Tensor<float, 2> drawn(actions.shape());
    for (Index i = 0; i < drawn.numel(); ++i)
      drawn.mutable_data()[i] = reward.data()[i * reward.shape()[2] + actions.data()[i]];
    return rl::policy_gradient_loss(logits, actions, rl::advantage(drawn, {.baseline = fit_.baseline}), spec);
  }

  /// Reward, summed over prices, which are the same in every epoch: what PolicyFit::judged_by_expectation says.
  double score(const std::vector<Index>& rows) const {
    const Tensor<float, 2> statistics = gather_rows<float, 2>(examples_.statistics, rows);
    EvalContext<float> ctx(run::inference);
    double sum = 0;
    constexpr int asked = 15;
    for (int i = 0; i < asked; ++i) {
      const std::vector<double> price(rows.size(), fit_.one_price.value_or(std::lerp(low_, high_, (i + 0.5) / asked)));
      const Tensor<float, 2> logits = module.logits(ctx, statistics, price);
      const Tensor<float, 3> reward = rewards(rows, price);
      if (fit_.judged_by_expectation) {
        sum -= static_cast<double>(rl::expected_reward_loss(logits, reward)(0));
      } else {
        const auto chosen = rl::Categorical<float>(logits, 1).argmax();
        for (Index r = 0; r < chosen.numel(); ++r)
          sum += static_cast<double>(reward.data()[r * reward.shape()[2] + chosen.data()[r]]);
      }
    }
    return sum;
  }

 private:
  /// (gain - price cost) / unit of every model, (R, 1, M).
  Tensor<float, 3> rewards(std::span<const Index> rows, std::span<const double> price) const {
    const Index models = module.head.outputs();
    const double unit = static_cast<double>(module.head.unit.value(0));
    Tensor<float, 3> reward({static_cast<Index>(rows.size()), 1, models});
    float* out = reward.mutable_data();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      *out++ = 0;
      for (Index k = 1; k < models; ++k)
        *out++ = static_cast<float>((static_cast<double>(examples_.gains(rows[i], k - 1)) -
                                     price[i] * module.prices.costs[static_cast<std::size_t>(k)]) /
                                    unit);
    }
    return reward;
  }

  /// For every row, the price above which the policy keeps it at the coarse model.
  std::vector<double> critical_prices(const Tensor<float, 2>& statistics) const {
    const Tensor<float, 2> v = infer(module.head, statistics);
    std::vector<double> critical;
    for (Index i = 0; i < v.shape()[0]; ++i) {
      double most = -1e300;
      for (Index k = 1; k < v.shape()[1]; ++k)
        most = std::max(most, static_cast<double>((v(i, k) - v(i, 0)) * module.head.unit.value(0)) /
                                  module.prices.costs[static_cast<std::size_t>(k)]);
      critical.push_back(most);
    }
    return critical;
  }

  /// Half of them prices at which the policy is undecided somewhere, so that all shares of the patches are met alike,
  /// half of them anywhere.
  std::vector<double> draw_prices(Index n, Key key) const {
    std::vector<double> prices;
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::uint64_t>(i);
      if (fit_.one_price)
        prices.push_back(*fit_.one_price);
      else if (key.fold(0).uniform(at) < 0.5)
        prices.push_back(
            critical_[static_cast<std::size_t>(key.fold(1).uniform_int(at, static_cast<Index>(critical_.size())))]);
      else
        prices.push_back(low_ + (high_ - low_) * key.fold(2).uniform(at));
    }
    return prices;
  }

  const RouterExamples& examples_;
  const PolicyFit& fit_;
  std::vector<double> critical_;
  double low_ = 0, high_ = 0, done_ = 0;
};

inline void check_prices(const char* where, const RouterExamples& examples, const PatchPrices& prices) {
  const auto models = static_cast<std::size_t>(examples.gains.shape()[1]) + 1;
  check<ValueError>(prices.costs.size() == models && prices.costs[0] == 0 &&
                        std::all_of(prices.costs.begin() + 1, prices.costs.end(), [](double c) { return c > 0; }),
                    where, "expected costs of ", models,
                    " models, 0 for the coarse one and positive ones for the others; got ", prices.costs.size());
}

}  // namespace detail

inline GainRouter<float> fit_gain_router(const RouterExamples& examples, const PatchPrices& prices, Index patches,
                                         const RouterFit& fit, Key key) {
  detail::check_prices("fit_gain_router", examples, prices);
  auto head = detail::fit_heads<detail::GainMember>(examples, fit, key, [&](Key own) {
    return detail::GainMember{examples, {detail::fresh_head(examples, examples.gains.shape()[1], fit, own)}};
  });
  return {std::move(head), prices, patches};
}

inline PatchPolicy<float> train_patch_policy(const RouterExamples& examples, const PatchPrices& prices, Index patches,
                                             const RouterFit& fit, const PolicyFit& policy, Key key) {
  detail::check_prices("train_patch_policy", examples, prices);
  check<ValueError>(is_finite(policy.temperature) && policy.temperature > 0, "train_patch_policy",
                    "the temperature must be positive and finite, got ", policy.temperature);
  const auto fresh = [&](PatchHead<float> head) {
    return PatchPolicy<float>{
        .head = std::move(head), .prices = prices, .temperature = policy.temperature, .patches = patches};
  };
  return fresh(detail::fit_heads<detail::PolicyMember>(examples, fit, key, [&](Key own) {
    return detail::PolicyMember(examples, policy,
                                fresh(detail::fresh_head(examples, examples.gains.shape()[1] + 1, fit, own)));
  }));
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
