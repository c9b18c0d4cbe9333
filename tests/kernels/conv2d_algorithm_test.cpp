#include "paser/kernels/conv/algorithm.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/ops/conv2d.hpp"

using namespace paser;
using kernels::choose_algorithm;
using kernels::ConvDirection;
using kernels::ConvShape;

namespace {

ConvShape conv3x3(Index n, Index h, Index w, Index c, Index k, ConvAlgorithm algorithm = ConvAlgorithm::automatic) {
  return {n, h, w, c, k, 3, 3, {.padding = {1, 1}, .algorithm = algorithm}};
}

constexpr ConvDirection directions[] = {ConvDirection::forward, ConvDirection::backward_input,
                                        ConvDirection::backward_weight};

}  // namespace

TEST_CASE("convolution algorithms have names") {
  for (const auto algorithm :
       {ConvAlgorithm::automatic, ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4})
    CHECK(conv_algorithm(name(algorithm)) == algorithm);
  CHECK(conv_algorithm("winograd_4x4") == ConvAlgorithm::winograd_4x4);
  CHECK_THROWS_AS(conv_algorithm("winograd_4x"), ValueError);
  CHECK_THROWS_WITH(conv_algorithm("winograd_4x"),
                    "unknown convolution algorithm 'winograd_4x', did you mean 'winograd_4x4'? Known: automatic, "
                    "direct, winograd_2x2, winograd_4x4");
}

TEST_CASE("the plan takes large tiles for many pixels, small ones for few, and direct summation for few channels") {
  for (const auto direction : directions) {
    CHECK(choose_algorithm(conv3x3(16, 56, 64, 64, 64), direction) == ConvAlgorithm::winograd_4x4);
    CHECK(choose_algorithm(conv3x3(16, 7, 8, 512, 512), direction) == ConvAlgorithm::winograd_4x4);
    CHECK(choose_algorithm(conv3x3(1, 7, 8, 512, 512), direction) == ConvAlgorithm::winograd_2x2);
    CHECK(choose_algorithm(conv3x3(1, 224, 256, 4, 8), direction) == ConvAlgorithm::direct);
    CHECK(choose_algorithm(conv3x3(1, 224, 256, 3, 64), direction) == ConvAlgorithm::direct);
  }
  CHECK(choose_algorithm(conv3x3(1, 1, 1, 64, 64), ConvDirection::forward) == ConvAlgorithm::direct);
  // A third of the taps lie in the padding.
  for (const Index batch : {1, 4, 8})
    CHECK(choose_algorithm(conv3x3(batch, 3, 4, 512, 512), ConvDirection::backward_weight) == ConvAlgorithm::direct);
  CHECK(choose_algorithm(conv3x3(16, 3, 4, 512, 512), ConvDirection::backward_weight) == ConvAlgorithm::winograd_4x4);
  CHECK(choose_algorithm({1, 56, 64, 64, 64, 3, 3, {.stride = {2, 2}, .padding = {1, 1}}}, ConvDirection::forward) ==
        ConvAlgorithm::direct);
}

TEST_CASE("an algorithm can be forced") {
  for (const auto algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4})
    for (const auto direction : directions)
      CHECK(choose_algorithm(conv3x3(16, 56, 64, 64, 64, algorithm), direction) == algorithm);
  const auto x = uniform<float>(Key{1},
                                Shape{
                                    2,
                                    9,
                                    10,
                                    16,
                                },
                                -1, 1);
  const auto weight = uniform<float>(Key{2}, Shape{3, 3, 16, 24}, -1, 1);
  const auto run = [&](ConvAlgorithm algorithm) {
    return conv2d(x, weight, {.padding = {1, 1}, .algorithm = algorithm});
  };
  const auto direct = run(ConvAlgorithm::direct), small = run(ConvAlgorithm::winograd_2x2),
             large = run(ConvAlgorithm::winograd_4x4);
  const auto close = [](const auto& a, const auto& b) {
    const double difference = max_abs_difference(a, b);
    return difference > 0 && difference < 1e-4;  // other rounding, the same convolution
  };
  CHECK(close(direct, small));
  CHECK(close(direct, large));
  CHECK(close(small, large));
}

TEST_CASE("an algorithm that cannot compute a convolution is refused") {
  const Tensor<float, 4> x({1, 9, 9, 4}), weight({3, 3, 4, 4});
  CHECK_THROWS_AS(conv2d(x, weight, {.stride = {2, 2}, .algorithm = ConvAlgorithm::winograd_4x4}), ValueError);
  CHECK_THROWS_WITH(conv2d(x, weight, {.stride = {2, 2}, .algorithm = ConvAlgorithm::winograd_4x4}),
                    Catch::Contains("winograd_4x4 computes 3x3 kernels of stride 1"));
}
