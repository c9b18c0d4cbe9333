#include "paser/data/shifted.hpp"

#include <catch2/catch.hpp>

#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::data;

namespace shifted_test {

namespace {

/// Images of 6 x 8 whose pixel (y, x) of image i has the values 100 i + 10 y + x and its negative, and label 10 y + x.
struct Numbered {
  Index size() const { return 5; }
  Batch rows(std::span<const Index> numbers) const {
    const auto n = static_cast<Index>(numbers.size());
    Batch b{Tensor<float, 4>({n, 6, 8, 2}), Labels({n, 6, 8}), {}, {}};
    for (Index i = 0; i < n; ++i) {
      const Index number = numbers[static_cast<std::size_t>(i)];
      b.ids.push_back(static_cast<std::uint64_t>(number));
      for (Index p = 0; p < 48; ++p) {
        const auto place = static_cast<std::int32_t>(10 * (p / 8) + p % 8);
        b.labels.mutable_data()[i * 48 + p] = place;
        b.images.mutable_data()[(i * 48 + p) * 2] = static_cast<float>(100 * number + place);
        b.images.mutable_data()[(i * 48 + p) * 2 + 1] = -static_cast<float>(100 * number + place);
      }
    }
    return b;
  }
  Batch range(Index begin, Index end) const {
    std::vector<Index> numbers;
    for (Index i = begin; i < end; ++i) numbers.push_back(i);
    return rows(numbers);
  }
};

const Numbered images;
const std::vector<Index> all{0, 1, 2, 3, 4};

}  // namespace

TEST_CASE("shifted images keep pixels and labels together, in order, and mirror at the border") {
  const Shifted<Numbered> shifted(images, 3, 4, Key{1});
  bool moved = false;
  for (Index epoch = 0; epoch < 6; ++epoch) {
    const Batch b = shifted.rows(all, epoch);
    for (Index i = 0; i < 5; ++i) {
      const std::int32_t first = b.labels(i, 0, 0), down = first / 10, right = first % 10;
      moved = moved || first > 0;
      REQUIRE(down < 3);
      REQUIRE(right < 4);
      for (Index y = 0; y < 6; ++y)
        for (Index x = 0; x < 8; ++x) {
          const Index yy = y + down < 6 ? y + down : 10 - y - down, xx = x + right < 8 ? x + right : 14 - x - right;
          REQUIRE(b.labels(i, y, x) == 10 * yy + xx);
          REQUIRE(b.images(i, y, x, 0) == static_cast<float>(100 * i + 10 * yy + xx));
          REQUIRE(b.images(i, y, x, 1) == -b.images(i, y, x, 0));
        }
    }
  }
  CHECK(moved);
}

TEST_CASE("a shift depends on the epoch and the image, and not on the batch; other images are as they are") {
  const Shifted<Numbered> shifted(images, 3, 4, Key{1});
  const Batch together = shifted.rows(all, 2);
  for (Index i = 0; i < 5; ++i) {
    const Batch alone = shifted.rows(std::span<const Index>(&i, 1), 2);
    CHECK(same_bits(alone.images, slice_rows(together.images, i, i + 1)));
  }
  CHECK_FALSE(same_bits(together.labels, shifted.rows(all, 3).labels));
  CHECK(same_bits(shifted.rows(all).images, images.rows(all).images));
  CHECK(same_bits(shifted.range(1, 3).labels, images.range(1, 3).labels));
  CHECK_THROWS_AS(Shifted<Numbered>(images, 0, 4, Key{1}), ValueError);
}

}  // namespace shifted_test
