#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "paser/core/shape.hpp"

/// Linear maps of an image that act on rows and columns apart: resizing, average pooling, nearest repetition and all
/// their transposes (the gradients). One kernel serves them all.
namespace paser::kernels {

/// A sparse matrix along one axis: output i is the sum of weight[t] * input[index[t]] for t in begin[i] .. begin[i+1].
template <class T>
struct AxisMap {
  Index in = 0, out = 0;
  std::vector<Index> begin{0};
  std::vector<Index> index;
  std::vector<T> weight;

  AxisMap(Index inputs, Index outputs) : in(inputs), out(outputs) {}

  /// A tap of the output that is being built; outputs are built in order, each closed by end_output().
  void add_tap(Index input, double w) {
    index.push_back(input);
    weight.push_back(static_cast<T>(w));
  }
  void end_output() { begin.push_back(static_cast<Index>(index.size())); }

  /// The transposed matrix: maps the gradient of the output to that of the input.
  AxisMap transposed() const {
    AxisMap t(out, in);
    t.begin.assign(static_cast<std::size_t>(in) + 1, 0);
    for (const Index i : index) ++t.begin[static_cast<std::size_t>(i) + 1];
    std::partial_sum(t.begin.begin(), t.begin.end(), t.begin.begin());
    std::vector<Index> next(t.begin.begin(), t.begin.end() - 1);
    t.index.resize(index.size());
    t.weight.resize(index.size());
    for (Index o = 0; o < out; ++o)
      for (Index k = first(o); k < last(o); ++k) {
        const auto from = static_cast<std::size_t>(k);
        const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(index[from])]++);
        t.index[to] = o;
        t.weight[to] = weight[from];
      }
    return t;
  }

  Index first(Index o) const { return begin[static_cast<std::size_t>(o)]; }
  Index last(Index o) const { return begin[static_cast<std::size_t>(o) + 1]; }

  /// The number of taps when every output has the same, else 0.
  Index uniform_taps() const {
    const Index taps = out > 0 ? last(0) - first(0) : 0;
    for (Index o = 1; o < out; ++o)
      if (last(o) - first(o) != taps) return 0;
    return taps;
  }
};

/// y = rows applied along the height and columns along the width of x. x: (n, rows.in, columns.in, c),
/// y: (n, rows.out, columns.out, c), overwritten.
template <class T>
void apply_separable(const AxisMap<T>& rows, const AxisMap<T>& columns, Index n, Index c, const T* x, T* y);

/// One of several maps that are added.
template <class T>
struct SeparableTerm {
  AxisMap<T> rows, columns;
  const T* x;  ///< (n, rows.in, columns.in, c)
};

/// y += every term, and then y = max(0, y) where `relu` says so, in one pass over y: (n, h, w, c), the size of every
/// term's result.
template <class T>
void add_separable(std::span<const SeparableTerm<T>> terms, Index n, Index c, bool relu, T* y);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <cstring>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

