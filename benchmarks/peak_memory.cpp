/// Prints the peak resident memory of the large UNet:
///   peak_memory inference [micro batch]   a batch of 16 patches of 56x64, so many at once (16)
///   peak_memory kept [micro batch]        the same with transformed weights kept from run to run
///   peak_memory training [micro batch]    one training step (Adam) of 512 such patches, 16 at once
/// and what a training step of the medium UNet on 16 such patches costs by the size of the parts whose gradients are
/// added:
///   peak_memory parts [rounds]            milliseconds of so many steps (9) of each size in turn, and MiB of tensors

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "count_argument.hpp"
#include "paser/models/unet.hpp"
#include "paser/optim/adam.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/supervised.hpp"
#include "paser/report/memory.hpp"

namespace {

using namespace paser;
using Large = models::StaticUNet<1, 3, 64, 4>;

void infer(Index micro_batch, FilterCache<float>* filters) {
  const models::AnySegmenter<float> model = Large(Key{1});
  const auto patches = uniform<float>(Key{2}, Shape<4>{16, 56, 64, 1});
  for (int i = 0; i < 3; ++i) pipeline::predict_logits(model, patches, micro_batch, filters);
  if (filters) std::cout << "transformed weights " << filters->bytes() / (1 << 20) << " MiB\n";
}

/// Patches with random labels.
struct Batch {
  Tensor<float, 4> images;
  Labels labels;
  std::vector<std::uint64_t> ids;

  explicit Batch(Index patches)
      : images(uniform<float>(Key{2}, Shape<4>{patches, 56, 64, 1})), labels({patches, 56, 64}) {
    std::int32_t* const out = labels.mutable_data();
    for (Index i = 0; i < labels.numel(); ++i)
      out[i] = static_cast<std::int32_t>(Key{3}.uniform_int(static_cast<std::uint64_t>(i), 3));
    for (Index i = 0; i < patches; ++i) ids.push_back(static_cast<std::uint64_t>(i));
  }
};

void train(Index micro_batch) {
  models::AnySegmenter<float> model = Large(Key{1});
  optim::Adam<float> adam({.learning_rate = 1e-4});
  const Batch batch(512);
  pipeline::SupervisedOptions<float> options;
  options.micro_batch = micro_batch;
  const auto result = pipeline::supervised_gradients(model, batch.images, batch.labels, batch.ids, Key{4}, options);
  adam.step(model, result.gradients);
  std::cout << "loss " << result.loss << '\n';
}

/// A way to make a training step, and what it took.
struct Way {
  std::string name;
  std::function<void()> step;
  std::vector<double> ms{};
  std::size_t bytes = 0;
};

void compare_parts(int rounds) {
  models::AnySegmenter<float> model = models::StaticUNet<1, 3, 16, 4>(Key{1});
  optim::Adam<float> adam({.learning_rate = 1e-4});
  const Batch batch(16);
  const auto on_parts_of = [&](Index images) {
    return [&, images] {
      pipeline::SupervisedOptions<float> options;
      options.micro_batch = 16;
      options.part_images = images;
      adam.step(
          model,
          pipeline::supervised_gradients(model, batch.images, batch.labels, batch.ids, Key{4}, options).gradients);
    };
  };
  std::vector<Way> ways{{"without parts", [&] {
                           adam.step(model, value_and_gradients<float>(run::training, Key{4}, [&](auto& ctx) {
                                              return cross_entropy(model(ctx, ctx.constant(batch.images)),
                                                                   batch.labels);
                                            }).gradients);
                         }}};
  for (const Index images : {16, 4, 1}) ways.push_back({message("parts of ", images), on_parts_of(images)});
  ways.front().step();  // from here on the optimizer has its state
  for (Way& way : ways) {
    BufferPool::instance().reset_peak();
    way.step();
    way.bytes = BufferPool::instance().use().peak;
  }
  for (int round = -1; round < rounds; ++round) {  // the first is not timed
    std::reverse(ways.begin(), ways.end());
    for (Way& way : ways) {
      const auto start = std::chrono::steady_clock::now();
      way.step();
      const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - start;
      if (round >= 0) way.ms.push_back(ms.count());
    }
  }
  for (Way& way : ways) {
    const auto middle = way.ms.begin() + rounds / 2;
    std::nth_element(way.ms.begin(), middle, way.ms.end());
    std::cout << way.name << ": " << *middle << " ms, least " << *std::min_element(way.ms.begin(), way.ms.end())
              << ", tensors " << way.bytes / (1 << 20) << " MiB\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const int number = benchmark_program::count_argument(argc, argv, 2, what == "parts" ? 9 : 16, "images");
  FilterCache<float> filters;
  if (what == "inference" || what == "kept") {
    infer(number, what == "kept" ? &filters : nullptr);
  } else if (what == "training") {
    train(number);
  } else if (what == "parts") {
    compare_parts(number);
  } else {
    std::cerr << "usage: peak_memory inference | kept | training [micro batch], or parts [rounds]\n";
    return 2;
  }
  std::cout << "peak resident memory " << report::peak_resident_bytes() / (1 << 20) << " MiB, of which tensors "
            << BufferPool::instance().use().peak / (1 << 20) << " MiB\n";
}
