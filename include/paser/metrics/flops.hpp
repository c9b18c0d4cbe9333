#pragma once

#include <map>
#include <string>

#include "paser/core/shape.hpp"
#include "paser/kernels/conv/shape.hpp"

namespace paser::metrics {

/// Operations of a run by kind of op, in the convention of fvcore, which the paper follows: a multiply-accumulate
/// counts as one, and what is cheap beside it (activations, softmax, pooling, addition, padding, dropout) as nothing.
struct Operations {
  std::map<std::string, Index> by_op;

  void add(const std::string& op, Index count) {
    if (count != 0) by_op[op] += count;
  }
  Operations& operator+=(const Operations& other) {
    for (const auto& [op, count] : other.by_op) add(op, count);
    return *this;
  }
  Index total() const {
    Index sum = 0;
    for (const auto& [op, count] : by_op) sum += count;
    return sum;
  }
};

/// The rule of each op. All others count nothing.
namespace flops {

/// The bias is free; taps in the padding count.
constexpr Index conv2d(const kernels::ConvShape& shape) {
  return shape.macs();
}

/// x: (N, H, W, C), weight_size values: every input pixel meets the whole weight.
constexpr Index conv_transpose2d(const Shape<4>& x, Index weight_size) {
  return x.n() * x.h() * x.w() * weight_size;
}

/// (..., k) by (k, n), also of batches of matrices and of linear layers.
template <int Rank>
constexpr Index matmul(const Shape<Rank>& x, Index columns) {
  return x.numel() * columns;
}

/// Two matrix products a head; the softmax between them is free. query: (B, heads, N, d); key: (B, heads, S, d);
/// value: (B, heads, S, e).
constexpr Index attention(const Shape<4>& query, const Shape<4>& key, const Shape<4>& value) {
  return query.numel() * key[2] + query[0] * query[1] * query[2] * key[2] * value[3];
}

constexpr Index instance_norm(Index elements, bool affine) {
  return (affine ? 5 : 4) * elements;
}
constexpr Index batch_norm(Index elements, bool training) {
  return (training ? 5 : 2) * elements;
}
constexpr Index layer_norm(Index elements) {
  return 5 * elements;
}
constexpr Index group_norm(Index elements) {
  return 5 * elements;
}
constexpr Index upsample_bilinear(Index output_elements) {
  return 4 * output_elements;
}
constexpr Index upsample_nearest(Index output_elements) {
  return output_elements;
}
constexpr Index adaptive_avg_pool2d(Index input_elements) {
  return input_elements;
}

}  // namespace flops
}  // namespace paser::metrics
