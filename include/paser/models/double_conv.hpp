#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/nn/conv2d.hpp"
#include "paser/nn/norm.hpp"

namespace paser::models {

/// What a UNet normalises its maps by.
enum class UNetNorm {
  instance,  ///< the mean and variance of the image that it is given, without affine part; the form that PaSeR uses
  batch      ///< those of the batch in training and their running mean afterwards, with affine part
};

/// What a norm is called in files.
inline const char* norm_name(UNetNorm norm) {
  return norm == UNetNorm::instance ? "instance" : "batch";
}

/// The norm of a convolution's maps, chosen at run time. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct EitherNorm {
  nn::InstanceNorm<T> instance;
  std::optional<nn::BatchNorm<T>> batch;  // where it is chosen

  EitherNorm(UNetNorm norm, Index channels) {
    if (norm == UNetNorm::batch) batch.emplace(channels);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    if (self.batch) nn::BatchNorm<T>::visit(*self.batch, f);
  }

  template <class Context>
  DeferredConv<Image<Context>> operator()(Context& ctx, const DeferredConv<Image<Context>>& x) const {
    return batch ? (*batch)(ctx, x) : instance(ctx, x);
  }
};

/// Twice: 3x3 convolution that keeps the size, norm, ReLU. (N, H, W, in) -> (N, H, W, out).
template <class T>
struct DoubleConv {
  nn::Conv2d<T> conv1, conv2;
  EitherNorm<T> norm1, norm2;

  DoubleConv(Index in, Index out, Index middle, Key key, UNetNorm norm = UNetNorm::instance)
      : conv1(nn::Conv2dSpec::same(in, middle), key.fold(1)),
        conv2(nn::Conv2dSpec::same(middle, out), key.fold(2)),
        norm1(norm, middle),
        norm2(norm, out) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("norm1", self.norm1);
    f("conv2", self.conv2);
    f("norm2", self.norm2);
  }

  template <class Context>
  DeferredNorm<Image<Context>> operator()(Context& ctx, const ConcatenatedMaps<Image<Context>>& x) const {
    const DeferredNorm<Image<Context>> y = relu(norm1(ctx, conv1(ctx, x)));
    return relu(norm2(ctx, conv2(ctx, y)));
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
