#pragma once

#include "paser/experiment/folder_comparison.hpp"
#include "paser/experiment/start.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/how_far.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/report/result_fields.hpp"
#include "paser/report/timing.hpp"
#include "segmentation/config.hpp"

/// The networks of a run, and what they cost.
namespace segmentation {

namespace pipeline = paser::pipeline;
namespace report = paser::report;
using paser::Key;
using Data = experiment::FolderData;
using Folder = experiment::Folder;
using Paser = pipeline::Paser<float>;

inline Data read_data(const Config& c) {
  return Data(c, c.split == "thirds", c.initial.named());
}

inline pipeline::RouteChoice route_choice(const Config& c) {
  return c.route_choice == "sampled" ? pipeline::RouteChoice::sampled : pipeline::RouteChoice::most_probable;
}

inline pipeline::PaserDescription describe(const Config& c, const Data& data) {
  auto d = experiment::description_of(data, c);
  for (std::size_t k = 0; k < c.models(); ++k) d.networks.push_back(experiment::network_of(data, c, k));
  d.estimator = paser::uncertainty::McDropout{c.samples}.spec();
  d.coarse_answer = c.small_answer == "mean" ? pipeline::CoarseAnswer::mean : pipeline::CoarseAnswer::first_sample;
  d.policy = pipeline::net_policy_spec({1, 1}, route_choice(c));
  return d;
}

/// The networks and the policy with random weights, networks with those of the files `initial` where it names some.
inline Paser fresh_paser(const Config& c, const pipeline::PaserDescription& d) {
  Paser paser = pipeline::make_paser<float>(d, Key{c.seed}.fold(1));
  paser.micro_batch = c.micro_batch;
  experiment::start_from(c.initial, paser, d);
  return paser;
}

/// A policy of random weights, the same ones in every call, that reads the whole image or each patch alone.
inline pipeline::Policy<float> fresh_policy(const Config& c, const pipeline::PaserDescription& d, bool by_patch) {
  const auto windows = by_patch ? std::array{d.grid.rows, d.grid.columns} : std::array<Index, 2>{1, 1};
  return pipeline::make_policy<float>(pipeline::net_policy_spec(windows, route_choice(c)),
                                      {d.grid, static_cast<Index>(d.networks.size())},
                                      Key{c.seed}.fold(1).fold(d.networks.size() + 1));
}

/// Milliseconds on this machine, medians of runs in turn.
struct Times {
  double state = 0;           ///< the estimator and the policy, per image
  std::vector<double> patch;  ///< one patch of model k; of f1 its share of a pass over the image
  int runs = 0;               ///< of each; 0 in older runs, which did not count them
  double spread = 0;          ///< the largest distance of the first and third quartile, as a share of its median
  bool busy = false;          ///< see report::TimeSpread
};
template <class Json>
void to_json(Json& j, const Times& t) {
  j = {{"state_ms", t.state}, {"patch_ms", t.patch}, {"runs", t.runs}, {"spread", t.spread}, {"busy", t.busy}};
}
/// Throws FormatError that names the field which no measurement can have found.
template <class Json>
void from_json(const Json& j, Times& t) {
  report::detail::read_number(j, "state_ms", t.state, report::detail::any_amount);
  report::detail::read_numbers(j, "patch_ms", t.patch, report::detail::any_amount);
  if (j.contains("runs")) report::detail::read_count(j, "runs", t.runs);
  if (j.contains("spread")) report::detail::read_number(j, "spread", t.spread, report::detail::any_amount);
  report::detail::read_part(j, "busy", t.busy);
}

inline Times measure_times(const Paser& paser, const paser::Tensor<float, 4>& image, const pipeline::HowFar& how_far) {
  const double patches = static_cast<double>(paser.grid.patches());
  const auto parts = paser::data::extract_patches(image, paser.grid);
  std::vector<std::function<void()>> works{[&] {
    const auto prediction = paser.predict_coarse(image, {0}, Key{1});
    paser.policy.choose(paser.state(prediction.policy_state(), {0}), Key{1});
  }};
  works.push_back([&] { pipeline::predict(paser.models[0], image); });
  for (std::size_t k = 1; k < paser.models.size(); ++k)
    works.push_back([&, k] { pipeline::predict(paser.models[k], parts, paser.micro_batch); });
  paser::report::TimingOptions options;
  options.progress = how_far;
  Times times;
  times.runs = options.rounds;
  for (const auto& [median, spread] : paser::report::time_in_turn(works, options)) {
    times.patch.push_back(1e3 * median / patches);
    if (median > 0) times.spread = std::max(times.spread, (spread.high - spread.low) / median);
    times.busy = times.busy || spread.busy();
  }
  times.state = times.patch.front() * patches;
  times.patch.erase(times.patch.begin());
  return times;
}

/// What each model costs under a rule: parameters (Eq. 3), macs and time of one patch, or bytes: the patch's image and
/// label map, a byte a value, sent once to f2's machine, once more to f3's and so on, while f1 runs where the image is.
/// Shares of their sum.
inline pipeline::Costs costs_of(const std::string& rule, const Paser& paser, const pipeline::WorkCosts& macs,
                                const Times& times) {
  std::vector<double> expenses;
  for (std::size_t k = 0; k < paser.models.size(); ++k) {
    if (rule == "parameters")
      expenses.push_back(static_cast<double>(paser::nn::count_parameters(paser.models[k])));
    else if (rule == "macs")
      expenses.push_back(k == 0 ? macs.coarse / static_cast<double>(paser.grid.patches()) : macs.patch[k]);
    else if (rule == "time")
      expenses.push_back(times.patch.at(k));
    else
      expenses.push_back(static_cast<double>(k));
  }
  return pipeline::cost_shares(expenses);
}

}  // namespace segmentation
