#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/plain_input.hpp"
#include "paser/kernels/conv/winograd/winograd.hpp"

/// Winograd's algorithm for dilated 3x3 convolutions. With taps d apart a pixel meets only pixels of its own phase,
/// those whose row and column leave the same remainder by d: each phase is an image of its own with plain taps.
namespace paser::kernels::winograd {

/// Copies between images (images, h, w, c) and their phases, (images d0 d1, ceil(h / d0), ceil(w / d1), c).
template <class T>
class Phases {
 public:
  /// Of maps of the size of s.
  Phases(const ConvShape& s, Index images, Index channels)
      : rows_(s.options.dilation[0]),
        columns_(s.options.dilation[1]),
        h_(s.h),
        w_(s.w),
        phase_h_((s.h + rows_ - 1) / rows_),
        phase_w_((s.w + columns_ - 1) / columns_),
        images_(images),
        channels_(channels) {}

  /// Values of all phases.
  std::size_t size() const {
    return static_cast<std::size_t>(images_ * rows_ * columns_ * phase_h_ * phase_w_ * channels_);
  }

  /// to = the phases of x; what an image does not have is zero there.
  void gather(const T* x, T* to) const {
    for_each_row([&](const Index place, const Index row, const Index column) {
      T* out = to + place * phase_w_ * channels_;
      const Index count = row < 0 ? 0 : (w_ - column + columns_ - 1) / columns_;
      const T* from = x + (row * w_ + column) * channels_;
      for (Index j = 0; j < count; ++j, from += columns_ * channels_, out += channels_)
        std::copy_n(from, channels_, out);
      std::fill_n(out, (phase_w_ - count) * channels_, T(0));
    });
  }

  /// y = what the phases hold of it.
  void scatter(const T* from, T* y) const {
    for_each_row([&](const Index place, const Index row, const Index column) {
      if (row < 0) return;
      const T* in = from + place * phase_w_ * channels_;
      T* to = y + (row * w_ + column) * channels_;
      for (Index j = column; j < w_; j += columns_, in += channels_, to += columns_ * channels_)
        std::copy_n(in, channels_, to);
    });
  }

 private:
  /// f(row of a phase among all of them, its row among those of all images or -1 where there is none, first column).
  template <class F>
  void for_each_row(const F& f) const {
    const Index total = images_ * rows_ * columns_ * phase_h_;
    parallel_for(
        total, std::max<Index>(1, 8192 / std::max<Index>(phase_w_ * channels_, 1)), [&](Index begin, Index end) {
          for (Index i = begin; i < end; ++i) {
            const Index phase = i / phase_h_ % (rows_ * columns_), row = i % phase_h_ * rows_ + phase / columns_;
            const Index image = i / phase_h_ / (rows_ * columns_);
            f(i, row < h_ && phase % columns_ < w_ ? image * h_ + row : -1, phase % columns_);
          }
        });
  }

  Index rows_, columns_, h_, w_, phase_h_, phase_w_, images_, channels_;
};

/// y = epilogue(input * filter), overwritten, of a shape that splits_into_phases.
template <int Tile, class T>
void forward_by_phases(const ConvShape& s, const ConvInput<T>& input, const Filter<T>& filter,
                       const ConvEpilogue<T>& epilogue, T* y) {
  const Phases<T> in(s, s.n, s.c), out(s, s.n, s.k), beside(s, epilogue.addend_images, s.k);
  const bool adds = epilogue.addend != nullptr;
  Scratch<T> plain(0), x_phases(in.size()), y_phases(out.size()), addend(adds ? beside.size() : 0);
  in.gather(plain_input(s, input, plain), x_phases.data());
  ConvEpilogue<T> own = epilogue;
  own.mean = own.variance = nullptr;
  if (adds) {
    beside.gather(epilogue.addend, addend.data());
    own.addend = addend.data();
    own.addend_images *= s.options.dilation[0] * s.options.dilation[1];
  }
  forward<Tile>(phase_shape(s), ConvInput<T>(x_phases.data(), s.c), filter, own, y_phases.data());
  out.scatter(y_phases.data(), y);
  if (epilogue.mean) channel_moments({s.n, s.h * s.w, s.k}, y, epilogue.mean, epilogue.variance);
}

/// dx = the gradient of x, overwritten, of a shape that splits_into_phases.
template <int Tile, class T>
void backward_input_by_phases(const ConvShape& s, const T* dy, const T* weight, T* dx) {
  const Phases<T> in(s, s.n, s.c), out(s, s.n, s.k);
  Scratch<T> dx_phases(in.size()), dy_phases(out.size());
  out.gather(dy, dy_phases.data());
  backward_input<Tile>(phase_shape(s), dy_phases.data(), weight, dx_phases.data());
  in.scatter(dx_phases.data(), dx);
}

/// dw = the gradient of the weight, overwritten, of a shape that splits_into_phases.
template <int Tile, class T>
void backward_weight_by_phases(const ConvShape& s, const ConvInput<T>& input, const T* dy, T* dw) {
  const Phases<T> in(s, s.n, s.c), out(s, s.n, s.k);
  Scratch<T> plain(0), x_phases(in.size()), dy_phases(out.size());
  in.gather(plain_input(s, input, plain), x_phases.data());
  out.gather(dy, dy_phases.data());
  backward_weight<Tile>(phase_shape(s), ConvInput<T>(x_phases.data(), s.c), dy_phases.data(), dw);
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
