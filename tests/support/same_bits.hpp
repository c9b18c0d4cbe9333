#pragma once

#include <cstring>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"

/// Whether two tensors, or two vectors, have the same shape and the same bits.
template <class T, int Rank>
bool same_bits(const paser::Tensor<T, Rank>& a, const paser::Tensor<T, Rank>& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.numel()) * sizeof(T)) == 0;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// Whether f(), a tensor, has the same bits with 1, 2 and 4 threads.
template <class F>
bool same_for_all_threads(const F& f) {
  paser::set_threads(1);
  const auto one = f();
  paser::set_threads(2);
  const auto two = f();
  paser::set_threads(4);
  const auto four = f();
  paser::set_threads(0);
  return same_bits(one, two) && same_bits(one, four);
}
