#include <iostream>

#include "paser/paser.hpp"

const void* address_in_two();
float sum_in_two();

int main() {
  // Variables and functions of the headers are one and the same in both translation units.
  const auto ones = paser::Tensor<float, 1>::full({3}, 1.0f);
  float sum = 0;
  for (const float x : ones.values()) sum += x;
  const bool same = address_in_two() == static_cast<const void*>(&paser::version) && sum_in_two() == sum;
  std::cout << (same ? "one definition\n" : "two definitions\n");
  return same ? 0 : 1;
}
