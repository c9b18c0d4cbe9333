#include "paser/ops/argmax_channels.hpp"

#include <catch2/catch.hpp>
#include <cmath>

namespace argmax_channels_test {

using namespace paser;
using Catch::Contains;

constexpr float inf = std::numeric_limits<float>::infinity();

/// Two images of 2 x 3 pixels and three classes, of which the third is the largest but in one pixel.
Tensor<float, 4> logits_with(std::vector<float> pixel, Index at) {
  Tensor<float, 4> x({2, 2, 3, 3});
  for (Index i = 0; i < x.numel(); ++i) x.mutable_data()[i] = static_cast<float>(i % 3);
  std::copy(pixel.begin(), pixel.end(), x.mutable_data() + 3 * at);
  return x;
}

TEST_CASE("the largest class wins, ties go to the lowest") {
  const auto labels = argmax_channels(logits_with({4, 4, 3}, 7));
  CHECK(labels(0, 0, 0) == 2);
  CHECK(labels(1, 0, 1) == 0);
}

TEST_CASE("a pixel whose logits are not numbers has no label, and is named") {
  for (const std::vector<float>& pixel :
       {std::vector<float>{NAN, NAN, NAN}, {0, NAN, 1}, {0, 1, inf}, {inf, -inf, 0}}) {
    CHECK_THROWS_AS(argmax_channels(logits_with(pixel, 10)), NotFiniteError);
    CHECK_THROWS_WITH(argmax_channels(logits_with(pixel, 10)), Contains("row 1, column 1 of image 1"));
  }
  CHECK_THROWS_WITH(argmax_channels(logits_with({0, NAN, 1}, 0)),
                    Contains("class 1 has nan at row 0, column 0 of image 0"));
  CHECK_THROWS_WITH(argmax_channels(logits_with({-inf, -inf, -inf}, 11)), Contains("no class has a finite number"));
}

TEST_CASE("a class that cannot be, of logit minus infinity, may stand beside a number, and hides nothing behind it") {
  CHECK(argmax_channels(logits_with({-inf, 0, -inf}, 2))(0, 0, 2) == 1);
  auto x = logits_with({-inf, 0, -1}, 2);
  x.mutable_data()[35] = NAN;
  CHECK_THROWS_WITH(argmax_channels(x), Contains("class 2 has nan at row 1, column 2 of image 1"));
}

TEST_CASE("a pixel that is not a number is found in whichever part of an image it is") {
  for (const Index at : {0, 2047, 2048, 5000, 9999}) {
    auto x = Tensor<float, 4>::zeros({1, 100, 100, 2});
    x.mutable_data()[2 * at + 1] = 1;
    const auto labels = argmax_channels(x);
    for (Index i = 0; i < labels.numel(); ++i)
      if (labels.data()[i] != (i == at ? 1 : 0)) FAIL("pixel " << i << " is " << labels.data()[i]);
    x.mutable_data()[2 * at + 1] = NAN;
    CHECK_THROWS_WITH(argmax_channels(x), Contains(message("row ", at / 100, ", column ", at % 100, " of image 0")));
  }
}

}  // namespace argmax_channels_test
