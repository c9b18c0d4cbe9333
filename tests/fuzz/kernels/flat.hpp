#pragma once

#include "draw.hpp"
#include "paser/kernels/activation.hpp"
#include "paser/kernels/dropout.hpp"
#include "paser/kernels/elementwise.hpp"
#include "paser/kernels/gemm.hpp"
#include "paser/kernels/optimizer.hpp"
#include "paser/kernels/reduce.hpp"

/// Matrix products, and what works on numbers one by one.
namespace fuzz {

template <class T>
void matrix_product(Draw& draw) {
  const Index m = draw.between(0, 70), k = draw.between(0, 90), n = draw.between(0, 70);
  const bool across_a = draw.flag(), across_b = draw.flag();
  const auto a = draw.values<T>(m * k), b = draw.values<T>(k * n), bias = draw.values<T>(n);
  paser::kernels::GemmOutput<T> output{.accumulate = draw.flag(), .bias = draw.flag() ? bias.data() : nullptr};
  const Index stride = n + (draw.flag() ? draw.between(0, 9) : 0);
  if (stride != n) output.row_stride = stride;
  const auto before = draw.values<T>(m > 0 ? (m - 1) * stride + n : 0);
  auto c = before;
  using View = paser::kernels::MatrixView<T>;
  const View left = across_a ? View(a.data(), k, m).transposed() : View(a.data(), m, k);
  const View right = across_b ? View(b.data(), n, k).transposed() : View(b.data(), k, n);
  gemm(left, right, c.data(), output);
  const auto twin = [&](Index at) {
    const Index i = at / std::max<Index>(stride, 1), j = at % std::max<Index>(stride, 1);
    const auto old = static_cast<double>(before[static_cast<std::size_t>(at)]);
    Sum sum;
    if (j >= n) return Sum{old, 0};  // between the rows
    for (Index l = 0; l < k; ++l)
      sum.add(static_cast<double>(left.data[i * left.row_stride + l * left.column_stride]) *
              static_cast<double>(right.data[l * right.row_stride + j * right.column_stride]));
    if (output.accumulate)
      sum.add(old);
    else if (output.bias != nullptr)
      sum.add(static_cast<double>(bias[static_cast<std::size_t>(j)]));
    return sum;
  };
  agree(paser::message("matrix product ", m, " x ", k, " x ", n, ", views ", across_a, across_b, ", accumulated ",
                       output.accumulate),
        c, twin, static_cast<double>(k) + 2);
}

/// What is dropped is known by the key alone.
template <class T>
void dropout(Draw& draw) {
  const Index images = draw.between(1, 3), size = draw.between(1, 200) * draw.pick<Index>({1, 17});
  const double p = draw.pick({0.5, 0.1, 0.25, 0.9, 0.999});
  std::vector<Key> keys;
  for (Index i = draw.between(0, 5); i > 0; --i) keys.push_back(Key{draw.byte()});
  const auto x = draw.values<T>(images * size);
  auto y = unwritten<T>(static_cast<Index>(keys.size()) * size);
  paser::kernels::dropout<T>(keys, images, size, p, x.data(), y.data());
  const auto twin = [&](Index at) {
    const Key key = keys[static_cast<std::size_t>(at / size)];
    const auto i = static_cast<std::uint64_t>(at % size);
    const bool kept = p == 0.5 ? (key.word(i / 32) >> i % 32 & 1) != 0 : key.uniform(i) >= p;
    Sum sum;
    if (kept)
      sum.add(static_cast<double>(x[static_cast<std::size_t>(at / size % images * size + at % size)]) / (1 - p));
    return sum;
  };
  agree(paser::message("dropout of ", size, " numbers, p ", p), y, twin, 2);
}

template <class T>
void optimizers(Draw& draw) {
  const Index n = draw.between(0, 200);
  const auto gradient = draw.values<T>(n), value = draw.values<T>(n), m = draw.values<T>(n),
             v = draw.values<T>(n, 0, 1);
  const auto number = [&](std::initializer_list<double> choices) { return static_cast<T>(draw.pick(choices)); };
  const paser::kernels::AdamStep<T> adam{
      number({0.9, 0}), T(0.1),  number({0.999, 0.5}), T(0.001),         number({0.01, 1}),
      number({1, 2}),   T(1e-8), number({0, 0.1}),     number({1, 0.99})};
  const paser::kernels::SgdStep<T> sgd{T(0.1),      number({0, 0.9}), number({1, 0.5}), number({0, 0.01}),
                                       draw.flag(), draw.flag()};
  auto adam_value = value, adam_m = m, adam_v = v, sgd_value = value, buffer = m;
  const bool momentum = sgd.momentum != 0;
  paser::kernels::adam(n, adam, gradient.data(), adam_value.data(), adam_m.data(), adam_v.data());
  paser::kernels::sgd(n, sgd, gradient.data(), sgd_value.data(), momentum ? buffer.data() : nullptr);

  const auto d = [](auto x) { return static_cast<double>(x); };
  std::vector<Sum> want_value(value.size()), want_m(m.size()), want_v(v.size()), want_sgd(value.size()),
      want_buffer(m.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double g = d(gradient[i]) + d(adam.l2) * d(value[i]),
                 size = std::abs(d(gradient[i])) + d(adam.l2) * std::abs(d(value[i]));
    want_m[i].add(d(adam.beta1) * d(m[i]));
    want_m[i].add(d(adam.rest1) * g, d(adam.rest1) * size);
    want_v[i].add(d(adam.beta2) * d(v[i]));
    want_v[i].add(d(adam.rest2) * g * g, d(adam.rest2) * size * size);
    // The quotient is taken of what the kernel has rounded: a v next to 0 makes anything of a difference.
    want_value[i].add(d(adam.keep) * d(value[i]));
    want_value[i].add(-d(adam.step_size) * d(adam_m[i]) /
                      (std::sqrt(d(adam_v[i])) * d(adam.inverse_correction2) + d(adam.eps)));
    const double sg = d(gradient[i]) + d(sgd.l2) * d(value[i]),
                 sg_size = std::abs(d(gradient[i])) + d(sgd.l2) * std::abs(d(value[i]));
    const bool first = sgd.first;
    if (momentum) {
      want_buffer[i].add(first ? 0 : d(sgd.momentum) * d(m[i]));
      want_buffer[i].add((first ? 1 : d(sgd.rest)) * sg, sg_size);
    }
    const Sum b = want_buffer[i];
    const Sum step = !momentum      ? Sum{sg, sg_size}
                     : sgd.nesterov ? Sum{sg + d(sgd.momentum) * b.value, sg_size + b.magnitude}
                                    : b;
    want_sgd[i].add(d(value[i]));
    want_sgd[i].add(-d(sgd.learning_rate) * step.value, d(sgd.learning_rate) * step.magnitude);
  }
  agree("Adam, m", adam_m, want_m, 6);
  agree("Adam, v", adam_v, want_v, 8);
  agree("Adam, value", adam_value, want_value, 8, From::rounded);
  agree("SGD, value", sgd_value, want_sgd, 8);
  if (momentum) agree("SGD, buffer", buffer, want_buffer, 6);
}

/// y = x in double, by one function of the headers.
inline double activated(paser::Activation f, double x) {
  switch (f) {
    case paser::Activation::relu:
      return std::max(0.0, x);
    case paser::Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case paser::Activation::silu:
      return x / (1 + std::exp(-x));
    case paser::Activation::hardswish:
      return x * std::clamp(x + 3, 0.0, 6.0) / 6;
    default:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
  }
}
inline double activation_slope(paser::Activation f, double x) {
  const double s = 1 / (1 + std::exp(-x));
  switch (f) {
    case paser::Activation::relu:
      return x > 0 ? 1 : 0;
    case paser::Activation::sigmoid:
      return s * (1 - s);
    case paser::Activation::silu:
      return s * (1 + x * (1 - s));
    case paser::Activation::hardswish:
      return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
    default:
      return 0.5 * std::erfc(-x / std::sqrt(2.0)) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
  }
}

template <class T>
void activations(Draw& draw) {
  using paser::Activation;
  const auto f =
      draw.pick({Activation::relu, Activation::sigmoid, Activation::silu, Activation::hardswish, Activation::gelu});
  const Index n = draw.between(0, 200);
  const double reach = draw.pick({4.0, 30.0});
  auto x = draw.values<T>(n, -reach, reach);
  for (T& v : x) v = v == 3 || v == -3 || v == 0 ? T(0.5) : v;  // where the slope jumps, either side will do
  const auto dy = draw.values<T>(n);
  auto y = unwritten<T>(n), dx = y;
  paser::kernels::activate(f, n, x.data(), y.data());
  const bool of_y = f == Activation::relu || f == Activation::sigmoid;
  paser::kernels::activation_gradient(f, n, of_y ? y.data() : x.data(), dy.data(), dx.data());
  const auto at = [&](Index i) { return static_cast<double>(x[static_cast<std::size_t>(i)]); };
  const auto what = paser::message("activation ", static_cast<int>(f), " within ", reach);
  agree(
      what, y,
      [&](Index i) {
        return Sum{activated(f, at(i)), 1 + std::abs(at(i))};
      },
      8);
  agree(
      what + ", gradient", dx,
      [&](Index i) {
        const auto d = static_cast<double>(dy[static_cast<std::size_t>(i)]);
        return Sum{d * activation_slope(f, at(i)), std::abs(d) * (1 + std::abs(at(i)))};
      },
      8);
}

template <class T>
void elementwise(Draw& draw) {
  const Index n = draw.between(0, 200), channels = draw.between(1, 40), all = n * channels;
  const auto a = draw.values<T>(all), b = draw.values<T>(all), bias = draw.values<T>(channels),
             keep = draw.values<T>(all, -1, 1);
  const T factor = draw.pick({T(0.5), T(3)});
  const auto check = [&](const char* what, const auto& kernel, const auto& twin) {
    std::vector<T> y = b, want(y.size());
    kernel(y.data());
    for (std::size_t i = 0; i < want.size(); ++i) want[i] = twin(i);
    same(what, y, want);
  };
  using namespace paser::kernels;
  check(
      "accumulate", [&](T* y) { accumulate(all, a.data(), y); }, [&](std::size_t i) { return b[i] + a[i]; });
  check(
      "scale", [&](T* y) { scale(all, factor, a.data(), y); }, [&](std::size_t i) { return factor * a[i]; });
  check(
      "add", [&](T* y) { add(all, a.data(), y, y); }, [&](std::size_t i) { return a[i] + b[i]; });
  check(
      "subtract", [&](T* y) { subtract(all, a.data(), y, y); }, [&](std::size_t i) { return a[i] - b[i]; });
  check(
      "multiply", [&](T* y) { multiply(all, a.data(), y, y); }, [&](std::size_t i) { return a[i] * b[i]; });
  check(
      "mask", [&](T* y) { apply_mask(all, factor, keep.data(), a.data(), y); },
      [&](std::size_t i) { return keep[i] != 0 ? factor * a[i] : T(0); });
  check(
      "bias", [&](T* y) { add_bias(n, channels, bias.data(), y); },
      [&](std::size_t i) { return b[i] + bias[i % bias.size()]; });
  auto sums = unwritten<T>(channels);
  sum_per_channel(n, channels, a.data(), sums.data());
  std::vector<Sum> want(sums.size());
  for (std::size_t i = 0; i < a.size(); ++i) want[i % want.size()].add(static_cast<double>(a[i]));
  agree(paser::message("sums of ", n, " rows by ", channels, " channels"), sums, want, static_cast<double>(n) + 2);
}

}  // namespace fuzz
