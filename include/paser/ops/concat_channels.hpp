#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <type_traits>

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/copy_channels.hpp"
#include "paser/ops/slice_channels.hpp"

namespace paser {

namespace detail {

/// Pixels that are copied for one input before the next follows: few enough for the output to stay in the cache.
inline constexpr Index concat_run = 128;

/// Calls f(input, channel offset) for each of the channel counts.
template <std::size_t Count, class F>
void for_each_part(const std::array<Index, Count>& channels, F&& f) {
  Index offset = 0;
  for (std::size_t i = 0; i < Count; ++i) {
    f(i, offset);
    offset += channels[i];
  }
}

template <std::size_t Count>
Shape<4> concat_shape(const std::array<Shape<4>, Count>& x) {
  Shape<4> shape = x[0];
  for (std::size_t i = 1; i < Count; ++i) {
    const Shape<4>& s = x[i];
    check(s.n() == shape.n() && s.h() == shape.h() && s.w() == shape.w(), "concat_channels", "input 0 ", x[0],
          " and input ", i, " ", s, " differ in batch, height or width");
    shape[3] += s.c();
  }
  return shape;
}

template <class T, std::size_t Count>
Tensor<T, 4> concat(const std::array<const Tensor<T, 4>*, Count>& x) {
  std::array<Shape<4>, Count> shapes;
  std::array<Index, Count> channels;
  std::array<const T*, Count> from;
  for (std::size_t i = 0; i < Count; ++i) {
    shapes[i] = x[i]->shape();
    channels[i] = shapes[i].c();
    from[i] = x[i]->data();
  }
  const Shape<4> shape = concat_shape(shapes);
  Tensor<T, 4> y(shape);
  const Index c = shape.c(), pixels = shape.n() * shape.h() * shape.w();
  parallel_for(pixels, concat_run, [&, out = y.mutable_data()](Index begin, Index end) {
    for (Index p = begin; p < end; p += concat_run)
      for_each_part(channels, [&](std::size_t i, Index offset) {
        kernels::copy_channels(std::min(concat_run, end - p), channels[i], from[i] + p * channels[i], channels[i],
                               out + p * c + offset, c);
      });
  });
  return y;
}

}  // namespace detail

/// The channels of all inputs, one after the other: (N, H, W, C1), (N, H, W, C2), ... -> (N, H, W, C1 + C2 + ...).
/// torch.cat along the channels. Throws ShapeError when batch, height or width differ.
template <class T, class... More>
requires(std::is_same_v<More, Tensor<T, 4>>&&...) Tensor<T, 4> concat_channels(const Tensor<T, 4>& x,
                                                                               const More&... more) {
  return detail::concat(std::array<const Tensor<T, 4>*, 1 + sizeof...(More)>{&x, &more...});
}

/// The same value, recorded. Keeps no tensor: each input gets its channels of dy.
template <class T, class... More>
requires(std::is_same_v<More, Var<T, 4>>&&...) Var<T, 4> concat_channels(const Var<T, 4>& x, const More&... more) {
  const std::array<Shape<4>, 1 + sizeof...(More)> shapes{x.shape(), more.shape()...};
  return record(concat_channels(x.value(), more.value()...), {x, more...},
                [shapes](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  Index offset = 0;
                  for (std::size_t i = 0; i < shapes.size(); offset += shapes[i].c(), ++i)
                    if (grad.wants(static_cast<int>(i)))
                      grad.add(static_cast<int>(i), detail::slice_channels(dy, shapes[i], offset));
                });
}

/// Counted as free.
template <class... More>
requires(std::is_same_v<More, Counted<4>>&&...) Counted<4> concat_channels(const Counted<4>& x, const More&... more) {
  return x.free(detail::concat_shape(std::array<Shape<4>, 1 + sizeof...(More)>{x.shape(), more.shape()...}));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
