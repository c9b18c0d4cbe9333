#include "paser/data/salt_and_pepper.hpp"

#include <catch2/catch.hpp>

#include "support/same_bits.hpp"

using namespace paser;
using data::NoisyImages;
using data::SaltAndPepper;

namespace {

constexpr Index channels = 3;

/// Gray images (N, 12, 10, 3), image i of the value (i + 1) / 16; in odd epochs 1/32 brighter.
struct Gray {
  Index size() const { return 6; }
  data::Batch rows(std::span<const Index> numbers) const { return made(numbers, 0); }
  data::Batch rows(std::span<const Index> numbers, Index epoch) const {
    return made(numbers, epoch % 2 == 1 ? 1.0f / 32 : 0.0f);
  }
  data::Batch made(std::span<const Index> numbers, float more) const {
    const auto n = static_cast<Index>(numbers.size());
    data::Batch b{Tensor<float, 4>({n, 12, 10, channels}), Labels::zeros({n, 12, 10}), {}, {}};
    float* out = b.images.mutable_data();
    for (const Index i : numbers) {
      out = std::fill_n(out, 120 * channels, static_cast<float>(i + 1) / 16 + more);
      b.ids.push_back(static_cast<std::uint64_t>(100 + i));
    }
    return b;
  }
};

using Numbers = std::vector<Index>;

Tensor<float, 4> row(const data::Batch& batch, Index i) {
  return slice_rows(batch.images, i, i + 1);
}

double share_of(const Tensor<float, 4>& images, float value) {
  return static_cast<double>(std::ranges::count(images.values(), value)) / static_cast<double>(images.numel());
}

}  // namespace

TEST_CASE("salt and pepper: the share of pixels, half of them 0 and half 1, all channels alike") {
  for (const double share : {0.01, 0.3}) {
    auto images = Tensor<float, 4>::full({4, 200, 150, channels}, 0.5f);
    data::add_salt_and_pepper(images, {1, 2, 3, 4}, share, Key{5});
    const double sigma = std::sqrt(share / 2 / 120000);
    CHECK(share_of(images, 0) == Approx(share / 2).margin(5 * sigma));
    CHECK(share_of(images, 1) == Approx(share / 2).margin(5 * sigma));
    CHECK(share_of(images, 0.5f) == Approx(1 - share).margin(8 * sigma));
    bool alike = true;
    for (Index p = 0; p < images.numel(); p += channels)
      for (Index c = 1; c < channels; ++c) alike = alike && images.data()[p] == images.data()[p + c];
    CHECK(alike);
  }
  auto images = Tensor<float, 4>::full({1, 8, 8, 1}, 0.5f);
  data::add_salt_and_pepper(images, {1}, 0, Key{5});
  CHECK(share_of(images, 0.5f) == 1);
  data::add_salt_and_pepper(images, {1}, 1, Key{5});
  CHECK(share_of(images, 0.5f) == 0);
}

TEST_CASE("salt and pepper: noise depends on the key and the image's id alone") {
  const auto clean = Tensor<float, 4>::full({3, 20, 20, 1}, 0.5f);
  auto all = clean, two = slice_rows(clean, 0, 2), other = clean;
  data::add_salt_and_pepper(all, {7, 8, 9}, 0.2, Key{1});
  data::add_salt_and_pepper(two, {9, 7}, 0.2, Key{1});
  CHECK(same_bits(slice_rows(two, 0, 1), slice_rows(all, 2, 3)));
  CHECK(same_bits(slice_rows(two, 1, 2), slice_rows(all, 0, 1)));
  CHECK_FALSE(same_bits(slice_rows(all, 0, 1), slice_rows(all, 1, 2)));
  data::add_salt_and_pepper(other, {7, 8, 9}, 0.2, Key{2});
  CHECK_FALSE(same_bits(all, other));
}

TEST_CASE("salt and pepper: wrong shares and ids are refused") {
  auto images = Tensor<float, 4>::zeros({2, 4, 4, 1});
  CHECK_THROWS_WITH(data::add_salt_and_pepper(images, {1, 2}, 1.5, Key{}), Catch::Contains("1.5 is not in [0,1]"));
  CHECK_THROWS_AS(data::add_salt_and_pepper(images, {1, 2}, -0.1, Key{}), ValueError);
  CHECK_THROWS_WITH(data::add_salt_and_pepper(images, {1}, 0.1, Key{}), Catch::Contains("2 images, 1 ids"));
}

TEST_CASE("SaltAndPepper: an image has the same noise in any batch") {
  const Gray gray;
  const SaltAndPepper<Gray> set(gray, 0.2, Key{3});
  CHECK(set.size() == 6);
  const auto all = set.range(0, 6), some = set.rows(Numbers{4, 1});
  CHECK(some.ids == std::vector<std::uint64_t>{104, 101});
  CHECK(same_bits(row(some, 0), row(all, 4)));
  CHECK(same_bits(row(some, 1), row(all, 1)));
  for (Index i = 0; i < 6; ++i) {
    auto expected = row(gray.rows(Numbers{i}), 0);
    data::add_salt_and_pepper(expected, {static_cast<std::uint64_t>(100 + i)}, 0.2, Key{3});
    CHECK(same_bits(row(all, i), expected));
  }
  CHECK(set.range(2, 2).size() == 0);
}

TEST_CASE("SaltAndPepper: beside the originals, which stay as they are") {
  const Gray gray;
  const SaltAndPepper<Gray> set(gray, 0.2, Key{3}, NoisyImages::beside_originals);
  REQUIRE(set.size() == 12);
  const auto all = set.range(0, 12), clean = gray.rows(Numbers{0, 1, 2, 3, 4, 5});
  const SaltAndPepper<Gray> only(gray, 0.2, Key{3});
  for (Index i = 0; i < 6; ++i) {
    CHECK(same_bits(row(all, i), row(clean, i)));
    CHECK(same_bits(row(all, i + 6), row(only.range(0, 6), i)));
    CHECK(all.ids[static_cast<std::size_t>(i)] == all.ids[static_cast<std::size_t>(i + 6)]);
  }
  const auto mixed = set.rows(Numbers{8, 3, 2});
  CHECK(same_bits(row(mixed, 0), row(all, 8)));
  CHECK(same_bits(row(mixed, 1), row(clean, 3)));
  CHECK(same_bits(row(mixed, 2), row(clean, 2)));
}

TEST_CASE("SaltAndPepper: the noise and the source's variation change with the epoch") {
  const Gray gray;
  const SaltAndPepper<Gray> set(gray, 0.2, Key{3}, NoisyImages::beside_originals);
  const Numbers numbers{1, 7};
  const auto plain = set.rows(numbers), zero = set.rows(numbers, 0), one = set.rows(numbers, 1),
             two = set.rows(numbers, 2);
  CHECK(same_bits(zero.images, set.rows(numbers, 0).images));
  CHECK(same_bits(row(zero, 0), row(two, 0)));
  CHECK(row(one, 0).data()[0] == row(zero, 0).data()[0] + 1.0f / 32);
  CHECK_FALSE(same_bits(row(zero, 1), row(two, 1)));
  CHECK_FALSE(same_bits(row(zero, 1), row(plain, 1)));
  CHECK(same_bits(data::epoch_rows(set, std::span<const Index>(numbers), 2).images, two.images));
}
