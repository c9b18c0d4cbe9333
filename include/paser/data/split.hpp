#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "paser/core/random.hpp"

namespace paser::data {

/// How n items divide by fractions that sum to 1: floor(n f) each, and what remains is dealt one by one from the front
/// (torch.utils.data.random_split). The sum may miss 1 by a millionth, as rounded fractions do; where it is more than
/// 1, the last parts get what is left. Throws ValueError on negative fractions or another sum.
inline std::vector<Index> split_sizes(Index n, std::span<const double> fractions) {
  double sum = 0;
  for (const double f : fractions) {
    check<ValueError>(f >= 0 && f <= 1, "split_sizes", "fraction ", f, " is not in [0,1]");
    sum += f;
  }
  check<ValueError>(n >= 0 && std::abs(sum - 1) < 1e-6, "split_sizes", "the fractions sum to ", sum, ", expected 1");
  std::vector<Index> sizes;
  Index rest = n;
  for (const double f : fractions) {
    const double size = std::floor(static_cast<double>(n) * f);
    sizes.push_back(size < static_cast<double>(rest) ? static_cast<Index>(size) : rest);
    rest -= sizes.back();
  }
  for (std::size_t i = 0; rest > 0; i = (i + 1) % sizes.size(), --rest) ++sizes[i];
  return sizes;
}

/// Cuts a list into consecutive parts of these sizes. Throws ValueError when they do not sum to its length.
inline std::vector<std::vector<Index>> cut(const std::vector<Index>& order, std::span<const Index> sizes) {
  check<ValueError>(std::accumulate(sizes.begin(), sizes.end(), Index{0}) == static_cast<Index>(order.size()), "cut",
                    "the parts do not sum to the ", order.size(), " items");
  std::vector<std::vector<Index>> parts;
  auto begin = order.begin();
  for (const Index size : sizes) {
    parts.emplace_back(begin, begin + size);
    begin += size;
  }
  return parts;
}

/// Deals 0 .. n-1 at random into disjoint parts by fractions.
inline std::vector<std::vector<Index>> random_split(Key key, Index n, std::span<const double> fractions) {
  return cut(permutation(key, n), split_sizes(n, fractions));
}

/// The permutation of torch.randperm(n, generator = torch.Generator().manual_seed(seed)) on the CPU, for n < 2^32 / 20:
/// so that data sets can be divided as a published run divided them. Throws ValueError on other n.
inline std::vector<Index> torch_permutation(std::uint64_t seed, Index n) {
  check<ValueError>(n >= 0 && n < (Index{1} << 32) / 20, "torch_permutation", n, " items are out of range");
  std::mt19937 generator(static_cast<std::uint32_t>(seed));
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = 0; i + 1 < order.size(); ++i) std::swap(order[i], order[i + generator() % (order.size() - i)]);
  return order;
}

/// torch.utils.data.random_split with a generator of this seed.
inline std::vector<std::vector<Index>> torch_random_split(std::uint64_t seed, Index n,
                                                          std::span<const double> fractions) {
  return cut(torch_permutation(seed, n), split_sizes(n, fractions));
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
