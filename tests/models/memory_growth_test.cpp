#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "paser/report/memory.hpp"

namespace memory_growth_test {

using namespace paser;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool keeps_freed_memory = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool keeps_freed_memory = true;
#else
constexpr bool keeps_freed_memory = false;
#endif
#else
constexpr bool keeps_freed_memory = false;
#endif

/// Resident memory without the buffers that the pool keeps for later, whose bound memory_test.cpp checks.
std::size_t memory() {
  const std::size_t idle = BufferPool::instance().idle_bytes(), resident = report::resident_bytes();
  return resident > idle ? resident - idle : 0;
}

/// Runs step(i) many times; memory must not grow after the first tenth.
template <class Step>
void check_steady(std::uint64_t steps, const Step& step) {
  std::size_t resident = 0, held = 0;
  for (std::uint64_t i = 0; i < steps; ++i) {
    step(i);
    if (i != steps / 10) continue;
    resident = memory();
    held = BufferPool::instance().use().current;
  }
  CHECK(BufferPool::instance().use().current == held);
  if (keeps_freed_memory) return;
  REQUIRE(resident > 0);
  CHECK(memory() <= resident + std::max<std::size_t>(std::size_t{2} << 20, resident / 100));
}

// Case A17.
TEST_CASE("memory does not grow with training steps, nor with predictions of ever new sizes") {
  models::StaticUNet<1, 3, 2, 1> model{Key{1}};
  const auto images = uniform<float>(Key{2}, Shape{2, 16, 16, 1}, 0, 1);
  const Labels labels = Labels::full({2, 16, 16}, 1);
  optim::Adam<float> adam({});
  check_steady(500, [&](std::uint64_t i) {
    const auto result = value_and_gradients<float>(
        run::training, Key{i}, [&](auto& ctx) { return cross_entropy(model(ctx, ctx.constant(images)), labels); });
    adam.step(model, result.gradients);
  });
  infer(model, Tensor<float, 4>::zeros({1, 256, 256, 1}));
  check_steady(500, [&](std::uint64_t i) {
    const auto side = [&](std::uint64_t k) { return 16 + static_cast<Index>(Key{3}.uniform_int(2 * i + k, 240)); };
    infer(model, Tensor<float, 4>::zeros({1, side(0), side(1), 1}));
  });
}

}  // namespace memory_growth_test
