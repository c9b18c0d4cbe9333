#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paser/core/tensor.hpp"

/// The closed-form weights and masks of the fixtures: a hash of a name, a seed and a position stands for a stored
/// number. All arithmetic is on 32 bits and wraps.
namespace fixtures {

std::uint32_t fnv1a32(std::string_view bytes);
std::uint32_t fmix32(std::uint32_t h);

/// The stream of uniform numbers u(name, seed, i), each a multiple of 2^-24 in [0, 1).
class HashStream {
 public:
  HashStream(std::string_view name, std::uint32_t seed);
  double operator()(paser::Index i) const;

 private:
  std::uint32_t base_;
};

/// The values of one entry of a state dict in PyTorch's layout, by the name's role. `shape` is the entry's own shape,
/// `fan` the product of all axes but the first of the weight it belongs to; `norm` says that the weight beside a bias
/// has one axis. Throws paser::ValueError on a name whose role is none of the fixtures' five.
std::vector<float> closed_form_values(const std::string& name, std::uint32_t seed,
                                      const std::vector<paser::Index>& shape, paser::Index fan, bool norm);

/// The dropout mask of one site, 1 where a value is kept. `shape` is (N,H,W,C); positions are counted in N,C,H,W.
paser::Tensor<float, 4> closed_form_mask(const std::string& tag, const std::string& site, std::uint32_t seed,
                                         double drop_rate, const paser::Shape<4>& shape);

}  // namespace fixtures
