#pragma once

#include <vector>

#include "paser/core/tensor.hpp"

/// Between PyTorch's layouts and channels-last: both are a move of one axis to the end.
namespace fixtures {

/// A stored tensor, every value as double (exact for F32, and for I64 below 2^53).
struct Stored {
  std::vector<paser::Index> shape;
  std::vector<double> values;

  paser::Index axis(paser::Index i) const;  ///< extent i; counts from the end when negative
};

/// Axis `axis` moved behind all others: (N,C,H,W) with axis 1 -> (N,H,W,C). Negative axes count from the end.
Stored axis_to_last(const Stored& x, paser::Index axis);

/// The way back: the last axis moved to place `axis`.
Stored axis_from_last(const Stored& x, paser::Index axis);

/// The values as a Tensor of exactly this rank; throws ShapeError when the rank differs.
template <class T, int Rank>
paser::Tensor<T, Rank> to_tensor(const Stored& x) {
  paser::check(x.shape.size() == Rank, "fixture", "a tensor has rank ", x.shape.size(), ", expected ", Rank);
  paser::Shape<Rank> shape;
  for (int i = 0; i < Rank; ++i) shape[i] = x.shape[static_cast<std::size_t>(i)];
  paser::Tensor<T, Rank> tensor(shape);
  T* out = tensor.mutable_data();
  for (std::size_t i = 0; i < x.values.size(); ++i) out[i] = static_cast<T>(x.values[i]);
  return tensor;
}

template <class T, int Rank>
Stored from_tensor(const paser::Tensor<T, Rank>& x) {
  Stored stored;
  stored.shape.assign(x.shape().extent.begin(), x.shape().extent.end());
  stored.values.reserve(static_cast<std::size_t>(x.numel()));
  for (const T value : x.values()) stored.values.push_back(static_cast<double>(value));
  return stored;
}

}  // namespace fixtures
