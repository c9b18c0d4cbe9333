#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/simd.hpp"
#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/direct/read.hpp"

/// What the direct convolution kernels work on: a convolution with its weights packed and its input copied.
namespace paser::kernels::direct {

/// A convolution, or a gradient that is one; in and out are the channels of one group.
template <class T>
struct Problem {
  Index images;
  Axis rows, columns;
  Index in, out, groups;
  Index out_rows, out_columns;  // extents of the y array, of which `rows` and `columns` may write a part
  /// Weight of (tap row t, tap column u, group g, in channel i, out channel o) at
  /// weight[t * tap_row + u * tap_column + g * group + i * in_step + o * out_step].
  const T* weight;
  Index tap_row, tap_column, group, in_step, out_step;  // in_step or out_step is 1
  const T* packed = nullptr;                            // the same packed (pack_filter), or null
  ConvInput<T> input;
  ConvEpilogue<T> epilogue;  // with an addend or moments, y is written whole and in order
  T* y;

  /// Offset in y of the first column and channel of an output row.
  Index output(Index image, Index row) const {
    return ((image * out_rows + rows.out_first + row * rows.out_step) * out_columns + columns.out_first) * out * groups;
  }
};

/// How the channels of a Problem are cut: output channels into blocks of one or two packets, input channels into
/// slices small enough that a slice of one block's weights stays in the second-level cache.
template <class T>
struct Blocking {
  Index width, blocks;  // output channels of a block; blocks of one group
  Index slice, slices;  // input channels of a slice, the last one filled up with zeros
  Index taps;

  explicit Blocking(const Problem<T>& p)
      : width(p.out <= simd::width<T> ? simd::width<T> : 2 * simd::width<T>),
        blocks(ceil_div(p.out, width)),
        taps(p.rows.taps * p.columns.taps) {
    constexpr Index budget = Index{160} * 1024 / sizeof(T);
    slices = ceil_div(p.in, std::max<Index>(16, budget / (taps * width)));
    slice = ceil_div(p.in, slices);
  }
  Index slice_size() const { return taps * slice * width; }
  Index block_size() const { return slices * slice_size(); }
};

/// to[j * width + i] = from[i * step + j] for i < rows, j < columns.
template <class T>
void transpose_to(const T* from, Index step, Index rows, Index columns, T* to, Index width) {
  constexpr Index size = simd::width<T>;
  for (Index i = 0; i < rows; i += size)
    for (Index j = 0; j < columns; j += size) {
      if (i + size <= rows && j + size <= columns) {
        simd::Packet<T> square[size];
        for (Index r = 0; r < size; ++r) square[r] = simd::load(from + (i + r) * step + j);
        simd::transpose<T>(square);
        for (Index r = 0; r < size; ++r) simd::store(to + (j + r) * width + i, square[r]);
      } else {
        for (Index r = i; r < std::min(rows, i + size); ++r)
          for (Index q = j; q < std::min(columns, j + size); ++q) to[q * width + r] = from[r * step + q];
      }
    }
}

/// Packs one slice of one block as (tap row, tap column, in channel, out channel), zeros past the last channels.
template <class T>
void pack_slice(const Problem<T>& p, const Blocking<T>& b, Index group, Index block, Index slice, T* to) {
  const Index first = block * b.width, count = std::min(b.width, p.out - first);
  const Index begin = slice * b.slice, channels = std::min(p.in, begin + b.slice) - begin;
  if (count < b.width || channels < b.slice) std::fill_n(to, b.slice_size(), T(0));
  for (Index t = 0; t < p.rows.taps; ++t)
    for (Index u = 0; u < p.columns.taps; ++u, to += b.slice * b.width) {
      const T* const from = p.weight + t * p.tap_row + u * p.tap_column + group * p.group + first * p.out_step;
      if (p.out_step == 1) {
        for (Index i = 0; i < channels; ++i) {
          const T* const row = from + (begin + i) * p.in_step;
          simd::prefetch(row + 24 * p.in_step);  // a line per row, too far apart for the hardware to foresee
          copy_channels(1, count, row, p.in_step, to + i * b.width, b.width);
        }
      } else {
        transpose_to(from + begin, p.out_step, count, channels, to, b.width);  // the input channels lie side by side
      }
    }
}

/// Packs all slices of one block.
template <class T>
void pack_weights(const Problem<T>& p, const Blocking<T>& b, Index group, Index block, T* to) {
  for (Index slice = 0; slice < b.slices; ++slice) pack_slice(p, b, group, block, slice, to + slice * b.slice_size());
}

/// Packs all groups, block after block.
template <class T>
void pack_filter(const Problem<T>& p, const Blocking<T>& b, T* to) {
  parallel_each(p.groups * b.blocks,
                [&](Index i) { pack_weights(p, b, i / b.blocks, i % b.blocks, to + i * b.block_size()); });
}

/// Images and output rows that one task computes.
struct Band {
  Range images, rows;
};

/// Steps, in elements, through a band's input: slices of (image, row, column, channel).
struct Layout {
  Index pixel, row, image, slice;
};

/// The values of the padded copy that copy_band makes.
template <class T>
Layout band_layout(const Problem<T>& p, const Blocking<T>& b, const Band& band) {
  const Index rows = p.rows.input_span(band.rows).size();
  const Index columns = p.columns.input_span({0, p.columns.outputs}).size();
  return {b.slice, columns * b.slice, rows * columns * b.slice, band.images.size() * rows * columns * b.slice};
}

/// The values of the input where they lie, plain.
template <class T>
Layout whole_layout(const Problem<T>& p, const Blocking<T>& b) {
  const Index pixel = p.in * p.groups, row = p.columns.inputs * pixel;
  return {pixel, row, p.rows.inputs * row, b.slice};
}

/// What the first tap of the band's first output meets in the plain input; it may lie outside of it.
template <class T>
const T* first_input(const Problem<T>& p, const Band& band, Index group) {
  const Index row = band.images.first * p.rows.inputs + p.rows.input(band.rows.first, 0);
  return p.input.first.data + (row * p.columns.inputs + p.columns.input(0, 0)) * p.in * p.groups + group * p.in;
}

/// Copies input rows as a band needs them: pixels b.slice apart, with zeros where the image or the channels end.
template <class T>
class RowCopy {
 public:
  RowCopy(const Problem<T>& p, const Blocking<T>& b)
      : p_(p),
        step_(b.slice),
        columns_(p.columns.input_span({0, p.columns.outputs})),
        inside_{std::clamp<Index>(0, columns_.first, columns_.end),
                std::clamp(p.columns.inputs, columns_.first, columns_.end)} {}

