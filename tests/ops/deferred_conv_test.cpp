#include "paser/ops/deferred_conv.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/core/rows.hpp"
#include "paser/ops/upsample_bilinear.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {

constexpr Conv2dOptions same{.padding = {1, 1}};
constexpr Pool2dOptions halves{.kernel = {2, 2}, .stride = {2, 2}};

/// The weights of a small network with a level below, a skip and a head.
template <class T>
struct Weights {
  Tensor<T, 4> first = normal<T>(Key{1}, Shape{3, 3, 2, 8}, 0, 0.3),
               below = normal<T>(Key{2}, Shape{3, 3, 8, 6}, 0, 0.2),
               joined = normal<T>(Key{3}, Shape{3, 3, 14, 5}, 0, 0.2), head = normal<T>(Key{4}, Shape{1, 1, 5, 3});
  Tensor<T, 1> bias8 = normal<T>(Key{5}, Shape{8}), bias6 = normal<T>(Key{6}, Shape{6}),
               bias5 = normal<T>(Key{7}, Shape{5}), bias3 = normal<T>(Key{8}, Shape{3});
};

/// relu(instance_norm(convolution)) of one map or two side by side, nothing done before it is read.
template <class V, class Vector>
DeferredNorm<V> norm_relu(const ConcatenatedMaps<V>& x, const V& weight, const Vector& bias) {
  return relu(instance_norm(conv2d(x, {weight, bias, same})));
}

/// The network with every norm done when it is read.
const auto fused = [](const auto& x, const auto& first, const auto& b8, const auto& below, const auto& b6,
                      const auto& joined, const auto& b5, const auto& head, const auto& b3) {
  using V = std::decay_t<decltype(x)>;
  using Maps = ConcatenatedMaps<V>;
  const DeferredNorm<V> a = norm_relu(Maps(x), first, b8);
  const DeferredNorm<V> b = norm_relu(Maps(max_pool2d(a, halves)), below, b6);
  const DeferredNorm<V> wide = upsample_bilinear(materialize(b), {.scale = 2, .align_corners = true});
  return materialize(conv2d(Maps(norm_relu(concat_channels(a, wide), joined, b5)), {head, b3}));
};

/// The same of separate ops.
const auto separate = [](const auto& x, const auto& first, const auto& b8, const auto& below, const auto& b6,
                         const auto& joined, const auto& b5, const auto& head, const auto& b3) {
  constexpr InstanceNormOptions norm{.relu = true};
  const auto a = instance_norm(conv2d(x, first, b8, same), norm);
  const auto b = instance_norm(conv2d(max_pool2d(a, halves), below, b6, same), norm);
  const auto wide = upsample_bilinear(b, {.scale = 2, .align_corners = true});
  return conv2d(instance_norm(conv2d(concat_channels(a, wide), joined, b5, same), norm), head, b3);
};

template <class T, class F>
auto apply(const F& f, const Tensor<T, 4>& x, const Weights<T>& w) {
  return f(x, w.first, w.bias8, w.below, w.bias6, w.joined, w.bias5, w.head, w.bias3);
}

/// The gradients of the image and of all weights.
template <class T, class F>
std::vector<Tensor<T, 1>> gradients(const F& f, const Tensor<T, 4>& image, const Weights<T>& w) {
  Tape<T> tape;
  const auto leaf = [&tape](const auto& t) { return tape.variable(t); };
  const auto x = leaf(image), first = leaf(w.first), below = leaf(w.below), joined = leaf(w.joined),
             head = leaf(w.head);
  const auto b8 = leaf(w.bias8), b6 = leaf(w.bias6), b5 = leaf(w.bias5), b3 = leaf(w.bias3);
  const auto y = f(x, first, b8, below, b6, joined, b5, head, b3);
  tape.backward(y, normal<T>(Key{9}, y.shape()));
  const auto flat = [&tape](const auto& v) { return tape.gradient(v).reshape(Shape{v.value().numel()}); };
  return {flat(x), flat(first), flat(below), flat(joined), flat(head), flat(b3), flat(b8), flat(b6), flat(b5)};
}

}  // namespace

