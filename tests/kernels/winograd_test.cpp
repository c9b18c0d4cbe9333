#include "paser/kernels/conv/winograd/winograd.hpp"

#include <catch2/catch.hpp>

#include "kernels/convolutions.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/reference/conv2d.hpp"

using namespace paser;
namespace winograd = kernels::winograd;
using kernels::ConvShape;

namespace {

using Array = Tensor<float, 1>;
using Precise = Tensor<double, 1>;

/// One source, and the gradient of its convolution.
struct Problem {
  ConvShape shape;
  Array x, dy, weight, bias;
};

/// x as after a ReLU, weights as at the start of training.
Problem random_problem(Key key, const ConvShape& s) {
  const double scale = 1 / std::sqrt(9.0 * static_cast<double>(s.c));
  return {s, uniform<float>(key.fold(0), Shape{s.x_size()}), normal<float>(key.fold(1), Shape{s.y_size()}),
          normal<float>(key.fold(2), Shape{s.weight_size()}, 0, scale), normal<float>(key.fold(3), Shape{s.k})};
}

template <int Tile>
Array forward(const Problem& p) {
  Array y = Array::full({p.shape.y_size()}, NAN);
  winograd::forward<Tile>(p.shape, p.x.data(), p.weight.data(), p.bias.data(), y.mutable_data());
  return y;
}
template <int Tile>
Array backward_input(const Problem& p) {
  Array dx = Array::full({p.shape.x_size()}, NAN);
  winograd::backward_input<Tile>(p.shape, p.dy.data(), p.weight.data(), dx.mutable_data());
  return dx;
}
template <int Tile>
Array backward_weight(const Problem& p) {
  Array dw = Array::full({p.shape.weight_size()}, NAN);
  winograd::backward_weight<Tile>(p.shape, p.x.data(), p.dy.data(), dw.mutable_data());
  return dw;
}

/// The largest difference as a part of the largest expected value.
double error(const Array& got, const Precise& expected) {
  double largest = 1e-30;
  for (const double e : expected.values()) largest = std::max(largest, std::abs(e));
  return max_abs_difference(got.cast<double>(), expected) / largest;
}

void check_against_reference(const Problem& p) {
  CAPTURE(p.shape.n, p.shape.h, p.shape.w, p.shape.c, p.shape.k, p.shape.options.padding[0],
          p.shape.options.padding[1]);
  REQUIRE(winograd::applies(p.shape));
  const Precise x = p.x.cast<double>(), dy = p.dy.cast<double>(), weight = p.weight.cast<double>();
  Precise y({p.shape.y_size()}), dx({p.shape.x_size()}), dw({p.shape.weight_size()});
  double* out = y.mutable_data();
  kernels::reference::conv2d_forward(p.shape, x.data(), weight.data(), out);
  for (Index i = 0; i < y.numel(); ++i) out[i] += static_cast<double>(p.bias(i % p.shape.k));
  kernels::reference::conv2d_backward_input(p.shape, dy.data(), weight.data(), dx.mutable_data());
  kernels::reference::conv2d_backward_weight(p.shape, x.data(), dy.data(), dw.mutable_data());
  CHECK(error(forward<2>(p), y) < 5e-6);
  CHECK(error(forward<4>(p), y) < 5e-6);
  CHECK(error(backward_input<2>(p), dx) < 1e-5);
  CHECK(error(backward_input<4>(p), dx) < 1e-5);
  CHECK(error(backward_weight<2>(p), dw) < 1e-5);
  CHECK(error(backward_weight<4>(p), dw) < 1e-5);
}

template <int Tile>
void check_threads(const Problem& p) {
  set_threads(1);
  const Array y = forward<Tile>(p), dx = backward_input<Tile>(p), dw = backward_weight<Tile>(p);
  for (const int threads : {2, 4}) {
    set_threads(threads);
    CHECK(std::ranges::equal(forward<Tile>(p).values(), y.values()));
    CHECK(std::ranges::equal(backward_input<Tile>(p).values(), dx.values()));
    CHECK(std::ranges::equal(backward_weight<Tile>(p).values(), dw.values()));
  }
  set_threads(0);
}

}  // namespace

