/// What it costs to look for numbers that are not finite: the scans of a prediction (the image; the logits, by what
/// their labels take longer with the scan than without) beside the prediction, and those of an optimizer's step (every
/// new weight; every 16th step its state) beside a training step. Of the paper's three UNets, medians of runs in turn.
/// Options: [ROUNDS], 1 to 1000, 15 by default.

#include <atomic>
#include <iostream>

#include "count_argument.hpp"
#include "paser/core/finite.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/table.hpp"
#include "paser/report/timing.hpp"

namespace {

using namespace paser;

/// One network with its image, and what is run and looked at.
struct Subject {
  models::UNet<float> model;
  Tensor<float, 4> image;
  optim::Adam<float> adam{optim::AdamOptions{.learning_rate = 1e-4}};
  FilterCache<float> filters{};
  std::vector<double> predictions{}, scans{};  ///< seconds of each prediction, and of the scans in it
  Index passed = 0;

  /// A prediction, and in it what the scans take. The labels without a scan are made last, so what the first ones take
  /// longer is at least the scan. One after the other without a pause, in which the threads would go to sleep.
  void predict() {
    if (!all_finite(image.numel(), image.data())) return;  // the image is in the caches, as from whoever made it
    const double start = report::monotonic_seconds();
    passed += all_finite(image.numel(), image.data()) ? 1 : 0;
    const double looked = report::monotonic_seconds();
    const Tensor<float, 4> logits = infer(model, image, &filters);
    const double inferred = report::monotonic_seconds();
    argmax_channels(logits);
    const double labelled = report::monotonic_seconds();
    Labels labels({image.shape().n(), image.shape().h(), image.shape().w()});
    kernels::argmax(labels.numel(), logits.shape().c(), logits.data(), labels.mutable_data());
    const double again = report::monotonic_seconds();
    predictions.push_back(labelled - start);
    scans.push_back(looked - start + std::max(0.0, labelled - inferred - (again - labelled)));
  }
  void train() {
    const auto result = value_and_gradients<float>(run::training, Key{4}, [&](auto& ctx) {
      return cross_entropy(model(ctx, ctx.constant(image)),
                           Labels::zeros({image.shape().n(), image.shape().h(), image.shape().w()}));
    });
    adam.step(model, result.gradients);
  }
  /// All weights, and a sixteenth of twice as many numbers of the state, in the pieces of the optimizer's step, each so
  /// many times. The first reading brings a piece into the cache, as the update does: what the others take is the scan.
  void read_pieces(int times) {
    std::atomic<Index> bad{0};
    nn::walk_parameters(model, [&](const std::string&, const auto& p) {
      const float* const values = p.value.data();
      parallel_for(p.value.numel(), kernels::grain, [&](Index begin, Index end) {
        for (int i = 0; i < times; ++i) {
          const Index n = end - begin, eighth = n / 8;
          if (first_non_finite(n, values + begin) < n || first_non_finite(eighth, values + begin) < eighth) ++bad;
        }
      });
    });
    if (bad == 0) ++passed;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  const int rounds = benchmark_program::count_argument(argc, argv, 1, 15, "rounds", 1000);
  // As the programs run them: f1 on an image, the others on 16 patches; training steps of 2 images, 16 and 4 patches.
  std::vector<std::pair<models::UNetSpec, std::array<Shape<4>, 2>>> cases{
      {{.classes = 3, .width = 8, .depth = 2}, {Shape<4>{1, 224, 256, 1}, Shape<4>{2, 224, 256, 1}}},
      {{.classes = 3, .width = 16, .depth = 4}, {Shape<4>{16, 56, 64, 1}, Shape<4>{16, 56, 64, 1}}},
      {{.classes = 3, .width = 64, .depth = 4}, {Shape<4>{16, 56, 64, 1}, Shape<4>{4, 56, 64, 1}}}};
  report::TextTable table({"network", "prediction, ms", "its guards, ms", "%", "step, ms", "its guards, ms", "%"});
  for (std::size_t k = 0; k < cases.size(); ++k) {
    const auto& [spec, shapes] = cases[k];
    Subject predicting{models::UNet<float>(spec, Key{1}), uniform<float>(Key{2}, shapes[0])},
        training{models::UNet<float>(spec, Key{1}), uniform<float>(Key{2}, shapes[1])};
    constexpr int often = 9;
    const auto times = report::time_in_turn({[&] { predicting.predict(); }, [&] { training.train(); },
                                             [&] { training.read_pieces(1); }, [&] { training.read_pieces(often); }},
                                            {.rounds = rounds});
    check<Error>(predicting.passed > 0 && training.passed > 0, "guards", "no scan was passed");
    const auto median = [&](std::size_t i) { return 1e3 * times[i].median; };
    const double prediction = 1e3 * metrics::quantile(predicting.predictions, 0.5),
                 of_prediction = 1e3 * metrics::quantile(predicting.scans, 0.5),
                 of_step = std::max(0.0, median(3) - median(2)) / (often - 1);
    table.add({message("f", k + 1), report::significant(prediction), report::significant(of_prediction),
               report::fixed(100 * of_prediction / prediction, 2), report::significant(median(1)),
               report::significant(of_step), report::fixed(100 * of_step / median(1), 2)});
  }
  std::cout << "ms on " << report::cpu_name() << ", " << threads() << " threads\n" << table;
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