namespace detail {

/// acc[p] = sum of weight[t] * packet p of x + index[t] * stride. Long sums go through partial sums of 16 taps, so that
/// the mean of a large map keeps its digits in float. Taps > 0 fixes the number of taps.
template <int Taps, int Packets, class T>
void tap_sum(Index taps, const Index* index, const T* weight, const T* x, Index stride, simd::Packet<T>* acc) {
  if constexpr (Taps > 0) taps = Taps;
  for (int p = 0; p < Packets; ++p) acc[p] = simd::zero<T>();
  for (Index t0 = 0; t0 < taps; t0 += 16) {
    simd::Packet<T> part[Packets];
    const T* row = x + index[t0] * stride;
    const auto w0 = simd::broadcast(weight[t0]);
    for (int p = 0; p < Packets; ++p) part[p] = simd::mul(w0, simd::load(row + p * simd::width<T>));
    for (Index t = t0 + 1; t < std::min(taps, t0 + 16); ++t) {
      row = x + index[t] * stride;
      const auto w = simd::broadcast(weight[t]);
      for (int p = 0; p < Packets; ++p) part[p] = simd::fma(w, simd::load(row + p * simd::width<T>), part[p]);
    }
    for (int p = 0; p < Packets; ++p) acc[p] = t0 == 0 ? part[p] : simd::add(acc[p], part[p]);
  }
}

/// y[0 .. n) = sum of taps of x, `stride` apart. Reads and writes whole packets: y is at least one packet long, or
/// `overrun` says that a packet may be read and written beyond n.
template <int Taps, class T>
void tap_sum_run(Index taps, const Index* index, const T* weight, const T* x, Index stride, Index n, T* y,
                 bool overrun) {
  constexpr Index width = simd::width<T>;
  simd::Packet<T> acc[4];
  Index j = 0;
  for (; j + 4 * width <= n; j += 4 * width) {
    tap_sum<Taps, 4, T>(taps, index, weight, x + j, stride, acc);
    for (int p = 0; p < 4; ++p) simd::store(y + j + p * width, acc[p]);
  }
  for (; j < n; j += width) {
    if (!overrun) j = std::min(j, n - width);
    tap_sum<Taps, 1, T>(taps, index, weight, x + j, stride, acc);
    simd::store(y + j, acc[0]);
  }
}

/// The weighted sum of rows of one image: y[0 .. n).
template <class T>
void combine_rows(const AxisMap<T>& map, Index output, const T* x, Index n, T* y) {
  const Index first = map.first(output), taps = map.last(output) - first;
  const Index* index = map.index.data() + first;
  const T* weight = map.weight.data() + first;
  if (taps == 0) {
    std::fill_n(y, n, T(0));
  } else if (n < simd::width<T>) {
    for (Index j = 0; j < n; ++j) {
      T sum = T(0);
      for (Index t = 0; t < taps; ++t) sum += weight[t] * x[index[t] * n + j];
      y[j] = sum;
    }
  } else if (taps == 2) {
    tap_sum_run<2>(taps, index, weight, x, n, n, y, false);
  } else {
    tap_sum_run<0>(taps, index, weight, x, n, n, y, false);
  }
}

/// One packet of a sum of `Taps` taps.
template <int Taps, class T>
simd::Packet<T> fixed_taps(const T* const (&from)[Taps], const simd::Packet<T> (&weight)[Taps], Index k) {
  auto sum = simd::mul(weight[0], simd::load(from[0] + k));
  for (int t = 1; t < Taps; ++t) sum = simd::fma(weight[t], simd::load(from[t] + k), sum);
  return sum;
}

/// One output row from one combined input row, every output being the sum of Taps inputs. Packets may be read and
/// written beyond c when that is less than a packet: the next output overwrites the surplus, and the last outputs go
/// through a buffer.
template <int Taps, class T>
void combine_columns_fixed(const AxisMap<T>& map, Index c, const T* x, T* y) {
  constexpr Index width = simd::width<T>;
  const Index* index = map.index.data();
  const T* weights = map.weight.data();
  for (Index o = 0; o < map.out; ++o, index += Taps, weights += Taps) {
    const T* from[Taps];
    simd::Packet<T> weight[Taps];
    for (int t = 0; t < Taps; ++t) {
      from[t] = x + index[t] * c;
      weight[t] = simd::broadcast(weights[t]);
    }
    T* const out = y + o * c;
    Index k = 0;
    for (; k + width <= c; k += width) simd::store(out + k, fixed_taps<Taps, T>(from, weight, k));
    if (k == c) continue;
    if (c >= width)
      simd::store(out + c - width, fixed_taps<Taps, T>(from, weight, c - width));
    else if ((map.out - o) * c >= width)
      simd::store(out, fixed_taps<Taps, T>(from, weight, 0));
    else
      simd::store_partial(out, fixed_taps<Taps, T>(from, weight, 0), c);
  }
}

/// The same for any number of taps.
template <class T>
void combine_columns(const AxisMap<T>& map, Index c, const T* x, T* y) {
  constexpr Index width = simd::width<T>;
  for (Index o = 0; o < map.out; ++o) {
    const Index first = map.first(o), taps = map.last(o) - first;
    const Index* index = map.index.data() + first;
    const T* weight = map.weight.data() + first;
    T* out = y + o * c;
    if (taps == 0) {
      std::fill_n(out, c, T(0));
    } else if (c >= width || (map.out - o) * c >= width) {
      tap_sum_run<0>(taps, index, weight, x, c, c, out, c < width);
    } else {
      T last[width];
      tap_sum_run<0>(taps, index, weight, x, c, c, last, true);
      std::copy_n(last, c, out);
    }
  }
}

/// Row o of the result of one image, `taps` being the columns' uniform_taps(). `scratch` holds an input row and a
/// packet.
template <class T>
void separable_row(const AxisMap<T>& rows, const AxisMap<T>& columns, Index taps, Index c, const T* image, Index o,
                   T* scratch, T* out) {
  const Index in_row = columns.in * c, first = rows.first(o);
  const T* row = scratch;
  if (c >= simd::width<T> && rows.last(o) - first == 1 && rows.weight[static_cast<std::size_t>(first)] == T(1))
    row = image + rows.index[static_cast<std::size_t>(first)] * in_row;
  else
    combine_rows(rows, o, image, in_row, scratch);
  if (taps == 1)
    combine_columns_fixed<1>(columns, c, row, out);
  else if (taps == 2)
    combine_columns_fixed<2>(columns, c, row, out);
  else if (taps == 4)
    combine_columns_fixed<4>(columns, c, row, out);
  else
    combine_columns(columns, c, row, out);
}

}  // namespace detail

