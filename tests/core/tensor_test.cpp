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
