/// How much a larger network gains over a small one on synthetic electrodes, patch by patch: PaSeR has something to
/// decide only where f2 and f3 beat f1 clearly on some patches and not on others. Trains the three networks of the
/// paper (f3 may be made narrower) for a short while and prints the percentiles of the gain in IoU.
///
/// Exit status: 0 done; 1 something failed; 2 wrong options; 130 interrupted, nothing is kept.

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>

#include "electrodes/settings.hpp"
#include "paser/data/batch.hpp"
#include "paser/data/synthetic/generator.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"

namespace {

using paser::Index;
using paser::Key;
using paser::Tensor;
namespace pipeline = paser::pipeline;
namespace report = paser::report;
using AnySegmenter = paser::models::AnySegmenter<float>;

struct Arguments {
  std::uint64_t seed = 1;
  Index train = 100, validation = 10, test = 30, batch = 8, width = 64;
  std::vector<Index> epochs{20, 20, 10};
  std::vector<double> rates{2e-3, 1e-3, 5e-4};
  std::vector<std::string> settings;
  int threads = 0;
};

/// Electrodes in memory, as a source of batches.
class Set {
 public:
  Set(Key key, Index count, const paser::data::ElectrodeParameters& parameters)
      : labels_(paser::data::make_electrodes(key, 0, 0, parameters).labels) {
    const auto made = paser::data::make_electrodes(key, 0, count, parameters);
    labels_ = made.labels;
    images_ = Tensor<float, 4>({count, parameters.height, parameters.width, 1});
    float* const out = images_.mutable_data();
    for (Index i = 0; i < images_.numel(); ++i) out[i] = static_cast<float>(made.images.data()[i]) / 255;
  }
  Index size() const { return images_.shape().n(); }
  const Tensor<float, 4>& images() const { return images_; }
  const paser::Labels& labels() const { return labels_; }

  paser::data::Batch range(Index begin, Index end) const {
    std::vector<Index> numbers(static_cast<std::size_t>(end - begin));
    std::iota(numbers.begin(), numbers.end(), begin);
    return rows(numbers);
  }
  paser::data::Batch rows(std::span<const Index> numbers) const {
    const auto n = static_cast<Index>(numbers.size());
    const Index h = images_.shape().h(), w = images_.shape().w();
    paser::data::Batch batch;
    batch.images = Tensor<float, 4>({n, h, w, 1});
    batch.labels = paser::Labels({n, h, w});
    const Index pixels = h * w;
    float* image = batch.images.mutable_data();
    std::int32_t* label = batch.labels.mutable_data();
    for (const Index i : numbers) {
      image = std::copy_n(images_.data() + i * pixels, pixels, image);
      label = std::copy_n(labels_.data() + i * pixels, pixels, label);
      batch.ids.push_back(static_cast<std::uint64_t>(i));
    }
    return batch;
  }
  /// 1 - share of each class, the authors' rule.
  std::vector<double> weights() const {
    std::vector<double> weights(paser::data::battery_classes, 1);
    for (const std::int32_t k : labels_.values())
      weights[static_cast<std::size_t>(k)] -= 1 / static_cast<double>(labels_.numel());
    return weights;
  }

