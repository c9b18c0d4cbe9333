#pragma once

#include <cstddef>
#include <vector>

#include "paser/core/parallel.hpp"

/// Many loops, the result of which depends on every piece being run once, and on the order of a sum.
inline double result(int rounds = 30) {
  double sum = 0;
  std::vector<float> x(5000, 1.0f);
  for (int round = 0; round < rounds; ++round) {
    paser::parallel_for(static_cast<paser::Index>(x.size()), 37, [&](paser::Index begin, paser::Index end) {
      for (paser::Index i = begin; i < end; ++i)
        x[static_cast<std::size_t>(i)] *= 1 + 1e-3f * static_cast<float>(i % 7);
    });
    sum += paser::parallel_sum(static_cast<paser::Index>(x.size()), 11, [&](paser::Index begin, paser::Index end) {
      double part = 0;
      for (paser::Index i = begin; i < end; ++i) part += x[static_cast<std::size_t>(i)] / static_cast<double>(i + 1);
      return part;
    });
  }
  return sum;
}