TEST_CASE("pending norms give the values and gradients of separate ops") {
  const Weights<double> w;
  for (const Index height : {8, 10}) {
    const auto x = normal<double>(Key{20}, Shape{3, height, 12, 2});
    CHECK(max_abs_difference(apply(fused, x, w), apply(separate, x, w)) < 1e-12);
    const auto ours = gradients(fused, x, w), theirs = gradients(separate, x, w);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      CAPTURE(i);
      CHECK(max_abs_difference(ours[i], theirs[i]) < 1e-10);
      const double zero = i < 6 ? 1 : 0;  // the last three are of biases that a norm cancels
      CHECK((max_abs_difference(ours[i], Tensor<double, 1>::zeros(ours[i].shape())) > 0) == (zero == 1));
    }
  }
}

TEST_CASE("pending norms pass the gradient check") {
  const Weights<double> w;
  const auto x = normal<double>(Key{21}, Shape{2, 4, 6, 2});
  const auto result = gradient_check(fused, x, w.first, w.bias8, w.below, w.bias6, w.joined, w.bias5, w.head, w.bias3);
  INFO(result.where);
  CHECK(result.passed);
}

TEST_CASE("a repeated map beside another gives what as many copies of its images give") {
  const auto check_repeat = [](auto zero, double tolerance) {
    using T = decltype(zero);
    using Map = DeferredNorm<Tensor<T, 4>>;
    const auto skip = normal<T>(Key{1}, Shape{2, 12, 9, 8}), wide = normal<T>(Key{2}, Shape{6, 12, 9, 16});
    const auto weight = normal<T>(Key{3}, Shape{3, 3, 24, 8}, 0, 0.1), addend = normal<T>(Key{6}, Shape{6, 12, 9, 8});
    const auto bias = normal<T>(Key{4}, Shape{8});
    const Map once = norm_relu<Tensor<T, 4>>(skip, normal<T>(Key{5}, Shape{3, 3, 8, 8}, 0, 0.1), bias);
    const Map copied = repeat_rows(materialize(once), 3), many = once.repeated(3);
    CHECK(many.shape() == Shape{6, 12, 9, 8});
    CHECK(max_abs_difference(materialize(many), materialize(copied)) == 0);
    const auto same_of = [&](const auto& f) {
      return max_abs_difference(materialize(f(many)), materialize(f(copied))) < tolerance;
    };
    const Map other = wide;
    CHECK(same_of([&](const Map& x) { return norm_relu(concat_channels(x, other), weight, bias); }));
    CHECK(same_of([&](const Map& x) { return relu(conv2d(concat_channels(x, other), {weight, bias, same})); }));
    CHECK(same_of([&](const Map& x) { return add(conv2d(concat_channels(x, other), {weight, bias, same}), addend); }));
    CHECK(same_of([&](const Map& x) { return max_pool2d(x, halves); }));
    const auto square = slice_channels(weight.reshape(Shape<4>{3, 3, 8, 24}), 0, 8);
    CHECK(same_of([&](const Map& x) { return norm_relu<Tensor<T, 4>>(x, square, bias); }));
    CHECK(same_of([&](const Map& x) { return conv2d<Tensor<T, 4>>(x, {square, {}, same}); }));
    CHECK(same_of([&](const Map& x) {
      return conv2d(concat_channels(other, x), {weight, bias, {.padding = {1, 1}, .groups = 1}});
    }));
  };
  check_repeat(0.0, 1e-12);
  check_repeat(0.0F, 2e-5);
}

TEST_CASE("a convolution whose ReLU is pooled as it is written gives what one after the other gives") {
  const auto x = normal<float>(Key{1}, Shape{2, 23, 41, 3});
  const auto weight = normal<float>(Key{2}, Shape{3, 3, 3, 21});
  const auto bias = normal<float>(Key{3}, Shape{21});
  REQUIRE(kernels::fuses_with_pool(paser::detail::conv2d_shape(x.shape(), weight.shape(), same)));
  const Tensor<float, 4> plain = relu(conv2d(x, weight, bias, same));
  const Pool2dOptions windows[] = {halves,
                                   {.kernel = {7, 1}, .stride = {2, 1}, .padding = {3, 0}},
                                   {.kernel = {1, 7}, .stride = {1, 2}, .padding = {0, 3}},
                                   {.kernel = {3, 2}, .stride = {1, 4}, .padding = {1, 1}},
                                   {.kernel = {2, 3}, .stride = {5, 1}},
                                   {.kernel = {23, 41}, .stride = {1, 1}}};
  for (const Pool2dOptions& window : windows) {
    CAPTURE(window.kernel[0], window.kernel[1]);
    const auto pooled = max_pool2d(relu(conv2d<Tensor<float, 4>>(x, {weight, bias, same})), window);
    CHECK(max_abs_difference(materialize(pooled), max_pool2d(plain, window)) < 1e-5);
  }
}

