#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/direct/weight_gradient_tile.hpp"
#include "paser/kernels/conv/plain_input.hpp"
#include "paser/kernels/loops/micro_kernel.hpp"

/// The direct weight gradient of many weights, which is much to write and often little to add up. Each tap has a matrix
/// product X^T dY of its own, over the pixels where it meets data: gathered, these make one long sum even where the
/// rows of the image are short, and dw is written from end to end.
namespace paser::kernels::direct {

/// The pixels where one tap meets data: `columns` of each of `rows`, which are counted through the whole batch.
struct TapPixels {
  Index rows, columns;
  Index image_rows;         // of one image
  Index first_x, first_dy;  // the first pixel in an image of either

  TapPixels(const ConvShape& s, Index tap) {
    const Axis vertical = forward_axis(s, 0), horizontal = forward_axis(s, 1);
    const Range i = vertical.valid_outputs({0, vertical.outputs}, tap / s.s),
                j = horizontal.valid_outputs({0, horizontal.outputs}, tap % s.s);
    image_rows = i.size();
    rows = s.n * image_rows;
    columns = j.size();
    first_x = vertical.input(i.first, tap / s.s) * s.w + horizontal.input(j.first, tap % s.s);
    first_dy = i.first * horizontal.outputs + j.first;
  }
};

/// The sums of one tap for some input channels of one group.
template <class T>
class TapProduct {
 public:
  TapProduct(const ConvShape& s, Index tap, Index group)
      : s_(s), group_(group), pixels_(s, tap), dw_(tap * s.group_c() * s.k + group * s.group_k()) {}

  void run(const Range& channels, const T* x, const T* dy, T* dw) const {
    // As many pixels as the second-level cache holds for the output channels of the networks.
    constexpr Index most = 128;
    const Index chunks =
        std::clamp<Index>(ceil_div(pixels_.rows * pixels_.columns, most), 1, std::max<Index>(1, pixels_.rows));
    const Index longest = ceil_div(pixels_.rows, chunks) * pixels_.columns;
    Scratch<T> scratch(static_cast<std::size_t>(longest * (padded_outputs() + block_rows)));
    for (Index i = 0; i < chunks; ++i)
      add(part(pixels_.rows, chunks, i), channels, x, dy, i > 0, scratch.data(), dw + dw_);
  }

 private:
  static constexpr Index width = block_width<T>;

  Index padded_outputs() const { return ceil_div(s_.group_k(), width) * width; }

  void add(const Range& rows, const Range& channels, const T* x, const T* dy, bool accumulate, T* dy_panels,
           T* dw) const {
    const Index outputs = s_.group_k(), count = rows.size() * pixels_.columns;
    for (Index k = 0; k < outputs; k += width) {
      const Index some = std::min(width, outputs - k);
      if (some < width) std::fill_n(dy_panels + k * count, width * count, T(0));
      gather(rows, dy + pixels_.first_dy * s_.k + group_ * outputs + k, s_.k, s_.out_h() * s_.out_w(), s_.out_w(), 1,
             some, width, dy_panels + k * count);
    }
    T* const x_panel = dy_panels + padded_outputs() * count;
    for (Index c = channels.first; c < channels.end; c += block_rows) {
      const Index some = std::min<Index>(block_rows, channels.end - c);
      gather(rows, x + pixels_.first_x * s_.c + group_ * s_.group_c() + c, s_.c, s_.h * s_.w,
             s_.options.stride[0] * s_.w, s_.options.stride[1], some, some, x_panel);
      for (Index k = 0; k < outputs; k += width)
        multiply(some, std::min(width, outputs - k), count, x_panel, dy_panels + k * count, accumulate,
                 dw + c * s_.k + k);
    }
  }

  /// `some` channels of the tap's pixels, to places `step` apart. `from` is the first of them in the batch, where
  /// pixels have `channels` channels, and images, rows and columns are `image`, `row` and `column` pixels apart.
  void gather(const Range& rows, const T* from, Index channels, Index image, Index row, Index column, Index some,
              Index step, T* to) const {
    for (Index first = rows.first; first < rows.end;) {
      const Index n = first / pixels_.image_rows, i = first % pixels_.image_rows;
      const Index end = std::min(rows.end, (n + 1) * pixels_.image_rows);
      pack_pixels(from + (n * image + i * row) * channels, column * channels, row * channels, pixels_.columns,
                  end - first, some, step, to);
      to += (end - first) * pixels_.columns * step;
      first = end;
    }
  }

  void multiply(Index rows, Index columns, Index count, const T* x_panel, const T* dy_panel, bool accumulate,
                T* to) const {
    const auto product = [&](T* sums, Index row) {
      multiply_panel(rows, columns, count, x_panel, Index{1}, rows, dy_panel, width, sums, row, accumulate,
                     dy_panel + width * count);
    };
    if (columns % simd::width<T> == 0) return product(to, s_.k);
    T whole[block_rows * width] = {};
    for (Index i = 0; i < rows && accumulate; ++i) std::copy_n(to + i * s_.k, columns, whole + i * width);
    product(whole, width);
    for (Index i = 0; i < rows; ++i) std::copy_n(whole + i * width, columns, to + i * s_.k);
  }

  const ConvShape& s_;
  Index group_;
  TapPixels pixels_;
  Index dw_;  // where the results of the tap and of the group start
};

/// dweight of a convolution, overwritten.
template <class T>
void backward_weight_by_taps(const ConvShape& s, const ConvInput<T>& input, const T* dy, T* dw) {
  Scratch<T> scratch(0);
  const T* const x = plain_input(s, input, scratch);
  // Enough parts for many threads, but each gathers dy again.
  const Index pieces = s.r * s.s * s.options.groups;
  const Index parts = std::clamp<Index>(ceil_div(16, pieces), 1, ceil_div(s.group_c(), 8 * block_rows));
  parallel_each(pieces * parts, [&](Index i) {
    TapProduct<T>(s, i / parts / s.options.groups, i / parts % s.options.groups)
        .run(part(s.group_c(), parts, i % parts), x, dy, dw);
  });
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
