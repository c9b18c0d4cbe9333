#pragma once

#include <utility>

#include "paser/autograd/tape.hpp"
#include "paser/kernels/activation.hpp"

/// What element-wise ops of one input share.
namespace paser::detail {

/// y, recorded as an op on x whose gradient is gradient(x, dy), packet by packet.
template <class T, int Rank, class G>
Var<T, Rank> record_from_input(const Var<T, Rank>& x, Tensor<T, Rank> y, const G& gradient) {
  return record(std::move(y), {x}, [gradient, x = x.value()](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    if (grad.wants(0)) grad.add(0, kernels::map_tensor(x, gradient, dy));
  });
}

/// y, recorded as an op on x whose gradient is gradient(y, dy), packet by packet. The next op mostly keeps y anyway.
template <class T, int Rank, class G>
Var<T, Rank> record_from_output(const Var<T, Rank>& x, const Tensor<T, Rank>& y, const G& gradient) {
  return record(y, {x}, [gradient, y](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    if (grad.wants(0)) grad.add(0, kernels::map_tensor(y, gradient, dy));
  });
}

}  // namespace paser::detail