TEST_CASE("what follows a convolution is done in the order in which it is said") {
  const auto x = normal<double>(Key{1}, Shape{2, 6, 5, 3}), beside = normal<double>(Key{2}, Shape{2, 6, 5, 4});
  const auto weight = normal<double>(Key{3}, Shape{3, 3, 3, 4});
  const auto bias = normal<double>(Key{4}, Shape{4});
  const auto plain = conv2d(x, weight, bias, same);
  const auto conv = conv2d<Tensor<double, 4>>(x, {weight, bias, same});
  const auto near = [](const auto& ours, const Tensor<double, 4>& theirs) {
    return max_abs_difference(materialize(ours), theirs) < 1e-12;
  };
  CHECK(near(conv, plain));
  CHECK(near(relu(conv), relu(plain)));
  // Values beyond 6 are there.
  const auto large = [&](const auto& y) { return add(y, scale(beside, 9.0)); };
  CHECK(near(relu6(conv), relu6(plain)));
  CHECK(near(relu6(large(conv)), relu6(large(plain))));
  CHECK(near(relu6(instance_norm(conv)), relu6(instance_norm(plain))));
  CHECK(near(add(relu6(conv), beside), add(relu6(plain), beside)));
  CHECK(near(max_pool2d(relu6(large(conv)), halves), max_pool2d(relu6(large(plain)), halves)));
  CHECK(near(relu(relu6(large(conv))), relu6(large(plain))));
  CHECK(near(add(conv, beside), add(plain, beside)));
  CHECK(near(relu(add(conv, beside)), relu(add(plain, beside))));
  CHECK(near(add(relu(conv), beside), add(relu(plain), beside)));
  CHECK(near(add(add(conv, beside), beside), add(add(plain, beside), beside)));
  CHECK(near(instance_norm(conv), instance_norm(plain)));
  CHECK(near(instance_norm(relu(conv)), instance_norm(relu(plain))));
  CHECK(near(instance_norm(instance_norm(conv)), instance_norm(instance_norm(plain))));
  CHECK(near(instance_norm(conv, {.eps = 0.5, .relu = true}), instance_norm(plain, {.eps = 0.5, .relu = true})));
  CHECK(near(add(instance_norm(conv), beside), add(instance_norm(plain), beside)));
  CHECK(near(relu(add(instance_norm(conv), beside)), relu(add(instance_norm(plain), beside))));
  CHECK(near(relu(instance_norm(DeferredConv(x))), relu(instance_norm(x))));
  CHECK(near(max_pool2d(instance_norm(conv), halves), max_pool2d(instance_norm(plain), halves)));
  CHECK_THROWS_AS(materialize(add(conv, x)), ShapeError);
  // The same on a tape, the gradient of the addend with it.
  const auto result = gradient_check(
      [](const auto& image, const auto& w, const auto& b, const auto& other) {
        using V = std::decay_t<decltype(image)>;
        const auto once = add(conv2d<V>(image, {w, b, same}), other);
        const auto six = add(conv2d<V>(image, {w, b, same}), scale(other, 3.0));
        return add(add(materialize(relu(once)), materialize(relu6(six))),
                   materialize(add(instance_norm(conv2d<V>(image, {w, b, same})), other)));
      },
      x, weight, bias, beside);
  INFO(result.where);
  CHECK(result.passed);
}

TEST_CASE("convolutions of pending norms give the same bits for any number of threads") {
  const Weights<float> w;
  const auto x = normal<float>(Key{22}, Shape{3, 20, 24, 2});
  CHECK(same_for_all_threads([&] { return apply(fused, x, w); }));
  CHECK(same_for_all_threads([&] { return gradients(fused, x, w)[1]; }));
}

TEST_CASE("maps that do not fit side by side are refused") {
  using Map = DeferredNorm<Tensor<float, 4>>;
  const auto map = [](Index n, Index h) { return Map(Tensor<float, 4>::zeros({n, h, 8, 2})); };
  const auto weight = Tensor<float, 4>::zeros({3, 3, 4, 4});
  const auto bias = Tensor<float, 1>::zeros({4});
  CHECK_THROWS_WITH(concat_channels(map(2, 8), map(3, 8)), Catch::Contains("differ in batch"));
  CHECK_THROWS_WITH(concat_channels(map(2, 8), map(4, 8)), Catch::Contains("differ in batch"));
  CHECK_NOTHROW(concat_channels(map(2, 8).repeated(2), map(4, 8)));
  CHECK_THROWS_WITH(concat_channels(map(2, 8), map(2, 9)), Catch::Contains("differ in batch"));
  CHECK_THROWS_AS(materialize(conv2d<Tensor<float, 4>>(map(2, 8), {weight, bias, same})), ShapeError);
}

