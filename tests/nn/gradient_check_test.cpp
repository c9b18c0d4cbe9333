#include "paser/nn/gradient_check.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/activation.hpp"
#include "paser/nn/conv2d.hpp"

using namespace paser;

namespace {
/// Two convolutions that share their weight: the gradients of both uses must add up. `leak` adds a constant to the
/// output of the unrecorded run alone.
struct Twice {
  nn::Conv2d<double> conv;
  double leak = 0;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.conv);
  }
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    auto y = conv(ctx, conv(ctx, x));
    if constexpr (std::is_same_v<Context, EvalContext<double>>)
      if (leak != 0) y.mutable_data()[0] += leak;
    return y;
  }
};
}  // namespace

TEST_CASE("the gradient check of a module covers parameters and tells two forwards apart") {
  Twice module{nn::Conv2d<double>(nn::Conv2dSpec::same(3, 3), Key{1})};
  const auto x = normal<double>(Key{2}, Shape{2, 5, 4, 3});
  const auto result = nn::gradient_check(module, run::training, Key{3}, x);
  INFO(result.where);
  CHECK(result.passed);
  module.leak = 0.1;
  const auto leaking = nn::gradient_check(module, run::training, Key{3}, x);
  CHECK_FALSE(leaking.passed);
  CHECK_THAT(leaking.where, Catch::Contains("unrecorded"));
}

TEST_CASE("the gradient check of a module does not pass when it compares nothing") {
  const Twice module{nn::Conv2d<double>(nn::Conv2dSpec::same(3, 3), Key{1})};
  const auto x = normal<double>(Key{2}, Shape{2, 5, 4, 3});
  CHECK_THROWS_AS(nn::gradient_check(module, run::training, Key{3}, GradientCheckOptions{.samples = 0}, x), ValueError);
  const auto empty = nn::gradient_check(nn::Relu{}, run::training, Key{3}, Tensor<double, 4>({0, 5, 4, 3}));
  CHECK_FALSE(empty.passed);
  CHECK_THAT(empty.where, Catch::Contains("nothing was compared"));
}
