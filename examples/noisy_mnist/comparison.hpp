#pragma once

#include "noisy_mnist/experiment.hpp"
#include "paser/experiment/comparison.hpp"

/// What a trained run is worth: every method of the paper's Table 1 on the same test images, and the report.
namespace noisy_mnist {

/// The paper's IoU at a distance of the policy from that of stage 2; nothing at distances that the paper has not.
inline std::optional<double> paper_iou(double distance) {
  constexpr std::array<std::array<double, 2>, 3> table{{{0, 0.8432}, {0.05, 0.8328}, {0.10, 0.8231}}};
  for (const auto& [asked, iou] : table)
    if (std::abs(distance - asked) < 1e-9) return iou;
  return std::nullopt;
}

class Comparison : public experiment::MethodComparison<paser::data::NoisyDigits> {
 public:
  explicit Comparison(Experiment& experiment)
      : MethodComparison(experiment.data().test(), experiment.untuned(), description(experiment.config()),
                         {.kinds = 3}),
        experiment_(experiment),
        paser_(experiment.untuned()),
        key_(Key{experiment.config().seed}.fold(5)) {}

  /// Evaluates every method on the test images, which nothing has seen before, and fills the results.
  void compare(report::Results& r) {
    add_networks(key_);
    experiment_.rivals().add_to(*this, key_);
    add_cascades();
    add_random(key_.fold(1));
    add_oracle(tabulate("test", test(), key_), kinds_of_test(), "greedy, by the truth");
    for (const Variant& v : experiment_.variants()) {
      const std::string note =
          v.reached ? paser::message("lambda = ", report::significant(v.lambda))
                    : paser::message("stopped at lambda = ", report::significant(v.lambda), " before this distance");
      add(v.name, "paser", run_of(v.paser, v.paser.policy, key_), note).row.tvd = v.tvd;
    }
    r.time_convention = time(timed_images, 7);
    fill(r, experiment_.config());
    experiment_.rivals().describe(r);
    r.title = "PaSeR on noisy MNIST";
    r.data =
        paser::message("MNIST digits on 32x32 pixels in three noises (Gaussian blur of radius 1 and 2, box blur), ",
                       test().size(), " test images, ", experiment_.data().validation().size(), " for validation");
    r.iou_convention =
        "macro IoU of background and digit, mean over images; a class absent from prediction and truth is left out";
    r.kinds.assign(kind_names.begin(), kind_names.end());
    r.claims = claims();
  }

  /// Test images of each noise on their way through PaSeR.
  std::vector<report::Sample> samples(Index per_kind = 4) const {
    std::vector<report::Sample> shown;
    const auto all = test().range(0, std::min<Index>(test().size(), 60));
    for (int kind = 0; kind < 3; ++kind) {
      const std::size_t enough = shown.size() + static_cast<std::size_t>(per_kind);
      for (std::size_t i = 0; i < all.kinds.size() && shown.size() < enough; ++i) {
        if (all.kinds[i] != kind) continue;
        const Index row = static_cast<Index>(i);
        auto& sample = shown.emplace_back(
            experiment::sample_of(paser_, test().rows(std::span<const Index>(&row, 1)), key_, report::mask_palette));
        const auto route = std::ranges::max_element(sample.share) - sample.share.begin();
        sample.kind = kind_names[static_cast<std::size_t>(kind)];
        sample.route = paser::message("f", route + 1);
        sample.right = route == kind;
        sample.share.clear();
        sample.iou = method(experiment_.variants().front().name).evaluation.image_iou[i];
      }
    }
    return shown;
  }

 private:
  static constexpr std::array<const char*, 3> kind_names{"Gaussian, radius 1", "Gaussian, radius 2", "box"};

  /// Images of the batch on which methods are timed.
  static constexpr Index timed_images = 128;

  void add_cascades() {
    const auto& validation = experiment_.data().validation();
    const auto points = thresholds(validation, key_);
    const double target = evaluate("PaSeR on validation images", run_of(paser_, paser_.policy, key_), validation).iou;
    add_cascade("IDK cascade", pipeline::most_parsimonious(points), key_, "best IoU per GMAC on validation");
    const auto& v = experiment_.variants().back();  // at the largest lambda; the first one's is 0
    add_cascade("IDK cascade, loss of " + v.name,
                pipeline::cost_aware(points, pipeline::cost_shares(experiment::parameters_of(paser_)), v.lambda), key_,
                "least loss on validation by PaSeR's costs and that lambda");
    add_cascade(
        "IDK cascade, IoU match", pipeline::iou_match(points, target), key_,
        paser::message("cheapest with PaSeR's validation IoU of ", report::fixed(target, 4), ", else the best"));
  }

