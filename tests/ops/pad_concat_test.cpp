#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/pad.hpp"
#include "support/op_fixture.hpp"
#include "support/same_bits.hpp"

using namespace paser;

TEST_CASE("pad and concat_channels are PyTorch's") {
  const OpFixtures fixtures("ops_pool_resize");
  const auto x = [&](const std::string& key) { return fixtures.image(key); };
  const auto concat = [](const auto&... v) { return concat_channels(v...); };
  fixtures.check_op(
      "pad_bottom_right", [](const auto& v) { return pad_to(v, 7, 9); }, {"input"}, x("pad_bottom_right/input"));
  fixtures.check_op(
      "pad_asym",
      [](const auto& v) {
        return pad(v, {1, 2, 3, 0});
      },
      {"input"}, x("pad_asym/input"));
  fixtures.check_op("concat2", concat, {"input0", "input1"}, x("concat2/input0"), x("concat2/input1"));
  fixtures.check_op("concat3", concat, {"input0", "input1", "input2"}, x("concat3/input0"), x("concat3/input1"),
                    x("concat3/input2"));
}

TEST_CASE("pad and concat_channels pass the gradient check") {
  const auto a = normal<double>(Key{1}, Shape{2, 5, 3, 4}), b = normal<double>(Key{2}, Shape{2, 5, 3, 1});
  const auto c = normal<double>(Key{3}, Shape{2, 5, 3, 9});
  CHECK(gradient_check([](const auto&... v) { return concat_channels(v...); }, a, b, c).passed);
  CHECK(gradient_check([](const auto& v) { return pad(v, {2, 0, 1, 3}, 5.0); }, a).passed);
  CHECK(gradient_check([](const auto& v) { return pad(v, {-1, 2, 1, -2}); }, a).passed);
}

TEST_CASE("padding by negative numbers undoes padding, and pads with the value asked for") {
  const auto x = normal<float>(Key{1}, Shape{2, 4, 5, 3});
  const auto y = pad(x, {1, 2, 3, 4}, -7.0f);
  CHECK(y.shape() == Shape{2, 11, 8, 3});
  CHECK(y(1, 2, 3, 0) == -7.0f);
  CHECK(y(1, 3, 0, 2) == -7.0f);
  CHECK(y(1, 3, 1, 2) == x(1, 0, 0, 2));
  CHECK(same_bits(pad(y, {-1, -2, -3, -4}), x));
  CHECK(pad_to(x, 4, 5).shares_buffer_with(x));
}

TEST_CASE("concat_channels has the same bits for any number of threads") {
  const auto a = normal<float>(Key{1}, Shape{2, 60, 50, 3}), b = normal<float>(Key{2}, Shape{2, 60, 50, 17});
  CHECK(same_for_all_threads([&] { return concat_channels(a, b); }));
  CHECK(concat_channels(a, b)(1, 59, 49, 2) == a(1, 59, 49, 2));
  CHECK(concat_channels(a, b)(1, 59, 49, 19) == b(1, 59, 49, 16));
}

TEST_CASE("pad and concat_channels say what is wrong with their input") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 8, 2}), y = Tensor<float, 4>::zeros({1, 4, 8, 2});
  CHECK_THROWS_WITH(concat_channels(x, x, y),
                    Catch::Contains("concat_channels: input 0 (1,3,8,2) and input 2 (1,4,8,2) differ"));
  CHECK_THROWS_WITH(pad_to(y, 3, 8), Catch::Contains("pad_to: input (1,4,8,2) is larger than the target 3 x 8"));
  CHECK_THROWS_WITH(pad(x, {.top = -2, .bottom = -1}), Catch::Contains("no pixels left"));
}

TEST_CASE("the gradient of what is padded out of nothing is nothing") {
  Tape<float> tape;
  const auto x = tape.variable(Tensor<float, 4>({1, 0, 2, 1}));
  const auto y = pad(x, {.top = 2});
  tape.backward(y, Tensor<float, 4>::full({1, 2, 2, 1}, 1.0f));
  CHECK(tape.gradient(x).shape() == Shape{1, 0, 2, 1});
}
