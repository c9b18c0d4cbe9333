#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/conv/direct/forward.hpp"

namespace paser::kernels::direct {

/// dx of a convolution, overwritten: for each phase of the stride a convolution of dy with the weights that reach it,
/// in reverse order and with input and output channels exchanged.
template <class T>
void backward_input(const ConvShape& s, const T* dy, const T* weight, T* dx) {
  const Index tap = s.group_c() * s.k;
  for_each_phase(s, dx, [&](const Phase& row, const Phase& column) {
    convolve(Problem<T>{.images = s.n,
                        .rows = row.axis,
                        .columns = column.axis,
                        .in = s.group_k(),
                        .out = s.group_c(),
                        .groups = s.options.groups,
                        .out_rows = s.h,
                        .out_columns = s.w,
                        .weight = weight + (row.first_tap * s.s + column.first_tap) * tap,
                        .tap_row = row.tap_step * s.s * tap,
                        .tap_column = column.tap_step * tap,
                        .group = s.group_k(),
                        .in_step = 1,
                        .out_step = s.k,
                        .input = ConvInput<T>(dy, s.k),
                        .epilogue = {},
                        .y = dx});
  });
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
