#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <limits>
#include <numeric>

#include "paser/core/tensor.hpp"
#include "paser/distributed/team.hpp"

/// Rows of a batch or a data set that are shared out, each computed by one process, and put together for all.
namespace paser::distributed {

/// The rows of all processes, one process after the other, for everyone; some may have none.
template <class T, int Rank>
Tensor<T, Rank> join_rows(const Team& team, const Tensor<T, Rank>& own, const std::string& what) {
  if (team.alone()) return own;
  std::vector<Index> shape;
  if (own.numel() > 0)
    for (int i = 0; i < Rank; ++i) shape.push_back(own.shape()[i]);
  const std::vector<Index> shapes = team.join(std::span<const Index>(shape), what);
  if (shapes.empty()) return own;
  Shape<Rank> whole = {};
  for (int i = 0; i < Rank; ++i) whole[i] = shapes[static_cast<std::size_t>(i)];
  whole[0] = 0;
  for (std::size_t at = 0; at < shapes.size(); at += Rank) whole[0] += shapes[at];
  const std::vector<T> values = team.join(std::span<const T>(own.data(), static_cast<std::size_t>(own.numel())), what);
  return Tensor<T, Rank>::from(whole, values);
}

/// The fewest images, at most `most`, whose patches fill whole micro-batches: a set that is cut after so many is
/// computed in the same batches as at once, and no more than these images are in memory.
inline Index images_at_once(Index micro_batch, Index patches, Index most) {
  return std::min(micro_batch / std::gcd(micro_batch, patches), most);
}

/// The images of a set of n that this process computes, where each has so many patches and a micro-batch of patches is
/// computed at once: whole micro-batches, so that sharing changes no bits. They are cut into chunks of `chunk` images,
/// at each of which a micro-batch begins; n: the set is not cut.
inline PartRange own_images(const Team& team, Index n, Index patches, Index micro_batch, Index chunk) {
  Index unit = images_at_once(micro_batch, patches, std::numeric_limits<Index>::max());
  if (chunk < n && chunk % unit != 0) unit = chunk;
  const PartRange units = team.share((n + unit - 1) / unit);
  return {std::min(n, units.begin * unit), std::min(n, units.end * unit)};
}

}  // namespace paser::distributed
#include "paser/core/macros_on.inc"
