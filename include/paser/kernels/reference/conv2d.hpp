#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/kernels/conv/shape.hpp"

/// The plain twins of the fast convolutions: the definition, term by term. Oracles for tests; no op calls them.
namespace paser::kernels::reference {

/// Calls term(x position, weight position, y position) for every product of a convolution.
template <class Term>
void for_each_product(const ConvShape& shape, Term&& term) {
  const auto& [stride, padding, dilation, groups, algorithm] = shape.options;
  static_cast<void>(algorithm);
  for (Index n = 0; n < shape.n; ++n)
    for (Index i = 0; i < shape.out_h(); ++i)
      for (Index j = 0; j < shape.out_w(); ++j)
        for (Index r = 0; r < shape.r; ++r)
          for (Index s = 0; s < shape.s; ++s) {
            const Index row = i * stride[0] - padding[0] + r * dilation[0];
            const Index column = j * stride[1] - padding[1] + s * dilation[1];
            if (row < 0 || row >= shape.h || column < 0 || column >= shape.w) continue;
            for (Index k = 0; k < shape.k; ++k) {
              const Index group = k / shape.group_k();
              for (Index c = 0; c < shape.group_c(); ++c)
                term(((n * shape.h + row) * shape.w + column) * shape.c + group * shape.group_c() + c,
                     ((r * shape.s + s) * shape.group_c() + c) * shape.k + k,
                     ((n * shape.out_h() + i) * shape.out_w() + j) * shape.k + k);
            }
          }
}

/// y = x * weight; no bias.
template <class T>
void conv2d_forward(const ConvShape& shape, const T* x, const T* weight, T* y) {
  std::fill_n(y, shape.y_size(), T(0));
  for_each_product(shape, [&](Index xi, Index wi, Index yi) { y[yi] += x[xi] * weight[wi]; });
}

/// dx, by the definition.
template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* dy, const T* weight, T* dx) {
  std::fill_n(dx, shape.x_size(), T(0));
  for_each_product(shape, [&](Index xi, Index wi, Index yi) { dx[xi] += dy[yi] * weight[wi]; });
}

/// dw, by the definition.
template <class T>
void conv2d_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  std::fill_n(dw, shape.weight_size(), T(0));
  for_each_product(shape, [&](Index xi, Index wi, Index yi) { dw[wi] += dy[yi] * x[xi]; });
}

}  // namespace paser::kernels::reference
#include "paser/core/macros_on.inc"
