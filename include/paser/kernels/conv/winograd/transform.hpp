#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/simd.hpp"

/// The linear maps of Winograd's minimal filtering F(4x4, 3x3) and F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks", CVPR 2016), by the Toom-Cook construction: on the points 0, +-1 and infinity for
/// tiles of 2x2 outputs, on 0, +-a, +-b and infinity with a = sqrt(2)/2 and b = sqrt(2) for 4x4. Against the usual
/// points 0, +-1, +-2 that choice loses 4 to 7 times fewer digits in float (see Alam et al., "Winograd Convolution for
/// Deep Neural Networks: Efficient Point Selection", 2022).
///
/// In one dimension, y = A^T ((G g) * (B^T d)) gives `Tile` outputs y of a 3-tap filter g over Tile + 2 inputs d with
/// Tile + 2 products. In two dimensions each map acts on the rows and on the columns. The gradient of the filter uses
/// the transposed maps A and G^T, and the same B^T.
namespace paser::kernels::winograd {

/// The interpolation points +-a and +-b, beside 0 and infinity.
inline constexpr double point_a = 0.70710678118654752440, point_b = 1.41421356237309504880;

/// One over the product of a's (b's) distances to the other finite points.
inline constexpr double scale_a = -2.0 / 3, scale_b = 1.0 / 6;

/// B^T: inputs -> points.
template <int Tile, class T>
struct InputMap;
/// A^T: points -> outputs.
template <int Tile, class T>
struct OutputMap;
/// G: filter taps -> points. A row holds the powers of its point p over the product of p's distances to the others.
template <int Tile, class T>
struct FilterMap;
/// A: the gradients of the outputs -> points.
template <int Tile, class T>
struct OutputGradientMap;
/// G^T: points -> the gradients of the filter taps.
template <int Tile, class T>
struct FilterGradientMap;

template <class T>
struct InputMap<2, T> {
  static constexpr int in = 4, out = 4;
  template <class P>
  static void apply(const P (&d)[in], P (&v)[out]) {
    v[0] = simd::sub(d[0], d[2]);
    v[1] = simd::add(d[2], d[1]);
    v[2] = simd::sub(d[2], d[1]);
    v[3] = simd::sub(d[3], d[1]);
  }
};

template <class T>
struct OutputMap<2, T> {
  static constexpr int in = 4, out = 2;
  template <class P>
  static void apply(const P (&m)[in], P (&y)[out]) {
    y[0] = simd::add(m[0], simd::add(m[1], m[2]));
    y[1] = simd::add(simd::sub(m[1], m[2]), m[3]);
  }
};

template <class T>
struct FilterMap<2, T> {
  static constexpr int in = 3, out = 4;
  template <class P>
  static void apply(const P (&g)[in], P (&u)[out]) {
    const P half = simd::broadcast(T(0.5));
    const P even = simd::mul(half, simd::add(g[0], g[2]));
    u[0] = g[0];
    u[1] = simd::fma(half, g[1], even);
    u[2] = simd::fma(simd::broadcast(T(-0.5)), g[1], even);
    u[3] = g[2];
  }
};

template <class T>
struct OutputGradientMap<2, T> {
  static constexpr int in = 2, out = 4;
  template <class P>
  static void apply(const P (&y)[in], P (&m)[out]) {
    m[0] = y[0];
    m[1] = simd::add(y[0], y[1]);
    m[2] = simd::sub(y[0], y[1]);
    m[3] = y[1];
  }
};

template <class T>
struct FilterGradientMap<2, T> {
  static constexpr int in = 4, out = 3;
  template <class P>
  static void apply(const P (&u)[in], P (&g)[out]) {
    const P half = simd::broadcast(T(0.5));
    const P even = simd::mul(half, simd::add(u[1], u[2]));
    g[0] = simd::add(u[0], even);
    g[1] = simd::mul(half, simd::sub(u[1], u[2]));
    g[2] = simd::add(u[3], even);
  }
};

template <class T>
struct InputMap<4, T> {
  static constexpr int in = 6, out = 6;
  template <class P>
  static void apply(const P (&d)[in], P (&v)[out]) {
    const P a = simd::broadcast(T(point_a)), b = simd::broadcast(T(point_b));
    const P minus_a = simd::broadcast(T(-point_a)), minus_b = simd::broadcast(T(-point_b));
    const P minus_two = simd::broadcast(T(-2)), minus_half = simd::broadcast(T(-0.5));
    const P minus_ends = simd::broadcast(T(-2.5));  // a^2 + b^2
    const P even_a = simd::fma(minus_two, d[2], d[4]), odd_a = simd::fma(minus_two, d[1], d[3]);
    const P even_b = simd::fma(minus_half, d[2], d[4]), odd_b = simd::fma(minus_half, d[1], d[3]);
    v[0] = simd::fma(minus_ends, d[2], simd::add(d[0], d[4]));
    v[1] = simd::fma(a, odd_a, even_a);
    v[2] = simd::fma(minus_a, odd_a, even_a);
    v[3] = simd::fma(b, odd_b, even_b);
    v[4] = simd::fma(minus_b, odd_b, even_b);
    v[5] = simd::fma(minus_ends, d[3], simd::add(d[1], d[5]));
  }
};

template <class T>
struct OutputMap<4, T> {
  static constexpr int in = 6, out = 4;
  template <class P>
  static void apply(const P (&m)[in], P (&y)[out]) {
    const P a = simd::broadcast(T(point_a)), b = simd::broadcast(T(point_b));
    const P two = simd::broadcast(T(2)), half = simd::broadcast(T(0.5));
    const P half_a = simd::broadcast(T(point_a / 2)), two_b = simd::broadcast(T(point_b * 2));
    const P sum_a = simd::add(m[1], m[2]), odd_a = simd::sub(m[1], m[2]);
    const P sum_b = simd::add(m[3], m[4]), odd_b = simd::sub(m[3], m[4]);
    y[0] = simd::add(m[0], simd::add(sum_a, sum_b));
    y[1] = simd::fma(a, odd_a, simd::mul(b, odd_b));
    y[2] = simd::fma(half, sum_a, simd::mul(two, sum_b));
    y[3] = simd::fma(half_a, odd_a, simd::fma(two_b, odd_b, m[5]));
  }
};

template <class T>
struct FilterMap<4, T> {
  static constexpr int in = 3, out = 6;
  template <class P>
  static void apply(const P (&g)[in], P (&u)[out]) {
    const P one_a = simd::broadcast(T(scale_a)), square_a = simd::broadcast(T(scale_a / 2));
    const P one_b = simd::broadcast(T(scale_b)), square_b = simd::broadcast(T(scale_b * 2));
    const P even_a = simd::fma(square_a, g[2], simd::mul(one_a, g[0]));
    const P even_b = simd::fma(square_b, g[2], simd::mul(one_b, g[0]));
    u[0] = g[0];
    u[1] = simd::fma(simd::broadcast(T(scale_a * point_a)), g[1], even_a);
    u[2] = simd::fma(simd::broadcast(T(-scale_a * point_a)), g[1], even_a);
    u[3] = simd::fma(simd::broadcast(T(scale_b * point_b)), g[1], even_b);
    u[4] = simd::fma(simd::broadcast(T(-scale_b * point_b)), g[1], even_b);
    u[5] = g[2];
  }
};

template <class T>
struct OutputGradientMap<4, T> {
  static constexpr int in = 4, out = 6;
  template <class P>
  static void apply(const P (&y)[in], P (&m)[out]) {
    const P a = simd::broadcast(T(point_a)), b = simd::broadcast(T(point_b));
    const P minus_a = simd::broadcast(T(-point_a)), minus_b = simd::broadcast(T(-point_b));
    const P two = simd::broadcast(T(2)), half = simd::broadcast(T(0.5));
    const P even_a = simd::fma(half, y[2], y[0]), odd_a = simd::fma(half, y[3], y[1]);
    const P even_b = simd::fma(two, y[2], y[0]), odd_b = simd::fma(two, y[3], y[1]);
    m[0] = y[0];
    m[1] = simd::fma(a, odd_a, even_a);
    m[2] = simd::fma(minus_a, odd_a, even_a);
    m[3] = simd::fma(b, odd_b, even_b);
    m[4] = simd::fma(minus_b, odd_b, even_b);
    m[5] = y[3];
  }
};

template <class T>
struct FilterGradientMap<4, T> {
  static constexpr int in = 6, out = 3;
  template <class P>
  static void apply(const P (&u)[in], P (&g)[out]) {
    const P one_a = simd::broadcast(T(scale_a)), square_a = simd::broadcast(T(scale_a / 2));
    const P one_b = simd::broadcast(T(scale_b)), square_b = simd::broadcast(T(scale_b * 2));
    const P linear_a = simd::broadcast(T(scale_a * point_a)), linear_b = simd::broadcast(T(scale_b * point_b));
    const P sum_a = simd::add(u[1], u[2]), odd_a = simd::sub(u[1], u[2]);
    const P sum_b = simd::add(u[3], u[4]), odd_b = simd::sub(u[3], u[4]);
    g[0] = simd::fma(one_a, sum_a, simd::fma(one_b, sum_b, u[0]));
    g[1] = simd::fma(linear_a, odd_a, simd::mul(linear_b, odd_b));
    g[2] = simd::fma(square_a, sum_a, simd::fma(square_b, sum_b, u[5]));
  }
};

/// Applies a map to the columns, then to the rows, of a square of packets: store(i, j, value) is called for every cell
/// of the result, load(i, j) once for every cell of the argument.
template <class Map, class P, class Load, class Store>
[[gnu::always_inline]] inline void transform(const Load& load, const Store& store) {
  P middle[Map::out][Map::in];
#pragma GCC unroll 6
  for (int j = 0; j < Map::in; ++j) {
    P from[Map::in], to[Map::out];
#pragma GCC unroll 6
    for (int i = 0; i < Map::in; ++i) from[i] = load(i, j);
    Map::apply(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < Map::out; ++i) middle[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < Map::out; ++i) {
    P to[Map::out];
    Map::apply(middle[i], to);
#pragma GCC unroll 6
    for (int j = 0; j < Map::out; ++j) store(i, j, to[j]);
  }
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
