#include "paser/ops/extend_to.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/core/rows.hpp"

using namespace paser;

namespace {

/// The values of a row of 1, 2, 3, extended to this width.
std::vector<float> row(Index width, Border border) {
  const auto y = extend_to(Tensor<float, 4>::from({1, 1, 3, 1}, {1, 2, 3}), 1, width, border);
  return {y.data(), y.data() + y.numel()};
}

}  // namespace

TEST_CASE("an image is extended by its mirrored or its last pixels") {
  CHECK(row(3, Border::mirrored) == std::vector<float>{1, 2, 3});
  CHECK(row(5, Border::mirrored) == std::vector<float>{1, 2, 3, 2, 1});
  CHECK(row(8, Border::mirrored) == std::vector<float>{1, 2, 3, 2, 1, 2, 3, 2});
  CHECK(row(5, Border::edge) == std::vector<float>{1, 2, 3, 3, 3});
  const auto one = extend_to(Tensor<float, 4>::full({1, 1, 1, 2}, 4.F), 2, 3, Border::mirrored);
  CHECK(one.shape() == Shape{1, 2, 3, 2});
  for (const float value : one.values()) CHECK(value == 4);
}

TEST_CASE("rows and columns are extended alike, for any number of channels and images") {
  const Index channels = GENERATE(1, 3, 9);
  const auto x = uniform<float>(Key{1}, Shape{2, 5, 4, channels}, -1, 1);
  for (const Border border : {Border::mirrored, Border::edge}) {
    const auto y = extend_to(x, 7, 9, border);
    for (Index n = 0; n < 2; ++n)
      for (Index i = 0; i < 7; ++i)
        for (Index j = 0; j < 9; ++j) {
          const auto inside = [&](Index at, Index size) {
            return border == Border::edge ? std::min(at, size - 1) : mirrored(at, size);
          };
          for (Index k = 0; k < channels; ++k) CHECK(y(n, i, j, k) == x(n, inside(i, 5), inside(j, 4), k));
        }
  }
}

TEST_CASE("an image is extended above and on the left too") {
  const auto x = Tensor<float, 4>::from({1, 1, 3, 1}, {1, 2, 3});
  const auto of = [&](Index width, Border border, Index left) {
    const auto y = extend_to(x, 2, width, border, 1, left);
    CHECK(max_abs_difference(slice_rows(y.reshape(Shape{2, width}), 0, 1),
                             slice_rows(y.reshape(Shape{2, width}), 1, 2)) == 0);
    return std::vector<float>(y.data(), y.data() + width);
  };
  CHECK(of(6, Border::mirrored, 2) == std::vector<float>{3, 2, 1, 2, 3, 2});
  CHECK(of(8, Border::mirrored, 5) == std::vector<float>{2, 1, 2, 3, 2, 1, 2, 3});
  CHECK(of(6, Border::edge, 2) == std::vector<float>{1, 1, 1, 2, 3, 3});
  CHECK_THROWS_WITH(extend_to(x, 1, 4, Border::edge, 0, 2), Catch::Contains("0 of them above and 2 on the left"));
}

TEST_CASE("the gradient of an extended image is that of its differences") {
  for (const Border border : {Border::mirrored, Border::edge}) {
    const auto result = gradient_check([&](const auto& x) { return extend_to(x, 11, 11, border, 3, 7); },
                                       uniform<double>(Key{2}, Shape{2, 5, 4, 3}, -1, 1));
    INFO(result.where << " " << result.worst);
    CHECK(result.passed);
  }
}

TEST_CASE("an image is not extended to less than it is") {
  const auto x = Tensor<float, 4>::zeros({1, 4, 4, 1});
  CHECK_THROWS_WITH(extend_to(x, 3, 8, Border::edge), Catch::Contains("cannot extend input (1,4,4,1) to 3 x 8"));
  CHECK_THROWS_AS(extend_to(Tensor<float, 4>::zeros({1, 0, 4, 1}), 4, 4, Border::edge), ShapeError);
}
