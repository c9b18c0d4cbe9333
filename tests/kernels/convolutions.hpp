#pragma once

#include <array>

#include "paser/kernels/conv/shape.hpp"

/// A 3x3 convolution of n images of h x w pixels, from c to k channels.
inline paser::kernels::ConvShape conv3x3(paser::Index n, paser::Index h, paser::Index w, paser::Index c, paser::Index k,
                                         std::array<paser::Index, 2> padding = {1, 1}) {
  return {n, h, w, c, k, 3, 3, {.padding = padding}};
}

inline paser::kernels::ConvShape conv3x3(paser::Index n, paser::Index h, paser::Index w, paser::Index c, paser::Index k,
                                         paser::ConvAlgorithm algorithm) {
  return {n, h, w, c, k, 3, 3, {.padding = {1, 1}, .algorithm = algorithm}};
}

/// A convolution whose input is of two sources.
struct TwoSources {
  paser::kernels::ConvShape shape;
  paser::Index second;  ///< channels of the second source
};
