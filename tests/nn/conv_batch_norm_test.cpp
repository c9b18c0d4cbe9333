#include "paser/nn/conv2d.hpp"
#include "paser/nn/norm.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/gradient_check.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {

template <class T>
using Map = DeferredNorm<Tensor<T, 4>>;

/// A convolution and a norm that has seen data, in double.
struct Layer {
  nn::Conv2d<double> conv;
  nn::BatchNorm<double> norm;

  explicit Layer(bool with_bias, nn::BatchNorm<double> n)
      : conv({.in = 3, .out = 5, .kernel = 3, .options = {.padding = {1, 1}}, .bias = with_bias}, Key{1}),
        norm(std::move(n)) {
    norm.weight.value = normal<double>(Key{2}, Shape{5}, 1, 0.5);
    norm.bias.value = normal<double>(Key{3}, Shape{5});
    norm.running_mean.value = normal<double>(Key{4}, Shape{5});
    norm.running_var.value = uniform<double>(Key{5}, Shape{5}, 0.5, 2);
  }

  /// The definition.
  Tensor<double, 4> expected(const Tensor<double, 4>& x, const Tensor<double, 4>* addend, bool with_relu) const {
    EvalContext<double> ctx;
    auto y = norm(ctx, conv(ctx, x));
    if (addend) y = add(y, *addend);
    return with_relu ? relu(y) : y;
  }
};

/// The activation of x, or x itself where there is none.
template <class X>
auto activated(std::optional<Activation> f, const X& x) -> decltype(hardswish(x)) {
  if (f == Activation::relu) return materialize(relu(x));
  if (f == Activation::relu6) return materialize(relu6(x));
  if (f == Activation::hardswish) return hardswish(x);
  if (f == Activation::gelu_tanh) return gelu_tanh(x);
  return materialize(x);
}

/// Convolution, norm, addend and activation, of maps that wait for what follows or step by step.
struct NormedConv {
  Layer layer;
  std::optional<Activation> activation;
  bool with_addend, waits;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.layer.conv);
    f("norm", self.layer.norm);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    using Map = DeferredNorm<Image<Context>>;
    const auto beside = ctx.constant(normal<double>(Key{9}, Shape{x.shape().n(), x.shape().h(), x.shape().w(), 5}));
    if (waits) {
      auto y = layer.norm(ctx, layer.conv(ctx, Map(x)));
      return activated(activation, with_addend ? add(y, Map(beside)) : y);
    }
    auto y = layer.norm(ctx, layer.conv(ctx, x));
    if (with_addend) y = add(y, beside);
    return activated(activation, DeferredConv<Image<Context>>(y));
  }
};

}  // namespace

TEST_CASE("a batch norm folded into its convolution gives the same values, with and without addend and ReLU") {
  const auto x = normal<double>(Key{6}, Shape{2, 7, 6, 3}), beside = normal<double>(Key{7}, Shape{2, 7, 6, 5});
  for (const bool with_bias : {false, true})
    for (const bool norm_relu : {false, true}) {
      const Layer layer(with_bias, nn::BatchNorm<double>(5, {.relu = norm_relu}));
      for (const auto* addend : {static_cast<const Tensor<double, 4>*>(nullptr), &beside})
        for (const bool with_relu : {false, true}) {
          CAPTURE(with_bias, norm_relu, addend != nullptr, with_relu);
          EvalContext<double> ctx;
          auto y = layer.norm(ctx, layer.conv(ctx, Map<double>(x)));
          if (addend) y = add(y, *addend);
          if (with_relu) y = relu(y);
          CHECK(y.kernel.has_value() == !(norm_relu && addend));  // nothing has run, but a ReLU before an addend
          CHECK(max_abs_difference(materialize(y), layer.expected(x, addend, with_relu)) < 1e-12);
        }
    }
}

