#include "paser/nn/conv2d.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/gradient_check.hpp"

using namespace paser;

TEST_CASE("nn::Conv2d starts within one over the root of its fan-in, as torch.nn.Conv2d") {
  const nn::Conv2d<double> layer({.in = 8, .out = 6, .kernel = 2, .options = {.groups = 2}}, Key{7});
  CHECK(layer.weight.value.shape() == Shape{2, 2, 4, 6});
  CHECK(nn::count_parameters(layer) == 2 * 2 * 4 * 6 + 6);
  double largest = 0;
  for (const double w : layer.weight.value.values()) largest = std::max(largest, std::abs(w));
  CHECK(largest <= 0.25);  // fan-in 16
  CHECK(largest > 0.2);
  CHECK(nn::gradient_check(layer, run::inference, Key{}, normal<double>(Key{1}, Shape{2, 5, 4, 8})).passed);
}

TEST_CASE("a He normal start goes by all outputs, as torch.nn.init counts the fan-out of grouped convolutions") {
  for (const Index groups : {1, 4, 64}) {
    const nn::Conv2d<double> layer({.in = 64,
                                    .out = 256,
                                    .kernel = 5,
                                    .options = {.groups = groups},
                                    .bias = false,
                                    .start = nn::ConvStart::he_normal},
                                   Key{3});
    double squares = 0;
    for (const double w : layer.weight.value.values()) squares += w * w;
    CHECK(squares / static_cast<double>(layer.weight.value.numel()) == Approx(2.0 / (25 * 256)).epsilon(0.05));
  }
}

TEST_CASE("nn::Conv2d without bias has one parameter") {
  const nn::Conv2d<double> layer({.in = 2, .out = 3, .kernel = 3, .bias = false}, Key{7});
  CHECK(nn::count_parameters(layer) == 54);
  CHECK(nn::gradient_check(layer, run::inference, Key{}, normal<double>(Key{1}, Shape{1, 5, 4, 2})).passed);
}

TEST_CASE("nn::Conv2d refuses channels that do not split") {
  CHECK_THROWS_WITH((nn::Conv2d<float>({.in = 3, .out = 4, .options = {.groups = 2}}, Key{})),
                    Catch::Contains("3 -> 4 channels do not split into 2 groups"));
  CHECK_THROWS_AS((nn::Conv2d<float>({.in = 0, .out = 4}, Key{})), ShapeError);
}
