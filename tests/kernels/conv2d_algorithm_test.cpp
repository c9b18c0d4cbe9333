#include "paser/kernels/conv/algorithm.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "kernels/convolutions.hpp"
#include "paser/core/isa.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv/cost_model.hpp"
#include "paser/ops/conv2d.hpp"

using namespace paser;
using kernels::choose_algorithm;
using kernels::ConvDirection;
using kernels::ConvShape;

namespace {

std::vector<ConvShape> some_layers() {
  std::vector<ConvShape> layers;
  for (const Index n : {1, 16})
    for (const Index side : {1, 3, 8, 56})
      for (const Index c : {4, 8, 16, 64, 512})
        for (const Index k : {8, 12, 32, 256}) layers.push_back(conv3x3(n, side, side + 1, c, k));
  return layers;
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

TEST_CASE("the plan takes large tiles for many pixels, and direct summation for few channels or where no tiles fit") {
  for (const auto direction : directions) {
    CHECK(choose_algorithm(conv3x3(16, 56, 64, 64, 64), direction) == ConvAlgorithm::winograd_4x4);
    CHECK(choose_algorithm(conv3x3(1, 7, 8, 512, 512), direction) != ConvAlgorithm::direct);
    CHECK(choose_algorithm(conv3x3(1, 224, 256, 4, 8), direction) == ConvAlgorithm::direct);
    CHECK(choose_algorithm(conv3x3(1, 224, 256, 3, 64), direction) == ConvAlgorithm::direct);
    for (const Conv2dOptions& options :
         {Conv2dOptions{.stride = {2, 2}, .padding = {1, 1}}, Conv2dOptions{.padding = {1, 1}, .dilation = {2, 2}},
          Conv2dOptions{.padding = {1, 1}, .groups = 2}, Conv2dOptions{.padding = {3, 3}}})
      CHECK(choose_algorithm({16, 56, 64, 64, 64, 3, 3, options}, direction) == ConvAlgorithm::direct);
    CHECK(choose_algorithm({16, 56, 64, 64, 64, 5, 5, {.padding = {2, 2}}}, direction) == ConvAlgorithm::direct);
    // Dilated taps that keep the size are plain ones of the phases, where these are not too small for the tiles.
    CHECK(choose_algorithm({1, 32, 32, 512, 512, 3, 3, {.padding = {2, 2}, .dilation = {2, 2}}}, direction) !=
          ConvAlgorithm::direct);
    CHECK(choose_algorithm({1, 32, 32, 2048, 256, 3, 3, {.padding = {18, 18}, .dilation = {18, 18}}}, direction) ==
          ConvAlgorithm::direct);
  }
  CHECK(choose_algorithm(conv3x3(1, 1, 1, 64, 64), ConvDirection::forward) == ConvAlgorithm::direct);
}

TEST_CASE("the plan is what the table of the instruction set calls fastest, for any number of threads") {
  const auto& costs = isa() == "x86-64-v4" ? kernels::detail::costs_x86_64_v4
                      : isa() == "x86-64"  ? kernels::detail::costs_x86_64
                                           : kernels::detail::costs_x86_64_v3;
  CHECK(&kernels::detail::conv_costs() == &costs);
  for (const auto direction : directions)
    for (const auto& s : some_layers()) {
      const auto chosen = choose_algorithm(s, direction);
      CHECK(chosen == kernels::detail::plan_convolution(s, direction, costs).algorithm);
      for (const int threads : {1, 2, 5}) {
        set_threads(threads);
        CHECK(choose_algorithm(s, direction) == chosen);
      }
      set_threads(0);
    }
}

TEST_CASE("every table of costs") {
  const auto* const costs =
      GENERATE(&kernels::detail::costs_x86_64, &kernels::detail::costs_x86_64_v3, &kernels::detail::costs_x86_64_v4);
  const auto direction = GENERATE(from_range(std::begin(directions), std::end(directions)));
  const auto plan = [&](const ConvShape& s) { return kernels::detail::plan_convolution(s, direction, *costs); };
  const auto& rows = (*costs)[static_cast<std::size_t>(direction)].rows;

  SECTION("has no negative cost, and some for every product") {
    for (const auto& row : rows) CHECK((row.a > 0 && row.b >= 0 && row.c >= 0));
  }
  SECTION("is followed to the least time, and Winograd is left to layers that fit") {
    for (const auto& s : some_layers()) {
      const auto work = kernels::detail::conv_work(s, direction);
      double times[3];
      for (std::size_t i = 0; i < 3; ++i) times[i] = conv_time(rows[i], work[i]);
      const auto least = std::min_element(times, times + 3) - times;
      const ConvAlgorithm algorithms[] = {ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2,
                                          ConvAlgorithm::winograd_4x4};
      const auto [algorithm, weight_share] = plan(s);
      CHECK(algorithm == algorithms[kernels::detail::fits_winograd(s, direction, *costs) ? least : 0]);
      CHECK((weight_share >= 0 && weight_share <= 1));
    }
  }
  SECTION("makes the choice pass from one algorithm to the next as the batch grows, never back") {
    for (auto s : some_layers()) {
      std::vector<ConvAlgorithm> left;
      for (s.n = 1; s.n < 64; ++s.n) {
        const auto algorithm = plan(s).algorithm;
        if (!left.empty() && left.back() == algorithm) continue;
        CHECK(std::find(left.begin(), left.end(), algorithm) == left.end());
        left.push_back(algorithm);
      }
    }
  }
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

TEST_CASE("Winograd's algorithm may be named for a dilated convolution, and gives its answer and gradients") {
  const auto x = uniform<float>(Key{1}, Shape{2, 13, 10, 16}, -1, 1);
  const auto weight = uniform<float>(Key{2}, Shape{3, 3, 16, 24}, -1, 1);
  struct Result {
    Tensor<float, 4> y, dx, dweight;
  };
  const auto run = [&](ConvAlgorithm algorithm) {
    Tape<float> tape;
    const auto in = tape.variable(x), by = tape.variable(weight);
    const auto y = conv2d(in, by, {.padding = {2, 3}, .dilation = {2, 3}, .algorithm = algorithm});
    tape.backward(y, uniform<float>(Key{3}, y.shape(), -1, 1));
    return Result{y.value(), tape.gradient(in), tape.gradient(by)};
  };
  const Result direct = run(ConvAlgorithm::direct);
  for (const ConvAlgorithm algorithm : {ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4}) {
    const Result winograd = run(algorithm);
    const auto close = [](const auto& a, const auto& b) {
      const double difference = max_abs_difference(a, b);
      return difference > 0 && difference < 1e-4;
    };
    CHECK(close(direct.y, winograd.y));
    CHECK(close(direct.dx, winograd.dx));
    CHECK(close(direct.dweight, winograd.dweight));
  }
  CHECK_THROWS_WITH(
      conv2d(x, weight, {.padding = {1, 1}, .dilation = {2, 2}, .algorithm = ConvAlgorithm::winograd_2x2}),
      Catch::Contains("by the dilation"));
}

TEST_CASE("an algorithm that cannot compute a convolution is refused") {
  const Tensor<float, 4> x({1, 9, 9, 4}), weight({3, 3, 4, 4});
  CHECK_THROWS_AS(conv2d(x, weight, {.stride = {2, 2}, .algorithm = ConvAlgorithm::winograd_4x4}), ValueError);
  CHECK_THROWS_WITH(conv2d(x, weight, {.stride = {2, 2}, .algorithm = ConvAlgorithm::winograd_4x4}),
                    Catch::Contains("winograd_4x4 computes 3x3 kernels of stride 1"));
}