TEST_CASE("a max-pool after the ReLU is fused where the convolution has few taps, and gives the same values") {
  const auto check_pool = [](auto zero, Index in, Index out, Index kernel, const Pool2dOptions& pool,
                             double tolerance) {
    using T = decltype(zero);
    CAPTURE(in, out, kernel, pool.kernel[0]);
    const nn::Conv2d<T> conv(nn::Conv2dSpec::same(in, out, kernel), Key{1});
    nn::BatchNorm<T> norm(out);
    norm.running_mean.value = normal<T>(Key{4}, Shape{out}, 0, 0.2);
    const auto x = normal<T>(Key{6}, Shape{2, 37, 22, in});
    EvalContext<T> ctx;
    const auto y = max_pool2d(relu(norm(ctx, conv(ctx, Map<T>(x)))), pool);
    CHECK(max_abs_difference(materialize(y), max_pool2d(relu(norm(ctx, conv(ctx, x))), pool)) < tolerance);
  };
  constexpr Pool2dOptions overlapping{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, halves{};
  constexpr Pool2dOptions uneven{.kernel = {4, 1}, .stride = {3, 2}, .padding = {2, 0}};
  for (const Pool2dOptions& pool : {overlapping, halves, uneven}) {
    check_pool(0.0F, 2, 64, 3, pool, 1e-5);
    check_pool(0.0F, 1, 5, 5, pool, 1e-5);
    check_pool(0.0F, 16, 20, 3, pool, 2e-5);  // too many taps
    check_pool(0.0, 3, 21, 3, pool, 1e-12);
  }
  // Maps that are done in several parts, strides and dilation.
  const auto check_large = [&](const Conv2dOptions& options, Index h, Index w, const Pool2dOptions& pool) {
    CAPTURE(options.stride[0], options.dilation[1], h, w);
    const nn::Conv2d<float> conv({.in = 2, .out = 24, .kernel = 3, .options = options}, Key{1});
    const auto x = normal<float>(Key{6}, Shape{1, h, w, 2});
    EvalContext<float> ctx;
    const nn::BatchNorm<float> norm(24, {.eps = 0});
    const auto y = max_pool2d(relu(norm(ctx, conv(ctx, Map<float>(x)))), pool);
    CHECK(max_abs_difference(materialize(y), max_pool2d(relu(conv(ctx, x)), pool)) < 1e-5);
  };
  check_large({.padding = {1, 1}}, 9, 211, overlapping);
  check_large({.padding = {1, 1}}, 150, 10, uneven);
  check_large({.stride = {2, 3}, .padding = {0, 2}}, 41, 301, overlapping);
  check_large({.padding = {3, 2}, .dilation = {2, 3}}, 19, 130, halves);
  // NaN spreads as it does through the separate layers.
  const nn::Conv2d<float> conv(nn::Conv2dSpec::same(1, 8), Key{1});
  auto x = Tensor<float, 4>::full({1, 12, 12, 1}, 1);
  x.mutable_data()[5 * 12 + 5] = NAN;
  EvalContext<float> ctx;
  const nn::BatchNorm<float> norm(8);
  const auto y = materialize(max_pool2d(relu(norm(ctx, conv(ctx, Map<float>(x)))), overlapping));
  const auto expected = max_pool2d(relu(conv(ctx, x)), overlapping);
  for (Index i = 0; i < y.numel(); ++i) CHECK(std::isnan(y.data()[i]) == std::isnan(expected.data()[i]));
}

TEST_CASE("with batch statistics and on a tape the norm is not folded into the convolution") {
  const Layer layer(true, nn::BatchNorm<double>(5));
  const auto x = normal<double>(Key{6}, Shape{2, 7, 6, 3});
  EvalContext<double> batch(Mode{.batch_statistics = true});
  TapeContext<double> tape(Mode{.batch_statistics = true});
  const auto a = materialize(relu(layer.norm(batch, layer.conv(batch, Map<double>(x)))));
  const auto b = materialize(relu(layer.norm(tape, layer.conv(tape, DeferredNorm(tape.constant(x))))));
  CHECK(same_bits(a, b.value()));
  CHECK(max_abs_difference(a, layer.expected(x, nullptr, true)) > 0.1);
}

TEST_CASE("on a tape the norm takes a ReLU, ReLU6 or hardswish along: the same values and gradients") {
  const auto x = normal<double>(Key{6}, Shape{3, 4, 5, 3}, 0, 3);
  using enum Activation;
  for (const auto& activation : {std::optional<Activation>(), std::optional(relu), std::optional(relu6),
                                 std::optional(hardswish), std::optional(gelu_tanh)})
    for (const bool with_addend : {false, true})
      for (const bool norm_relu : {false, true})
        for (const Mode& mode :
             {Mode{.batch_statistics = true}, Mode{.batch_statistics = true, .ghost_batch = 2}, Mode{}}) {
          CAPTURE(activation ? static_cast<int>(*activation) : -1, with_addend, norm_relu, mode.batch_statistics,
                  mode.ghost_batch);
          const Layer layer(true, nn::BatchNorm<double>(5, {.relu = norm_relu}));
          const NormedConv fused{layer, activation, with_addend, true}, steps{layer, activation, with_addend, false};
          const auto run = [&](const NormedConv& net) {
            TapeContext<double> ctx(mode);
            const auto y = net(ctx, ctx.constant(x));
            const Index recorded = ctx.tape().place(ctx.tape().variable(Tensor<double, 1>::zeros({1})));
            const auto gradients = ctx.backward(y, normal<double>(Key{8}, y.shape()));
            const auto& [conv, norm] = net.layer;
            const auto* next = gradients.next(norm.running_var);
            return std::tuple(y.value(), *gradients.find(conv.weight), *gradients.find(norm.weight),
                              *gradients.find(norm.bias), next == nullptr ? norm.running_var.value : *next, recorded);
          };
          const auto a = run(fused), b = run(steps);
          CHECK(same_bits(std::get<0>(a), std::get<0>(b)));
          CHECK(same_bits(std::get<4>(a), std::get<4>(b)));
          CHECK(same_bits(std::get<1>(a), std::get<1>(b)));
          CHECK(same_bits(std::get<2>(a), std::get<2>(b)));
          CHECK(same_bits(std::get<3>(a), std::get<3>(b)));
          const bool taken =
              activation && activation != gelu_tanh && !with_addend && (!norm_relu || activation == relu);
          CHECK(std::get<5>(b) - std::get<5>(a) == (taken ? 1 : 0));
          const auto checked = nn::gradient_check(fused, mode, Key{2}, x);
          INFO(checked.where);
          CHECK(checked.passed);
        }
}

TEST_CASE("a norm or an addend of another size is refused") {
  const Layer layer(true, nn::BatchNorm<double>(5));
  const auto x = normal<double>(Key{6}, Shape{2, 7, 6, 3}), beside = normal<double>(Key{7}, Shape{1, 7, 6, 5});
  EvalContext<double> ctx;
  const auto conv = layer.conv(ctx, Map<double>(x));
  CHECK_THROWS_AS(materialize(add(layer.norm(ctx, conv), beside)), ShapeError);
  CHECK_THROWS_AS(nn::BatchNorm<double>(4)(ctx, conv), ShapeError);
}