  /// Copies these channels of one row, which may lie outside of the image; returns the end of what it wrote.
  T* operator()(Index image, Index row, const Range& channels, T* to) const {
    if (row < 0 || row >= p_.rows.inputs || inside_.size() <= 0) return std::fill_n(to, columns_.size() * step_, T(0));
    to = std::fill_n(to, (inside_.first - columns_.first) * step_, T(0));
    const Index pixel = (image * p_.rows.inputs + row) * p_.columns.inputs + inside_.first;
    read_pixels(p_.input, image, pixel, inside_.size(), channels, to, step_);
    for (Index gap = channels.size(); gap < step_; ++gap)
      for (Index i = 0; i < inside_.size(); ++i) to[i * step_ + gap] = T(0);
    return std::fill_n(to + inside_.size() * step_, (columns_.end - inside_.end) * step_, T(0));
  }

 private:
  const Problem<T>& p_;
  Index step_;
  Range columns_, inside_;
};

/// Copies the channels of one group that a band reads.
template <class T>
void copy_band(const Problem<T>& p, const Blocking<T>& b, const Band& band, Index group, T* to) {
  const RowCopy<T> copy(p, b);
  const Range rows = p.rows.input_span(band.rows);
  for (Index s = 0; s < b.slices; ++s) {
    const Index first = group * p.in + s * b.slice, count = std::min(p.in - s * b.slice, b.slice);
    for (Index n = band.images.first; n < band.images.end; ++n)
      for (Index row = rows.first; row < rows.end; ++row) to = copy(n, row, {first, first + count}, to);
  }
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
