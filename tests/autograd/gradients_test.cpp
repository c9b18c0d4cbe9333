#include <catch2/catch.hpp>

#include "paser/autograd/context.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {

Tensor<double, 1> vector(const std::vector<double>& values) {
  return Tensor<double, 1>::from(Shape{static_cast<Index>(values.size())}, values);
}

}  // namespace

TEST_CASE("gradients of parts add up, and a buffer takes the mean of its next values by their weights") {
  const Parameter<double, 1> both{vector({0, 0})}, late{vector({0})};
  const Buffer<double, 1> mean{vector({0, 0})}, first{vector({0})}, last{vector({0})};
  Gradients<double> sum, second, third;
  sum.add(&both, vector({1, 2}));
  sum.set_next(&mean, vector({1, 8}), 4);
  sum.set_next(&first, vector({5}));
  second.add(&both, vector({10, 20}));
  second.add(&late, vector({7}));
  second.set_next(&mean, vector({3, 2}), 4);
  third.set_next(&mean, vector({7, 5}), 2);
  third.set_next(&last, vector({6}));
  const auto kept = *sum.next(mean);
  sum += second;
  CHECK(same_bits(*sum.next(mean), vector({2, 5})));
  sum += third;
  CHECK(same_bits(sum.of(both), vector({11, 22})));
  CHECK(same_bits(sum.of(late), vector({7})));
  CHECK(same_bits(*sum.next(mean), vector({3, 5})));  // (1 * 4 + 3 * 4 + 7 * 2) / 10 is 3
  CHECK(same_bits(*sum.next(first), vector({5})));
  CHECK(same_bits(*sum.next(last), vector({6})));
  CHECK(same_bits(kept, vector({1, 8})));  // what was read before is not written to
  CHECK_THROWS_WITH(sum.set_next(&mean, vector({1, 1}), 0), Catch::Contains("must be positive, got 0"));
}

TEST_CASE("a value is walked back on the tape alone on which it was recorded") {
  Tape<double> mine, other;
  const auto x = mine.variable(vector({3})), y = other.variable(vector({3}));
  CHECK_THROWS_WITH(other.backward(x, vector({1})), Catch::Contains("the value was recorded on another tape"));
  CHECK_NOTHROW(other.backward(Var<double, 1>(vector({3})), vector({1})));  // a constant is of no tape
  other.backward(y, vector({2}));
  CHECK(same_bits(other.gradient(y), vector({2})));
}
