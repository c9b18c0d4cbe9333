/// The paser side of scripts/bench_peers.py: reads one workload a line from standard input,
///   name in classes width depth batch height width training
/// runs it once, and prints the milliseconds that it took. A workload is set up when its name is first seen.

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>

#include "paser/models/segmenter.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"

namespace {

using namespace paser;

models::Segmenter<float> network(Index width, Index depth) {
  if (width == 8 && depth == 2) return models::UNet<1, 3, 8, 2>(Key{1});
  if (width == 16 && depth == 4) return models::UNet<1, 3, 16, 4>(Key{1});
  if (width == 64 && depth == 4) return models::UNet<1, 3, 64, 4>(Key{1});
  throw ValueError(message("no network of width ", width, " and depth ", depth));
}

Labels random_labels(Key key, Index n, Index h, Index w) {
  Labels labels({n, h, w});
  std::int32_t* out = labels.mutable_data();
  for (Index i = 0; i < labels.numel(); ++i)
    out[i] = static_cast<std::int32_t>(key.below(static_cast<std::uint64_t>(i), 3));
  return labels;
}

/// A function that runs the workload once.
std::function<void()> workload(Index width, Index depth, Index batch, Index h, Index w, bool training) {
  auto model = std::make_shared<models::Segmenter<float>>(network(width, depth));
  const auto image = uniform<float>(Key{2}, Shape<4>{batch, h, w, 1});
  if (!training) return [=] { evaluate(*model, image); };
  auto adam = std::make_shared<optim::Adam<float>>(optim::AdamOptions{.learning_rate = 1e-4});
  const Labels labels = random_labels(Key{3}, batch, h, w);
  return [=, step = std::uint64_t{0}]() mutable {
    const auto result = value_and_gradients<float>(run::training, Key{4}.fold(step++), [&](auto& ctx) {
      return cross_entropy((*model)(ctx, ctx.constant(image)), labels);
    });
    adam->step(*model, result.gradients);
  };
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) set_threads(std::stoi(argv[1]));
  std::map<std::string, std::function<void()>> workloads;
  std::string name;
  Index in, classes, width, depth, batch, h, w, training;
  while (std::cin >> name >> in >> classes >> width >> depth >> batch >> h >> w >> training) {
    auto& run_once = workloads[name];
    if (!run_once) run_once = workload(width, depth, batch, h, w, training != 0);
    const auto start = std::chrono::steady_clock::now();
    run_once();
    std::cout << std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count()
              << std::endl;
  }
}
