/// Prints the peak resident memory of the large UNet:
///   peak_memory inference [micro batch]   a batch of 16 patches of 56x64, so many at once (16)
///   peak_memory kept [micro batch]        the same with transformed weights kept from run to run
///   peak_memory training [micro batch]    one training step (Adam) of 512 such patches, 16 at once

#include <iostream>
#include <string>

#include "paser/models/unet.hpp"
#include "paser/optim/adam.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/supervised.hpp"
#include "paser/report/memory.hpp"

namespace {

using namespace paser;
using Large = models::UNet<1, 3, 64, 4>;

void infer(Index micro_batch, FilterCache<float>* filters) {
  const models::Segmenter<float> model = Large(Key{1});
  const auto patches = uniform<float>(Key{2}, Shape<4>{16, 56, 64, 1});
  for (int i = 0; i < 3; ++i) pipeline::predict_logits(model, patches, micro_batch, filters);
  if (filters) std::cout << "transformed weights " << filters->bytes() / (1 << 20) << " MiB\n";
}

void train(Index micro_batch) {
  models::Segmenter<float> model = Large(Key{1});
  optim::Adam<float> adam({.learning_rate = 1e-4});
  constexpr Index patches = 512;
  const auto images = uniform<float>(Key{2}, Shape<4>{patches, 56, 64, 1});
  Labels labels({patches, 56, 64});
  std::vector<std::uint64_t> ids;
  std::int32_t* const out = labels.mutable_data();
  for (Index i = 0; i < labels.numel(); ++i)
    out[i] = static_cast<std::int32_t>(Key{3}.below(static_cast<std::uint64_t>(i), 3));
  for (Index i = 0; i < patches; ++i) ids.push_back(static_cast<std::uint64_t>(i));
  pipeline::SupervisedOptions<float> options;
  options.micro_batch = micro_batch;
  const auto result = pipeline::supervised_gradients(model, images, labels, ids, Key{4}, options);
  adam.step(model, result.gradients);
  std::cout << "loss " << result.loss << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const Index micro_batch = argc > 2 ? std::stoi(argv[2]) : 16;
  FilterCache<float> filters;
  if (what == "inference" || what == "kept") {
    infer(micro_batch, what == "kept" ? &filters : nullptr);
  } else if (what == "training") {
    train(micro_batch);
  } else {
    std::cerr << "usage: peak_memory inference | kept | training [micro batch]\n";
    return 2;
  }
  std::cout << "peak resident memory " << report::peak_resident_bytes() / (1 << 20) << " MiB, of which tensors "
            << BufferPool::instance().use().peak / (1 << 20) << " MiB\n";
}
