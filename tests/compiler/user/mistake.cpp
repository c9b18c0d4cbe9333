#include <paser/core/simd.hpp>

float forgotten() {
  float value;
  return value;
}
