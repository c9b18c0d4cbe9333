#include "paser/models/registered/registered.hpp"
#include "paser/paser.hpp"

const void* address_in_two() {
  return &paser::version;
}

float sum_in_two() {
  const auto ones = paser::Tensor<float, 1>::full({3}, 1.0f);
  float sum = 0;
  for (const float x : ones.values()) sum += x;
  return sum;
}
