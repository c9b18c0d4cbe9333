#include <catch2/catch.hpp>
#include <string>

#include "paser/autograd/autograd.hpp"
#include "paser/kernels/optimizer.hpp"
#include "paser/ops/ops.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {

constexpr bool can_flush = detail::flush_bits != 0;

/// Numbers of both signs: every second one subnormal, every third one just normal.
template <int Rank>
Tensor<float, Rank> tiny(const Shape<Rank>& shape, std::uint64_t stream) {
  auto x = uniform<float, Rank>(Key{stream}, shape, -1.0, 1.0);
  float* const values = x.mutable_data();
  for (Index i = 0; i < x.numel(); ++i) values[i] *= i % 2 == 0 ? 1e-39f : i % 3 == 0 ? 2e-38f : 1e-20f;
  return x;
}

/// The thread's state set by hand to another one for a while: what a caller may have done.
class CallerState {
 public:
  explicit CallerState(detail::FloatControl control) : before_(detail::float_control()) {
    detail::set_float_control(control);
  }
  ~CallerState() { detail::set_float_control(before_); }

 private:
  detail::FloatControl before_;
};

/// f() has the same bits on 1, 2 and 4 threads and whether the caller flushes or not, and leaves the state alone.
template <class F>
void check_state_free(const F& f) {
  const auto plain = detail::float_control() & ~detail::flush_bits;
  const auto run = [&](detail::FloatControl control) {
    const CallerState state(control);
    const auto before = detail::float_control();
    auto y = f();
    const bool unchanged = detail::float_control() == before;
    return std::pair(std::move(y), unchanged);
  };
  const auto [y, unchanged] = run(plain);
  const auto [y_flushing, unchanged_flushing] = run(plain | detail::flush_bits);
  CHECK(unchanged);
  CHECK(unchanged_flushing);
  CHECK(same_bits(y, y_flushing));
  CHECK(same_for_all_threads(f));
}

/// The sum of y's squares, differentiated by x: a backward with small gradients.
template <class Op>
Tensor<float, 4> gradient_of(const Tensor<float, 4>& x, const Op& op) {
  Tape<float> tape;
  const auto v = tape.variable(x);
  const auto y = op(v);
  tape.backward(y, tiny(y.shape(), 77));
  return tape.gradient(v);
}

}  // namespace

TEST_CASE("a convolution of subnormal numbers is zero, not slow") {
  const auto x = Tensor<float, 4>::full({1, 20, 20, 8}, 1e-39f), weight = Tensor<float, 4>::full({3, 3, 8, 8}, 1.0f);
  const auto y = conv2d(x, weight, Tensor<float, 1>::zeros({8}), {.padding = {1, 1}});
  Index zeros = 0;
  for (const float value : y.values()) zeros += value == 0;
  CHECK(zeros == (can_flush ? y.numel() : 0));
}

TEST_CASE("operations on tiny numbers depend neither on the threads nor on the caller's floating-point state") {
  const auto x = tiny(Shape<4>{3, 24, 24, 16}, 1);
  const auto weight = tiny(Shape<4>{3, 3, 16, 16}, 2);
  const auto bias = tiny(Shape<1>{16}, 3);
  const Conv2dOptions same{.padding = {1, 1}};
  SECTION("conv2d") {
    check_state_free([&] { return conv2d(x, weight, bias, same); });
    check_state_free([&] { return conv2d(x, Tensor<float, 4>::full({3, 3, 16, 16}, 0.5f), bias, same); });
    check_state_free(
        [&] { return gradient_of(x, [&](const auto& v) { return conv2d(v, Var(weight), Var(bias), same); }); });
  }
  SECTION("bias gradient") {
    check_state_free([&] {
      Tensor<float, 1> sums({16});
      kernels::sum_per_channel(x.numel() / 16, Index{16}, x.data(), sums.mutable_data());
      return sums;
    });
  }
  SECTION("norm") {
    check_state_free([&] { return instance_norm(x); });
    check_state_free([&] { return gradient_of(x, [](const auto& v) { return instance_norm(v); }); });
  }
  SECTION("elementwise and pooling") {
    check_state_free([&] { return add(x, relu(x)); });
    check_state_free([&] { return softmax(x); });
    check_state_free([&] { return max_pool2d(x, {}); });
    check_state_free([&] { return upsample_bilinear(x, ResizeOptions{.size = {48, 48}}); });
    check_state_free([&] { return gradient_of(x, [](const auto& v) { return softmax(v); }); });
  }
  SECTION("losses") {
    const auto y = tiny(x.shape(), 5);
    check_state_free([&] { return mean_squared_error(x, y); });
    check_state_free([&] { return cross_entropy(x, softmax(y)); });
  }
  SECTION("Adam") {
    const auto gradient = tiny(Shape<1>{5000}, 6);
    check_state_free([&] {
      auto state = tiny(Shape<2>{3, 5000}, 7);
      float* const s = state.mutable_data();
      for (Index i = 10000; i < 15000; ++i) s[i] = s[i] < 0 ? -s[i] : s[i];
      const kernels::AdamStep<float> step{0.9f, 0.1f, 0.999f, 0.001f, 1e-3f, 1.0f, 1e-30f, 0.0f, 1.0f};
      kernels::adam(Index{5000}, step, gradient.data(), s, s + 5000, s + 10000);
      return state;
    });
  }
}
