#include "paser/kernels/conv2d_filter.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "paser/core/random.hpp"
#include "paser/kernels/conv2d.hpp"

using namespace paser;
using kernels::ConvShape;
using kernels::PreparedFilter;

namespace {

using Array = Tensor<float, 1>;

ConvShape conv3x3(Index n, Index h, Index w, Index c, Index k, ConvAlgorithm algorithm = ConvAlgorithm::automatic) {
  return {n, h, w, c, k, 3, 3, {.padding = {1, 1}, .algorithm = algorithm}};
}

Array forward(const ConvShape& s, const Array& weight, const PreparedFilter<float>* prepared) {
  const auto x = uniform<float>(Key{1}, Shape{s.x_size()}, -1, 1), bias = uniform<float>(Key{2}, Shape{s.k}, -1, 1);
  Array y({s.y_size()});
  kernels::conv2d_forward(s, kernels::ConvInput<float>(x.data(), s.c), {weight.data(), prepared},
                          kernels::ConvEpilogue<float>{.bias = bias.data(), .relu = true}, y.mutable_data());
  return y;
}

bool same_bits(const Array& a, const Array& b) {
  return std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.numel()) * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a prepared filter gives the bits of its weights") {
  using enum ConvAlgorithm;
  for (const ConvShape& s : {conv3x3(4, 7, 8, 136, 72, winograd_4x4), conv3x3(1, 7, 8, 136, 72, winograd_2x2),
                             conv3x3(2, 33, 30, 20, 21, winograd_4x4), conv3x3(2, 13, 30, 16, 150, winograd_2x2),
                             conv3x3(1, 7, 8, 64, 128), conv3x3(4, 14, 16, 128, 256), conv3x3(1, 3, 4, 300, 64)}) {
    CAPTURE(s.n, s.h, s.c, s.k, name(s.spec.algorithm));
    const auto weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
    const PreparedFilter<float> prepared(s, weight.data());
    CHECK((prepared.bytes() > 0) == PreparedFilter<float>::worth_preparing(s));
    CHECK(same_bits(forward(s, weight, &prepared), forward(s, weight, nullptr)));
  }
}

TEST_CASE("a prepared filter is what the pass reads") {
  const ConvShape s = conv3x3(4, 7, 8, 64, 64, ConvAlgorithm::winograd_4x4);
  const auto weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1),
             other = uniform<float>(Key{4}, Shape{s.weight_size()}, -1, 1);
  const PreparedFilter<float> prepared(s, other.data());
  CHECK(prepared.bytes() >= 36 * 64 * 64 * sizeof(float));
  CHECK(same_bits(forward(s, weight, &prepared), forward(s, other, nullptr)));
}

TEST_CASE("a prepared filter stands aside where it does not fit") {
  const ConvShape s = conv3x3(4, 7, 8, 64, 64, ConvAlgorithm::winograd_4x4);
  const auto weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
  const PreparedFilter<float> none, prepared(s, weight.data());
  CHECK(none.bytes() == 0);
  CHECK(same_bits(forward(s, weight, &none), forward(s, weight, nullptr)));
  for (const auto algorithm : {ConvAlgorithm::winograd_2x2, ConvAlgorithm::direct}) {
    const ConvShape t = conv3x3(4, 7, 8, 64, 64, algorithm);
    CHECK(same_bits(forward(t, weight, &prepared), forward(t, weight, nullptr)));
  }
}

TEST_CASE("filters are prepared where the weights outweigh the tiles") {
  CHECK(PreparedFilter<float>::worth_preparing(conv3x3(1, 7, 8, 512, 512)));
  CHECK(PreparedFilter<float>::worth_preparing(conv3x3(16, 7, 8, 512, 512)));
  CHECK_FALSE(PreparedFilter<float>::worth_preparing(conv3x3(16, 56, 64, 64, 64)));
  CHECK_FALSE(PreparedFilter<float>::worth_preparing(conv3x3(1, 224, 256, 4, 8)));
  CHECK_FALSE(PreparedFilter<float>::worth_preparing(conv3x3(1, 7, 8, 512, 512, ConvAlgorithm::direct)));
}
