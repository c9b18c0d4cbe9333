#include "paser/kernels/conv/filter.hpp"

#include <catch2/catch.hpp>

#include "kernels/convolutions.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv2d.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using kernels::ConvShape;
using kernels::PreparedFilter;

namespace {

template <class T>
Tensor<T, 1> forward(const ConvShape& s, const Tensor<T, 1>& weight,
                     const std::type_identity_t<PreparedFilter<T>>* prepared) {
  const auto x = uniform<T>(Key{1}, Shape{s.x_size()}, -1, 1), bias = uniform<T>(Key{2}, Shape{s.k}, -1, 1);
  Tensor<T, 1> y({s.y_size()});
  kernels::conv2d_forward(s, kernels::ConvInput<T>(x.data(), s.c), {weight.data(), prepared},
                          kernels::ConvEpilogue<T>{.bias = bias.data(), .relu = true}, y.mutable_data());
  return y;
}

}  // namespace

TEST_CASE("a prepared filter gives the bits of its weights") {
  using enum ConvAlgorithm;
  for (const ConvShape& s : {conv3x3(4, 7, 8, 136, 72, winograd_4x4), conv3x3(1, 7, 8, 136, 72, winograd_2x2),
                             conv3x3(2, 33, 30, 20, 21, winograd_4x4), conv3x3(2, 13, 30, 16, 150, winograd_2x2),
                             conv3x3(1, 7, 8, 64, 128), conv3x3(4, 14, 16, 128, 256)}) {
    CAPTURE(s.n, s.h, s.c, s.k, name(s.options.algorithm));
    const auto weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
    const auto prepared = kernels::prepare_filter(s, weight.data());
    CHECK((prepared.bytes() > 0) == kernels::worth_preparing<float>(s));
    CHECK(same_bits(forward(s, weight, &prepared), forward(s, weight, nullptr)));
  }
}

TEMPLATE_TEST_CASE("packed weights of direct summation give the bits of the weights", "", float, double) {
  const auto direct = ConvAlgorithm::direct;
  const ConvShape shapes[] = {
      conv3x3(1, 3, 4, 300, 64, direct),  // slices, one band
      conv3x3(40, 2, 2, 19, 37, direct),  // groups of images
      conv3x3(1, 12, 9, 24, 20, direct),
      {2, 5, 4, 24, 36, 3, 2, {.stride = {2, 1}, .dilation = {1, 2}, .groups = 3, .algorithm = direct}},
      {1, 4, 5, 40, 9, 2, 4, {.padding = {1, 2}, .algorithm = direct}},
      {2, 13, 10, 44, 40, 1, 1, {.algorithm = direct}},
      {1, 3, 3, 44, 12, 1, 1, {.algorithm = direct}}};
  for (const ConvShape& s : shapes) {
    CAPTURE(s.n, s.h, s.c, s.k);
    const auto weight = uniform<TestType>(Key{3}, Shape{s.weight_size()}, -1, 1),
               other = uniform<TestType>(Key{4}, Shape{s.weight_size()}, -1, 1);
    const auto prepared = kernels::prepare_filter(s, other.data());
    REQUIRE(prepared.bytes() >= static_cast<std::size_t>(s.weight_size()) * sizeof(TestType));
    CHECK(same_bits(forward(s, weight, &prepared), forward(s, other, nullptr)));
  }
}

TEST_CASE("a prepared filter is what the pass reads") {
  const ConvShape s = conv3x3(4, 7, 8, 64, 64, ConvAlgorithm::winograd_4x4);
  const auto weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1),
             other = uniform<float>(Key{4}, Shape{s.weight_size()}, -1, 1);
  const auto prepared = kernels::prepare_filter(s, other.data());
  CHECK(prepared.bytes() >= 36 * 64 * 64 * sizeof(float));
  CHECK(same_bits(forward(s, weight, &prepared), forward(s, other, nullptr)));
}

TEST_CASE("a prepared filter stands aside where it does not fit") {
  const ConvShape s = conv3x3(4, 7, 8, 64, 64, ConvAlgorithm::winograd_4x4);
  const auto weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
  const PreparedFilter<float> none, prepared = kernels::prepare_filter(s, weight.data());
  CHECK(none.bytes() == 0);
  CHECK(same_bits(forward(s, weight, &none), forward(s, weight, nullptr)));
  for (const auto algorithm : {ConvAlgorithm::winograd_2x2, ConvAlgorithm::direct}) {
    const ConvShape t = conv3x3(4, 7, 8, 64, 64, algorithm);
    CHECK(same_bits(forward(t, weight, &prepared), forward(t, weight, nullptr)));
  }
}

TEST_CASE("filters are prepared where the weights outweigh the tiles") {
  CHECK(kernels::worth_preparing<float>(conv3x3(1, 7, 8, 512, 512)));
  CHECK(kernels::worth_preparing<float>(conv3x3(16, 7, 8, 512, 512)));
  CHECK_FALSE(kernels::worth_preparing<float>(conv3x3(16, 56, 64, 64, 64)));
  CHECK_FALSE(kernels::worth_preparing<float>(conv3x3(1, 224, 256, 4, 8)));
  CHECK(kernels::worth_preparing<float>(conv3x3(1, 3, 4, 512, 512, ConvAlgorithm::direct)));
  CHECK_FALSE(kernels::worth_preparing<float>(conv3x3(16, 14, 16, 512, 512, ConvAlgorithm::direct)));
  CHECK(kernels::worth_preparing<float>({1, 32, 32, 512, 512, 1, 1, {}}));
  CHECK_FALSE(kernels::worth_preparing<float>({1, 128, 128, 64, 64, 1, 1, {}}));
  // Kernels that pack a few weights as they go, and depthwise ones that pack none.
  CHECK_FALSE(kernels::worth_preparing<float>({1, 4, 4, 64, 3, 1, 1, {}}));
  CHECK_FALSE(kernels::worth_preparing<float>(
      {1, 3, 4, 64, 64, 3, 3, {.padding = {1, 1}, .groups = 64, .algorithm = ConvAlgorithm::direct}}));
}
