#pragma once
#include "paser/core/macros_off.inc"

#include "paser/pipeline/routing/machine_costs.hpp"
#include "paser/pipeline/segment.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/timing.hpp"
#include "paser/uncertainty/patch_statistics.hpp"

namespace paser::report {

/// How a machine is measured. The clocks can be replaced for tests.
struct CostOptions {
  int rounds = 7;  ///< in which every kind of work runs once, after one that does not count
  std::vector<Index> batches{1, 2, 4, 8, 16, 32};  ///< rising: how many patches run together
  /// Gets how many runs of all are done, first 0.
  std::function<void(Index done, Index total)> progress{};
  std::function<double()> clock = monotonic_seconds;
  std::function<double()> waited = waited_seconds;
};

namespace detail {

/// What a policy does of an image that the estimator has looked at, from the prediction to the choice.
template <class T>
void decide(const pipeline::Paser<T>& paser, const pipeline::Policy<T>& policy,
            const uncertainty::Prediction<T>& prediction) {
  pipeline::PolicyState<T> state = paser.state({}, {0});
  if (policy.reads_statistics()) {
    state.statistics = uncertainty::patch_statistics(prediction, paser.grid);
  } else if (policy.reads_prediction()) {
    state.map = prediction.policy_state();
  }
  if (policy.asks_again()) state.doubt = pipeline::mean_per_patch(prediction.entropy, paser.grid);
  state.answered_by = pipeline::Actions::zeros(state.shape());
  policy.choose(state, Key{1});
}

}  // namespace detail

/// Measures what each kind of work costs on this machine with the threads that paser has (paser::threads), on random
/// images of this shape, (1, height, width, channels): medians of runs in turn. Patches are cut out,
/// answered at most paser.micro_batch at once, and put back, as in segment(). Throws ValueError when there is no round
/// or the numbers of patches do not rise, and what the models throw about shapes.
template <class T>
pipeline::MachineCosts measure_costs(const pipeline::Paser<T>& paser,
                                     const std::type_identity_t<pipeline::Policy<T>>& policy, const Shape<4>& image,
                                     const CostOptions& options = {}) {
  check(image.n() == 1, "measure_costs", "expected the shape of one image, got ", image);
  pipeline::MachineCosts costs{.processor = cpu_name(), .threads = threads(), .batch = options.batches};
  costs.patch.resize(paser.models.size());
  for (std::size_t k = 1; k < costs.patch.size(); ++k) costs.patch[k].resize(options.batches.size());
  pipeline::check_machine_costs<ValueError>(costs, "measure_costs");

  const auto x = uniform<T>(Key{0xC057}, image);
  auto prediction = paser.predict_coarse(x, {0}, Key{1});
  // The policy reads maps that the estimator has just written, as in segment(): they are still in the cache.
  std::vector<std::function<void()>> works{
      [&] { prediction = paser.predict_coarse(x, {0}, Key{1}); }, [&] { detail::decide(paser, policy, prediction); },
      [&] { pipeline::predict(paser.models[0], x, paser.micro_batch, paser.filters); }};
  // As segment() answers patches: cut out, with the log-probabilities where the model wants them, labelled, put back.
  const Index most = options.batches.back(), images = (most + paser.grid.patches() - 1) / paser.grid.patches();
  const auto many = repeat_rows(x, images), probabilities = repeat_rows(prediction.probabilities, images);
  Labels labels = repeat_rows(prediction.labels, images);
  for (Index k = 1; k < paser.actions(); ++k)
    for (const Index together : options.batches) {
      works.push_back([&, k, which = data::numbers_from(0, together)] {
        pipeline::detail::answer_patches<T>(paser, k, many, probabilities, paser.grid, which, {.labels = &labels});
      });
    }
  const std::vector<Timing> timings = time_in_turn(
      works,
      {.rounds = options.rounds, .clock = options.clock, .waited = options.waited, .progress = options.progress});
  const auto ms = [&](std::size_t i) { return 1e3 * timings[i].median; };
  costs.estimate = ms(0);
  costs.decide = ms(1);
  costs.coarse = ms(2);
  std::size_t next = 3;
  for (std::size_t k = 1; k < paser.models.size(); ++k)
    for (std::size_t i = 0; i < options.batches.size(); ++i)
      costs.patch[k][i] = ms(next++) / static_cast<double>(options.batches[i]);
  // Over all works: they run in turn, and of a work of microseconds alone the share says little.
  double all = 0, waited = 0;
  for (const Timing& t : timings) {
    all += t.median;
    waited += t.median * t.spread.waited;
  }
  costs.busy = TimeSpread{.waited = all > 0 ? waited / all : 0}.busy();
  return costs;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
