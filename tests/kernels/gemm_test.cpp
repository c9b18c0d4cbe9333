#include "paser/kernels/gemm.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"

using namespace paser;
using kernels::MatrixView;

namespace {

/// Sum over k of a(i,k) b(k,j), in double.
template <class T>
double product(const MatrixView<T>& a, const MatrixView<T>& b, Index i, Index j) {
  double sum = 0;
  for (Index k = 0; k < a.columns; ++k)
    sum += static_cast<double>(a.data[i * a.row_stride + k * a.column_stride]) *
           static_cast<double>(b.data[k * b.row_stride + j * b.column_stride]);
  return sum;
}

template <class T>
double error(const MatrixView<T>& a, const MatrixView<T>& b, const Tensor<T, 2>& c, double offset = 0) {
  double worst = 0;
  for (Index i = 0; i < a.rows; ++i)
    for (Index j = 0; j < b.columns; ++j)
      worst = std::max(worst, std::abs(product(a, b, i, j) + offset - static_cast<double>(c(i, j))));
  return worst;
}

struct Extents {
  Index m, n, k;
};

}  // namespace

TEMPLATE_TEST_CASE("gemm is the product, whatever the extents and the orientation of its operands", "", float, double) {
  using T = TestType;
  const auto [m, n, k] =
      GENERATE(Extents{1, 1, 1}, Extents{5, 3, 7}, Extents{6, 16, 4}, Extents{13, 33, 300}, Extents{64, 300, 20},
               Extents{500, 17, 31}, Extents{3, 5, 5000}, Extents{40, 40, 2100});
  const auto x = normal<T>(Key{1}, Shape{m, k}), y = normal<T>(Key{2}, Shape{k, n});
  const auto xt = normal<T>(Key{3}, Shape{k, m}), yt = normal<T>(Key{4}, Shape{n, k});
  const double tolerance = (sizeof(T) == 4 ? 3e-6 : 1e-13) * static_cast<double>(k);
  for (const bool left : {false, true})
    for (const bool right : {false, true}) {
      const auto a = left ? MatrixView<T>(xt.data(), k, m).transposed() : MatrixView<T>(x.data(), m, k);
      const auto b = right ? MatrixView<T>(yt.data(), n, k).transposed() : MatrixView<T>(y.data(), k, n);
      Tensor<T, 2> c({m, n});
      kernels::gemm(a, b, c.mutable_data());
      CHECK(error(a, b, c) < tolerance);
      auto sum = Tensor<T, 2>::full({m, n}, T(3));
      kernels::gemm(a, b, sum.mutable_data(), {.accumulate = true});
      CHECK(error(a, b, sum, 3) < tolerance);
    }
}

TEST_CASE("gemm adds a bias to every row and leaves the space between the rows of C alone") {
  const Index m = 20, n = 21, k = 6;
  const auto a = normal<float>(Key{1}, Shape{m, k}), b = normal<float>(Key{2}, Shape{k, n});
  const auto bias = normal<float>(Key{3}, Shape{n});
  auto c = Tensor<float, 2>::full({m, n + 2}, 7.F);
  kernels::gemm<float>({a.data(), m, k}, {b.data(), k, n}, c.mutable_data(),
                       {.bias = bias.data(), .row_stride = n + 2});
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j)
      CHECK(
          static_cast<double>(c(i, j)) ==
          Approx(product<float>({a.data(), m, k}, {b.data(), k, n}, i, j) + static_cast<double>(bias(j))).margin(1e-5));
    CHECK((c(i, n) == 7 && c(i, n + 1) == 7));
  }
  kernels::gemm<float>({a.data(), m, 0}, {b.data(), 0, n}, c.mutable_data(), {.bias = bias.data()});
  CHECK(c.data()[n + 1] == bias(1));
}

TEST_CASE("gemm gives the same bits on any number of threads") {
  const auto [m, n, k] = GENERATE(Extents{300, 300, 70}, Extents{16, 16, 20000}, Extents{2000, 8, 64});
  const auto a = normal<float>(Key{1}, Shape{m, k}), b = normal<float>(Key{2}, Shape{k, n});
  const auto run = [&, m = m, n = n, k = k](int count) {
    set_threads(count);
    Tensor<float, 2> c({m, n});
    kernels::gemm<float>({a.data(), m, k}, {b.data(), k, n}, c.mutable_data());
    set_threads(0);
    return c;
  };
  const auto one = run(1);
  CHECK(max_abs_difference(one, run(2)) == 0);
  CHECK(max_abs_difference(one, run(4)) == 0);
}