TEST_CASE("an activation of a convolution that has not run is that of its result") {
  const auto x = normal<double>(Key{1}, Shape{1, 5, 6, 4}), w = normal<double>(Key{2}, Shape{3, 3, 4, 5});
  const auto b = normal<double>(Key{3}, Shape{5});
  const auto plain = conv2d(x, w, b, same);
  const auto waiting = [&] { return conv2d(ConcatenatedMaps<Tensor<double, 4>>(x), {w, b, same}); };
  CHECK(same_bits(hardswish(waiting()), hardswish(plain)));
  CHECK(same_bits(gelu(waiting()), gelu(plain)));
  CHECK(same_bits(gelu_tanh(waiting()), gelu_tanh(plain)));
  CHECK(same_bits(gelu(relu(waiting())), gelu(relu(plain))));
  CHECK(same_bits(gelu(add(waiting(), plain)), gelu(add(plain, plain))));
  const auto normed = instance_norm(waiting());
  CHECK(same_bits(gelu(normed), gelu(materialize(normed))));
  const auto recorded = [](const auto& image, const auto& weight, const auto& bias) {
    using V = std::decay_t<decltype(image)>;
    return hardswish(conv2d(ConcatenatedMaps<V>(image), {weight, bias, same}));
  };
  CHECK(gradient_check(recorded, x, w, b).passed);
}

TEST_CASE("a convolution reads a norm without a ReLU as it is") {
  const auto x = normal<double>(Key{1}, Shape{2, 6, 8, 3}), w = normal<double>(Key{2}, Shape{3, 3, 3, 4});
  const auto one = normal<double>(Key{3}, Shape{3, 3, 4, 5}), two = normal<double>(Key{4}, Shape{3, 3, 8, 5});
  const auto norm = [](const auto& image, const auto& weight) {
    using V = std::decay_t<decltype(image)>;
    return DeferredNorm<V>(instance_norm(conv2d<V>(image, {weight, {}, same})));
  };
  const auto normed = materialize(norm(x, w));
  const auto near = [](const auto& ours, const Tensor<double, 4>& theirs) {
    return max_abs_difference(materialize(ours), theirs) < 1e-12;
  };
  using Maps = ConcatenatedMaps<Tensor<double, 4>>;
  CHECK(near(conv2d(Maps(norm(x, w)), {one, {}, same}), conv2d(normed, one, same)));
  CHECK(near(conv2d(Maps(max_pool2d(norm(x, w), halves)), {one, {}, same}),
             conv2d(max_pool2d(normed, halves), one, same)));
  CHECK(near(conv2d(concat_channels(norm(x, w), norm(x, w)), {two, {}, same}),
             conv2d(concat_channels(normed, normed), two, same)));
  const DeferredNorm<Tensor<double, 4>> twice = repeat_rows(normed, 2);
  CHECK(near(conv2d(Maps(norm(x, w).repeated(2)), {one, {}, same}), conv2d(materialize(twice), one, same)));
  CHECK(near(conv2d(concat_channels(norm(x, w).repeated(2), twice), {two, {}, same}),
             conv2d(concat_channels(materialize(twice), materialize(twice)), two, same)));
  const auto recorded = [&norm](const auto& image, const auto& first, const auto& second, const auto& both) {
    using V = std::decay_t<decltype(image)>;
    const auto map = norm(image, first);
    const DeferredNorm<V> cut = relu(instance_norm(conv2d<V>(image, {first, {}, same})));
    return add(materialize(conv2d(ConcatenatedMaps<V>(map), {second, {}, same})),
               materialize(conv2d(concat_channels(map, cut), {both, {}, same})));
  };
  CHECK(gradient_check(recorded, x, w, one, two).passed);
}

TEST_CASE("a convolution of no image that is pooled as it is written gives no image") {
  const auto pooled = max_pool2d(relu(conv2d<Tensor<float, 4>>(Tensor<float, 4>({0, 8, 8, 2}),
                                                               {normal<float>(Key{2}, Shape{3, 3, 2, 16}), {}, same})),
                                 halves);
  CHECK(materialize(pooled).shape() == Shape{0, 4, 4, 16});
}