 private:
  Tensor<float, 4> images_;
  paser::Labels labels_;
};

AnySegmenter network(std::size_t k, Index width, Key key) {
  const paser::Index widths[] = {8, 16, width}, depths[] = {2, 4, 4};
  return paser::models::UNet<float>({.in = 1, .classes = 3, .width = widths[k], .depth = depths[k]}, key);
}

/// The value below which this share of the values lies.
double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

void print(const std::string& what, const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  std::cout << what << ": mean " << report::fixed(sum / static_cast<double>(values.size()), 3)
            << ", percentiles 10/50/90 ";
  for (const double share : {0.1, 0.5, 0.9})
    std::cout << report::fixed(percentile(values, share), 3) << (share < 0.9 ? " / " : "\n");
}

int run(const Arguments& a) {
  paser::data::ElectrodeParameters parameters;
  for (const std::string& setting : a.settings) electrodes::apply(setting, parameters);
  paser::check<paser::ValueError>(a.width == 32 || a.width == 64, "--width", a.width, ", expected 32 or 64");
  paser::check<paser::ValueError>(a.train > 0 && a.validation > 0 && a.test > 0 && a.batch > 0, "electrode_difficulty",
                                  "every set and the batch need at least one image");
  if (a.threads > 0) paser::set_threads(a.threads);
  const Key key{a.seed};
  // The keys of make_electrodes' parts.
  const Set train(key.fold(0), a.train, parameters), validation(key.fold(1), a.validation, parameters),
      test(key.fold(2), a.test, parameters);
  const paser::data::PatchGrid grid{4, 4};
  const report::InterruptGuard guard;
  std::array<std::vector<double>, 3> iou;
  for (std::size_t k = 0; k < 3; ++k) {
    const std::string name = paser::message("f", k + 1);
    AnySegmenter model = network(k, a.width, key.fold(10 + k));
    pipeline::PretrainOptions<float> options;
    options.epochs = a.epochs[k];
    options.batch = a.batch;
    options.learning_rate = a.rates[k];
    options.final_rate = 0.1;
    if (k > 0) options.grid = grid;
    options.supervised.class_weights = train.weights();
    options.supervised.micro_batch = k > 0 ? 16 : 1;
    pipeline::Stage stage{.name = name};
    report::Progress progress(name, a.epochs[k] * ((a.train + a.batch - 1) / a.batch));
    stage.callbacks.progress = [&](Index done, Index, const std::string& note) { progress.update(done, note); };
    stage.callbacks.interrupted = [] { return report::interrupted(); };
    if (!pipeline::pretrain(model, train, validation, options, stage, key.fold(20 + k))) return program::interrupted;
    progress.finish();
    const auto labels = paser::argmax_channels(
        pipeline::predict_logits_on_grid(model, test.images(), options.grid, options.supervised.micro_batch));
    const auto classes = paser::metrics::class_iou(paser::metrics::confusion(labels, test.labels(), 3));
    std::cout << name << ": IoU of pore, carbon, nickel";
    for (const double c : classes) std::cout << " " << report::fixed(c, 3);
    const auto patches = paser::metrics::patch_iou(labels, test.labels(), 3, grid);
    iou[k].assign(patches.data(), patches.data() + patches.numel());
    print("; of patches", iou[k]);
  }
  for (std::size_t k = 1; k < 3; ++k) {
    std::vector<double> gain;
    for (std::size_t i = 0; i < iou[k].size(); ++i) gain.push_back(iou[k][i] - iou[0][i]);
    print(paser::message("f", k + 1, " - f1 on patches"), gain);
  }
  return program::done;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("Measures how much larger networks gain on synthetic electrodes, patch by patch.");
  app.add_option("--seed", a.seed, "of everything")->capture_default_str();
  app.add_option("--train", a.train, "images")->capture_default_str();
  app.add_option("--validation", a.validation, "images")->capture_default_str();
  app.add_option("--test", a.test, "images")->capture_default_str();
  app.add_option("--batch", a.batch, "images per step")->capture_default_str();
  app.add_option("--epochs", a.epochs, "of f1, f2, f3")->expected(3)->capture_default_str();
  app.add_option("--rates", a.rates, "learning rates of f1, f2, f3")->expected(3)->capture_default_str();
  app.add_option("--width", a.width, "of f3: 64, or 32 for a quicker stand-in")->capture_default_str();
  app.add_option("--set", a.settings, "a parameter of the recipe, as name=value or name=low,high; repeatable");
  app.add_option("--threads", a.threads, "at most so many; default: all cores");
  return program::run(app, argc, argv, [&](const std::string&) { return run(a); });
}
