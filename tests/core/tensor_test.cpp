#include "paser/core/tensor.hpp"

#include <catch2/catch.hpp>

using namespace paser;

namespace {

Tensor<float, 1> numbers() {
  return Tensor<float, 1>::from({3}, {1, 2, 4});
}

}  // namespace

TEST_CASE("a copy of a tensor shares its buffer until either is written to") {
  const auto a = numbers();
  auto b = a;
  CHECK((a.data() == b.data() && !a.is_unique()));
  b.mutable_data()[1] = 7;
  CHECK((a.data() != b.data() && a.is_unique() && b.is_unique()));
  CHECK((a.data()[1] == 2 && b.data()[1] == 7 && b.data()[2] == 4));
}

TEST_CASE("a loop over the values of a temporary reads living memory") {
  float sum = 0;
  for (const float x : numbers().values()) {
    const auto other = Tensor<float, 1>::full({3}, 100);  // gets the buffer of the temporary if that is free
    sum += x;
  }
  CHECK(sum == 7);
  CHECK((numbers().values().size() == 3 && numbers().values()[2] == 4));
  CHECK(Tensor<float, 1>::from({3}, numbers().values()).data()[2] == 4);
  CHECK(Tensor<float, 1>().values().begin() == Tensor<float, 1>().values().end());
}

TEST_CASE("shapes whose elements or bytes nobody can count are refused, and nothing is allocated") {
  using Catch::Matchers::Contains;
  const Index big = Index{1} << 31, huge = Index{1} << 32, most = Index{1} << 62;
  CHECK_THROWS_WITH((Tensor<float, 1>({most + 1})), Contains("takes more bytes than any memory has"));
  CHECK_THROWS_AS((Tensor<float, 1>({most + 1})), ShapeError);
  CHECK_THROWS_WITH((Tensor<float, 2>({big, 4 * huge})), Contains("(2147483648,17179869184) has more elements"));
  CHECK_THROWS_AS((Tensor<float, 2>({big, 4 * huge})), ShapeError);
  CHECK_THROWS_AS((Tensor<float, 2>({huge, huge})), ShapeError);
  CHECK_THROWS_AS((Tensor<float, 4>({huge, huge, huge, huge})), ShapeError);
  CHECK_THROWS_AS((Tensor<std::uint8_t, 4>({huge, 2, huge, 2})), ShapeError);
  CHECK_THROWS_AS((Tensor<double, 1>({Index{1} << 60})), ShapeError);
  CHECK_THROWS_AS((Tensor<float, 2>::zeros({huge, huge})), ShapeError);
  CHECK_THROWS_AS((Tensor<float, 2>::from({huge, huge}, std::vector<float>{})), ShapeError);
  CHECK_THROWS_AS((Shape{huge, huge, Index{3}}.numel()), ShapeError);

  CHECK_THROWS_AS((Tensor<float, 2>({0, 4}).reshape(Shape{huge, huge})), ShapeError);
  CHECK_THROWS_AS((Tensor<float, 1>().reshape(Shape{huge, huge})), ShapeError);
  CHECK_THROWS_WITH((Tensor<float, 1>({4}).reshape(Shape{Index{-2}, Index{-2}})), Contains("negative extent"));
  CHECK_THROWS_AS((Tensor<float, 2>({-2, -2})), ShapeError);
  CHECK_THROWS_AS((Tensor<float, 2>::from({-2, -2}, std::vector<float>(4))), ShapeError);

  CHECK(Tensor<float, 2>({0, huge}).numel() == 0);
  static_assert(Shape{2, 3, 4}.numel() == 24);
  // What can be counted and is not there.
  CHECK_THROWS_AS((Tensor<std::uint8_t, 1>({(Index{1} << 62)})), std::bad_alloc);
}

TEST_CASE("the largest difference of two tensors is infinite where one alone is not a number") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
  const auto difference = [](std::vector<float> a, std::vector<float> b) {
    const Shape<1> shape{static_cast<Index>(a.size())};
    return max_abs_difference(Tensor<float, 1>::from(shape, std::move(a)), Tensor<float, 1>::from(shape, std::move(b)));
  };
  CHECK(difference({1, -2, 4}, {1.5, 1, 4}) == 3);
  CHECK(difference({nan, infinite, -infinite, 1}, {nan, infinite, -infinite, 3}) == 2);
  CHECK(difference({nan, 1}, {0, 3}) == infinite);
  CHECK(difference({0, 1}, {nan, 3}) == infinite);
  CHECK(difference({infinite}, {-infinite}) == infinite);
  CHECK(difference({}, {}) == 0);
}

TEST_CASE("a tensor that was moved away is as a new one: no shape without elements") {
  auto a = Tensor<float, 4>::full({3, 3, 1, 2}, 1);
  const auto kept = a;
  auto b = std::move(a);
  CHECK((a.shape() == Shape<4>{} && a.numel() == 0 && a.empty()));
  CHECK((b.shape() == kept.shape() && b.shares_buffer_with(kept)));
  CHECK_THROWS_WITH(check_same_shape("add", a, kept), "add: shapes differ: (0,0,0,0) and (3,3,1,2)");
  a = std::move(b);
  CHECK((b.shape() == Shape<4>{} && b.empty() && a.shape() == kept.shape()));
  auto& same = a;
  a = std::move(same);
  CHECK((a.shape() == kept.shape() && a.shares_buffer_with(kept)));
  static_assert(std::is_nothrow_move_constructible_v<Tensor<float, 4>>);
  static_assert(std::is_nothrow_move_assignable_v<Tensor<float, 4>>);
}