template <class T>
void apply_separable(const AxisMap<T>& rows, const AxisMap<T>& columns, Index n, Index c, const T* x, T* y) {
  const Index in_row = columns.in * c, out_row = columns.out * c, taps = columns.uniform_taps();
  const Index piece = std::max<Index>(1, 16384 / std::max<Index>(1, in_row + out_row));
  parallel_for(n * rows.out, piece, [&](Index begin, Index end) {
    const std::size_t scratch_size = static_cast<std::size_t>(in_row + simd::width<T>);
    Scratch<T> scratch(scratch_size);
    std::fill_n(scratch.data(), scratch_size, T(0));
    for (Index i = begin; i < end; ++i)
      detail::separable_row(rows, columns, taps, c, x + i / rows.out * rows.in * in_row, i % rows.out, scratch.data(),
                            y + i * out_row);
  });
}

template <class T>
void add_separable(std::span<const SeparableTerm<T>> terms, Index n, Index c, bool relu, T* y) {
  if (terms.empty()) return;
  constexpr Index width = simd::width<T>;
  const Index height = terms[0].rows.out, out_row = terms[0].columns.out * c;
  Index longest = 0;
  std::vector<Index> taps;
  for (const auto& term : terms) {
    longest = std::max(longest, term.columns.in * c);
    taps.push_back(term.columns.uniform_taps());
  }
  const Index piece = std::max<Index>(1, 16384 / std::max<Index>(1, out_row));
  parallel_for(n * height, piece, [&](Index begin, Index end) {
    const std::size_t scratch_size = static_cast<std::size_t>(longest + out_row + 2 * width);
    Scratch<T> scratch(scratch_size);
    std::fill_n(scratch.data(), scratch_size, T(0));
    T* const row = scratch.data() + longest + width;
    for (Index i = begin; i < end; ++i) {
      T* const out = y + i * out_row;
      for (std::size_t t = 0; t < terms.size(); ++t) {
        const auto& [rows, columns, x] = terms[t];
        detail::separable_row(rows, columns, taps[t], c, x + i / height * rows.in * columns.in * c, i % height,
                              scratch.data(), row);
        const bool cut = relu && t + 1 == terms.size();
        Index k = 0;
        for (; k + width <= out_row; k += width) {
          auto v = simd::add(simd::load(out + k), simd::load(row + k));
          if (cut) v = simd::select(simd::less(v, simd::zero<T>()), simd::zero<T>(), v);
          simd::store(out + k, v);
        }
        for (; k < out_row; ++k) out[k] = cut && out[k] + row[k] < T(0) ? T(0) : out[k] + row[k];
      }
    }
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
