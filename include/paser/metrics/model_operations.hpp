#pragma once

#include "paser/metrics/flops.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"

namespace paser::metrics {

namespace detail {

/// A convolution with stride 1 that keeps the size of `images` (n, h, w).
inline Index same_conv(const Shape<3>& images, Index in, Index out, Index kernel) {
  return images.numel() * in * out * kernel * kernel;
}

inline void add_double_conv(Operations& sum, const Shape<3>& images, Index in, Index middle, Index out) {
  sum.add("conv", same_conv(images, in, middle, 3) + same_conv(images, middle, out, 3));
  sum.add("instance_norm", flops::instance_norm(images.numel() * (middle + out), false));
}

}  // namespace detail

/// One pass of UNet<in, classes, width, depth> over images (N, H, W), in closed form; widths may be run-time numbers.
/// Throws ShapeError when the images vanish in the poolings.
inline Operations unet_operations(Index in, Index classes, Index width, Index depth, const Shape<3>& images,
                                  models::Upsampling upsampling = models::Upsampling::bilinear) {
  const bool bilinear = upsampling == models::Upsampling::bilinear;
  Operations sum;
  sum.add("conv", detail::same_conv(images, in, width / 2, 1) + detail::same_conv(images, width, classes, 1));
  detail::add_double_conv(sum, images, width / 2, width, width);
  Shape<3> here = images;
  for (Index i = 0; i < depth; ++i) {
    const Shape<3> below{here[0], here[1] / 2, here[2] / 2};
    check(below.numel() > 0, "unet_operations", "images ", images, " vanish in ", depth, " poolings");
    const Index c = width << i, down = bilinear && i + 1 == depth ? c : 2 * c;
    detail::add_double_conv(sum, below, c, down, down);
    if (bilinear) {
      sum.add("upsample_bilinear2d", flops::upsample_bilinear(4 * below.numel() * c));
    } else {
      sum.add("conv", flops::conv_transpose2d({below[0], below[1], below[2], 2 * c}, 4 * 2 * c * c));
    }
    detail::add_double_conv(sum, here, 2 * c, c, bilinear && i > 0 ? c / 2 : c);
    here = below;
  }
  return sum;
}

/// One pass of PolicyNet over belief maps (N, H, W), batch norm by its running statistics. `windows`: how many.
inline Operations policy_operations(Index actions, const Shape<3>& images, Index windows = 1) {
  constexpr Index in = models::PolicyNet<float>::inputs, wide = models::PolicyNet<float>::width,
                  narrow = models::PolicyNet<float>::features;
  const Shape<3> pooled{images[0], (images[1] + 1) / 2, (images[2] + 1) / 2};
  Operations sum;
  sum.add("conv", detail::same_conv(images, in, wide, 3) + detail::same_conv(pooled, wide, narrow, 3) +
                      detail::same_conv(pooled, narrow, narrow, 3) + detail::same_conv(pooled, wide, narrow, 1));
  sum.add("batch_norm", flops::batch_norm(images.numel() * wide + 3 * pooled.numel() * narrow, false));
  sum.add("adaptive_avg_pool2d", flops::adaptive_avg_pool2d(pooled.numel() * narrow));
  sum.add("linear", flops::matmul(Shape<2>{images[0] * windows, narrow}, actions / windows));
  return sum;
}

}  // namespace paser::metrics