TEST_CASE("Winograd agrees with the definition for every map size, padding and channel remainder") {
  const Key key{71};
  std::uint64_t draw = 0;
  const auto uniform_int = [&](Index n) { return key.uniform_int(draw++, n); };
  for (Index size = 1; size <= 20; ++size)
    for (const bool wide : {false, true}) {
      const Index other = 1 + uniform_int(20), h = wide ? other : size, w = wide ? size : other;
      const std::array<Index, 2> padding{h < 3 ? 1 + uniform_int(2) : uniform_int(3),
                                         w < 3 ? 1 + uniform_int(2) : uniform_int(3)};
      const Index area = h * w, most = area > 150 ? 24 : 70;
      check_against_reference(random_problem(
          key.fold(draw),
          conv3x3(1 + uniform_int(area > 100 ? 2 : 5), h, w, 1 + uniform_int(most), 1 + uniform_int(most), padding)));
    }
}

TEST_CASE("Winograd agrees with the definition for many tiles and for many channels") {
  check_against_reference(random_problem(Key{72}, conv3x3(3, 33, 30, 20, 18, {1, 1})));
  check_against_reference(random_problem(Key{73}, conv3x3(2, 4, 5, 300, 35, {1, 1})));
  check_against_reference(random_problem(Key{74}, conv3x3(1, 3, 4, 36, 530, {1, 1})));
  check_against_reference(random_problem(Key{75}, conv3x3(40, 8, 8, 16, 40, {1, 1})));
  check_against_reference(random_problem(Key{77}, conv3x3(5, 40, 36, 20, 18, {1, 1})));
  check_against_reference(random_problem(Key{78}, conv3x3(3, 41, 38, 9, 50, {1, 1})));
  check_against_reference(random_problem(Key{79}, conv3x3(2, 45, 47, 40, 80, {1, 1})));
}

TEST_CASE("Winograd in double agrees to double precision") {
  const ConvShape s = conv3x3(2, 9, 6, 7, 5, {1, 0});
  const auto x = normal<double>(Key{1}, Shape{s.x_size()}), weight = normal<double>(Key{2}, Shape{s.weight_size()});
  Tensor<double, 1> y({s.y_size()}), expected({s.y_size()});
  kernels::reference::conv2d_forward(s, x.data(), weight.data(), expected.mutable_data());
  winograd::forward<4>(s, x.data(), weight.data(), static_cast<const double*>(nullptr), y.mutable_data());
  CHECK(max_abs_difference(y, expected) < 1e-12);
  winograd::forward<2>(s, x.data(), weight.data(), static_cast<const double*>(nullptr), y.mutable_data());
  CHECK(max_abs_difference(y, expected) < 1e-12);
}

TEST_CASE("Winograd gives the same bits with 1, 2 and 4 threads") {
  for (const ConvShape& s : {conv3x3(3, 34, 31, 40, 24, {1, 1}), conv3x3(4, 7, 8, 130, 72, {1, 1}),
                             conv3x3(5, 34, 31, 17, 24, {1, 1}), conv3x3(2, 45, 47, 40, 80, {1, 1})}) {
    const Problem p = random_problem(Key{76}, s);
    check_threads<2>(p);
    check_threads<4>(p);
  }
}

TEST_CASE("Winograd refuses what it cannot compute") {
  CHECK(winograd::applies(conv3x3(1, 8, 8, 4, 4, {1, 1})));
  CHECK_FALSE(winograd::applies(conv3x3(1, 8, 8, 4, 4, {3, 1})));
  CHECK_FALSE(winograd::applies({1, 8, 8, 4, 4, 5, 5, {.padding = {2, 2}}}));
  CHECK_FALSE(winograd::applies({1, 8, 8, 4, 4, 3, 3, {.stride = {2, 2}, .padding = {1, 1}}}));
  CHECK_FALSE(winograd::applies({1, 8, 8, 4, 4, 3, 3, {.padding = {1, 1}, .dilation = {2, 2}}}));
  CHECK_FALSE(winograd::applies({1, 8, 8, 4, 4, 3, 3, {.padding = {1, 1}, .groups = 2}}));
  CHECK_FALSE(winograd::applies(conv3x3(1, 2, 8, 4, 4, {0, 1})));
}
