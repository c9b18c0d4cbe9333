#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/pipeline/policy_data.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/routing_table.hpp"
#include "pipeline/toy.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace memory_bound_test {

/// The most bytes of tensors that `work` holds beside those that are there before it.
template <class F>
std::size_t peak_of(const F& work) {
  BufferPool& pool = BufferPool::instance();
  const std::size_t before = pool.use().current;
  pool.reset_peak();
  work();
  return pool.use().peak - before;
}

TEST_CASE("memory depends on the images that run at once, and not on how many a set has") {
  const models::AnySegmenter<float> model =
      models::UNet<float>({.in = 2, .classes = 2, .width = 4, .depth = 1, .dropout = 0.5}, Key{1});
  Paser<float> paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  paser.models = {model, model, model};
  paser.micro_batch = 2;
  const RewardOptions rewards{.costs = {0, 0.1, 1}, .classes = 2};
  const auto grow = [](const auto& work) {
    work(toy::Set(4));
    const std::size_t few = peak_of([&] { work(toy::Set(4)); }), many = peak_of([&] { work(toy::Set(60)); });
    return static_cast<double>(many) / static_cast<double>(few);
  };
  CHECK(grow([&](const toy::Set& set) {
          (void)validation_iou(model, set, {2, 2}, metrics::ClassMean::present, 4);
        }) < 1.2);
  CHECK(grow([&](const toy::Set& set) { (void)tabulate_routing(paser, set, 2, Key{1}); }) < 1.6);
  CHECK(grow([&](const toy::Set& set) { (void)tabulate_experts(paser, set, rewards); }) < 1.6);
}

TEST_CASE("a set that is cut for the memory's sake is computed in the same batches") {
  for (const Index micro_batch : {1, 2, 5, 16, 24, 200})
    for (const Index patches : {1, 4, 9, 16}) {
      const Index images = distributed::images_at_once(micro_batch, patches, 128);
      INFO(micro_batch << " " << patches);
      CHECK((images == 128 || images * patches % micro_batch == 0));
      CHECK((images >= 1 && images <= micro_batch));
    }
}

}  // namespace memory_bound_test
