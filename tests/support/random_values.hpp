#pragma once

#include <vector>

#include "paser/core/random.hpp"

/// So many values, uniform between low and high.
template <class T>
std::vector<T> random_values(paser::Key key, paser::Index count, double low = -1, double high = 1) {
  const auto t = paser::uniform<T>(key, paser::Shape{count}, low, high);
  return {t.data(), t.data() + count};
}