  std::vector<Index> kinds_of_test() const {
    std::vector<Index> kinds;
    paser::for_each_chunk(test().size(), 512, [&](Index begin, Index end) {
      const auto batch = test().range(begin, end);
      kinds.insert(kinds.end(), batch.kinds.begin(), batch.kinds.end());
    });
    return kinds;
  }

  const report::Row& row(const std::string& name) const { return method(name).row; }

  /// The paper's statements about this data, each with the number of this run.
  std::vector<report::Claim> claims() const;

  Experiment& experiment_;
  const pipeline::Paser<float>& paser_;
  Key key_;
};

inline std::vector<report::Claim> Comparison::claims() const {
  std::vector<report::Claim> list;
  const report::Row& untuned = row(experiment_.variants().front().name);
  const report::Row& cheapest = row(experiment_.variants().back().name);
  const double accuracy = untuned.assignment_accuracy.value_or(0);
  list.push_back({"With lambda = 0 the policy gives each noise to the model that was trained on it",
                  {},
                  accuracy,
                  accuracy >= 0.95,
                  "share of test images routed to their model; it holds from 0.95 on"});
  const experiment::ComparedMethod* best_other = nullptr;
  for (const experiment::ComparedMethod& m : methods())
    if ((m.row.kind == "single" || m.row.kind == "baseline") && (!best_other || m.row.iou > best_other->row.iou))
      best_other = &m;
  const std::vector<double>& ours = method(untuned.model).evaluation.image_iou;
  const std::vector<double>& theirs = best_other->evaluation.image_iou;
  const double better = untuned.iou - best_other->row.iou;
  list.push_back({"PaSeR's IoU is above that of every single model, of the random policy and of the IDK cascade",
                  {},
                  better,
                  better > 0 && experiment::paired_images(ours, theirs).p.value_or(1) < 0.05,
                  paser::message("IoU of PaSeR (TVD 0 %) less that of the best other method, ", best_other->row.model,
                                 "; it holds where p is below 0.05: ", experiment::certainty(ours, theirs))});
  for (const Variant& v : experiment_.variants())
    list.push_back({v.name + ": IoU", paper_iou(v.threshold), row(v.name).iou, std::nullopt,
                    "no test: the paper does not say from which gray value on a pixel is foreground, so that its task "
                    "may be harder or easier than this one"});
  bool gains = true;
  for (std::size_t i = 1; i < experiment_.variants().size(); ++i) {
    const report::Row &a = row(experiment_.variants()[i - 1].name), &b = row(experiment_.variants()[i].name);
    gains = gains && b.iou_per_gmac() > a.iou_per_gmac();
  }
  if (experiment_.variants().size() > 1) {
    const auto paper_end = paper_iou(experiment_.variants().back().threshold);
    const auto paper_loss = paper_end ? std::optional(*paper_iou(0) - *paper_end) : std::nullopt;
    const double loss = untuned.iou - cheapest.iou;
    list.push_back({"The further the policy may move, the more IoU per GMAC, for a small loss of IoU", paper_loss, loss,
                    paper_loss ? std::optional(gains && loss <= *paper_loss) : std::nullopt,
                    paper_loss ? "loss of IoU from TVD 0 % to the largest TVD; it holds when IoU per GMAC rises from "
                                 "each TVD to the next and no more IoU is lost than in the paper"
                               : "loss of IoU from TVD 0 % to the largest TVD; no test: the paper has no IoU at this "
                                 "TVD"});
  }
  double rival = 0;
  std::string rival_name = "none";
  for (const auto& [r, e] : methods())
    if ((r.kind == "single" || r.kind == "baseline") && r.iou >= cheapest.iou - 0.01 && r.iou_per_gmac() > rival) {
      rival = r.iou_per_gmac();
      rival_name = r.model;
    }
  list.push_back({"PaSeR has at least 13.4 % more IoU per GigaFlop than the methods of equal IoU", 13.4,
                  rival > 0 ? std::optional(100 * (cheapest.iou_per_gmac() / rival - 1)) : std::nullopt,
                  rival > 0 ? std::optional(cheapest.iou_per_gmac() >= 1.134 * rival) : std::nullopt,
                  paser::message("per cent over the best of the compared methods within 0.01 of the IoU of ",
                                 cheapest.model, ": ", rival_name,
                                 experiment_.rivals().size() > 0
                                     ? ""
                                     : ". The paper compares with DeepLabV3+, SegFormer, EfficientViT and MatPhase, "
                                       "which are not part of this run")});
  return list;
}

}  // namespace noisy_mnist
