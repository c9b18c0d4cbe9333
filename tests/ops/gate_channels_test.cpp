#include "paser/ops/gate_channels.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

TEST_CASE("a gate multiplies every channel of every image by its factor") {
  const auto x = normal<float>(Key{1}, Shape{2, 3, 5, 7}), gate = normal<float>(Key{2}, Shape{2, 1, 1, 7});
  const auto y = gate_channels(x, gate);
  for (Index n = 0; n < 2; ++n)
    for (Index i = 0; i < 15; ++i)
      for (Index c = 0; c < 7; ++c) CHECK(y(n, i / 5, i % 5, c) == x(n, i / 5, i % 5, c) * gate(n, 0, 0, c));
  CHECK_THROWS_WITH(gate_channels(x, Tensor<float, 4>::zeros({2, 1, 1, 6})),
                    Catch::Contains("gate (2,1,1,6) for input (2,3,5,7), expected (2,1,1,7)"));
  Operations operations;
  CHECK(gate_channels(Counted<4>({2, 3, 5, 7}, operations), Counted<4>({2, 1, 1, 7}, operations)).shape() == x.shape());
  CHECK(operations.total() == 0);
}

TEST_CASE(
    "a gate passes its gradient check, over several pieces of the pixels too, with the same bits on any threads") {
  const Index h = GENERATE(2, 60);
  GradientCheckOptions options;
  options.samples = 40;
  const auto result =
      gradient_check([](const auto& x, const auto& gate) { return gate_channels(x, gate); }, options,
                     normal<double>(Key{1}, Shape{2, h, 41, 3}), normal<double>(Key{2}, Shape{2, 1, 1, 3}));
  INFO(result.where);
  CHECK(result.passed);
  const auto x = normal<float>(Key{3}, Shape{2, h, 41, 5});
  const auto of_gate = [&](const auto& gate) { return gate_channels(Var(x), gate); };
  CHECK(same_for_all_threads([&] { return gradient_of(of_gate, normal<float>(Key{4}, Shape{2, 1, 1, 5})); }));
}
