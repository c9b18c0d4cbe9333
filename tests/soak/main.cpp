/// A long run in one process: a training of many epochs, and predictions of images of random sizes by four threads that
/// share the model. Memory must stay flat, threads few, and results the same.
///   soak [EPOCHS [PREDICTIONS]]      of seconds without arguments; scripts/soak has the long form

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "paser/autograd/context.hpp"
#include "paser/io/state.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace paser;

using Model = models::StaticUNet<1, 2, 2, 1>;

int failures = 0;

void expect(bool holds, const std::string& what) {
  if (holds) return;
  ++failures;
  std::cerr << "FAILED: " << what << "\n";
}

/// Kilobytes of memory that the process has touched.
long resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

long threads_now() {
  long count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

/// Memory since the first fifth of a run, by when it has met all that it needs, and threads at any time.
class Watch {
 public:
  explicit Watch(std::string name) : name_(std::move(name)) {}

  void look(long done, long all) {
    most_threads_ = std::max(most_threads_, threads_now());
    const long now = resident();
    if (done * 5 <= all)
      early_ = std::max(early_, now);
    else
      late_ = std::max(late_, now);
  }

  /// `callers`: threads of the program's own.
  void judge(long callers) const {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr long allowed = 1 << 20;  // their own
#else
    constexpr long allowed = 2048;
#endif
    std::cout << name_ << ": " << early_ << " KB in the first fifth, " << late_ << " KB at most later, "
              << most_threads_ << " threads\n";
    expect(late_ <= early_ + allowed, name_ + ": memory grows");
    expect(most_threads_ <= callers + threads(), name_ + ": threads pile up");
  }

 private:
  std::string name_;
  long early_ = 0, late_ = 0, most_threads_ = 0;
};

/// The model after so many epochs on eight images, and the last loss.
std::pair<Model, float> trained(long epochs) {
  std::pair<Model, float> result{Model(Key{1}), 0.0f};
  Model& model = result.first;
  float& loss = result.second;
  optim::Adam<float> adam{{.learning_rate = 1e-2}};
  const auto images = uniform<float>(Key{2}, Shape{8, 16, 16, 1}, 0, 1);
  Labels labels({8, 16, 16});
  for (Index i = 0; i < labels.numel(); ++i) labels.mutable_data()[i] = images.data()[i] > 0.5f ? 1 : 0;
  Watch watch("training");
  for (long epoch = 0; epoch < epochs; ++epoch) {
    const auto step =
        value_and_gradients<float>(run::training, Key{4}.fold(static_cast<std::uint64_t>(epoch)),
                                   [&](auto& ctx) { return cross_entropy(model(ctx, ctx.constant(images)), labels); });
    adam.step(model, step.gradients);
    loss = step.value;
    watch.look(epoch, epochs);
  }
  watch.judge(1);
  return result;
}

void train(long epochs, Model& model) {
  const auto first = trained(epochs), second = trained(epochs);
  const io::StateDict one = io::state_dict(first.first), two = io::state_dict(second.first);
  expect(!one.empty() && std::equal(one.begin(), one.end(), two.begin(), two.end(),
                                    [](const auto& a, const auto& b) {
                                      return a.first == b.first && same_bits(a.second.bytes, b.second.bytes);
                                    }),
         "two trainings end with the same bits");
  expect(first.second < 0.68f,
         "the training learns: a guess has 0.69, and its loss is " + std::to_string(first.second));
  model = first.first;
}

void predict_for_long(const Model& model, long predictions) {
  constexpr long callers = 4;
  constexpr Index sides = 12, step = 4;
  const auto image = [](Index h, Index w) { return uniform<float>(Key{5}, Shape{1, h, w, 1}, 0, 1); };
  std::map<std::pair<Index, Index>, Tensor<float, 4>> want;
  for (Index h = step; h <= sides * step; h += step)
    for (Index w = step; w <= sides * step; w += step) want[{h, w}] = infer(model, image(h, w));
  std::atomic<long> done{0}, wrong{0};
  std::vector<std::thread> pool;
  for (long t = 0; t < callers; ++t)
    pool.emplace_back([&, t] {
      for (std::uint64_t i = 0; done.fetch_add(1) < predictions; ++i) {
        const Key key = Key{6}.fold(static_cast<std::uint64_t>(t)).fold(i);
        const Index h = step * (1 + key.uniform_int(0, sides)), w = step * (1 + key.uniform_int(1, sides));
        if (!same_bits(infer(model, image(h, w)), want.at({h, w}))) ++wrong;
      }
    });
  Watch watch("predictions");
  for (long now = 0; now < predictions; now = done) {
    watch.look(now, predictions);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (auto& thread : pool) thread.join();
  watch.judge(callers + 1);
  expect(wrong == 0, std::to_string(wrong) + " predictions differ from those of one thread alone");
}

}  // namespace

int main(int argc, char** argv) {
  const long epochs = argc > 1 ? std::atol(argv[1]) : 20, predictions = argc > 2 ? std::atol(argv[2]) : 500;
  Model model(Key{9});
  train(epochs, model);
  predict_for_long(model, predictions);
  std::cout << epochs << " epochs twice, " << predictions << " predictions by 4 threads: " << failures << " failures\n";
  return failures == 0 ? 0 : 1;
}
