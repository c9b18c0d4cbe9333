#include "paser/data/batch.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace paser;
using data::BatchOrder;

namespace {

std::vector<Index> images_of_step(BatchOrder& order, Index step) {
  const auto images = order.images(step);
  return {images.begin(), images.end()};
}

}  // namespace

TEST_CASE("BatchOrder: an epoch has every image once, in an order of its own") {
  BatchOrder order(Key{1}, 10, 4);
  REQUIRE(order.per_epoch() == 3);
  std::set<Index> seen;
  std::vector<Index> first, second;
  for (Index step = 0; step < 3; ++step) {
    const auto images = images_of_step(order, step), later = images_of_step(order, step + 3);
    CHECK(images.size() == (step == 2 ? 2u : 4u));
    seen.insert(images.begin(), images.end());
    first.insert(first.end(), images.begin(), images.end());
    second.insert(second.end(), later.begin(), later.end());
    CHECK(order.epoch(step) == 0);
    CHECK(order.epoch(step + 3) == 1);
    CHECK(order.begins_epoch(step) == (step == 0));
    CHECK(order.ends_epoch(step) == (step == 2));
  }
  CHECK(seen.size() == 10);
  CHECK(first != second);
  CHECK(std::is_permutation(first.begin(), first.end(), second.begin()));
}

TEST_CASE("BatchOrder: a step's images depend on the key and the step alone") {
  BatchOrder whole(Key{7}, 13, 5), resumed(Key{7}, 13, 5), other(Key{8}, 13, 5);
  std::vector<std::vector<Index>> steps;
  for (Index step = 0; step < 9; ++step) steps.push_back(images_of_step(whole, step));
  for (const Index step : {7, 2, 8}) CHECK(images_of_step(resumed, step) == steps[static_cast<std::size_t>(step)]);
  CHECK(images_of_step(other, 0) != steps[0]);
}

TEST_CASE("BatchOrder: the rest of an epoch can be dropped, but never all of it") {
  BatchOrder order(Key{1}, 10, 4, BatchOrder::Last::dropped);
  CHECK(order.per_epoch() == 2);
  for (Index step = 0; step < 6; ++step) CHECK(images_of_step(order, step).size() == 4);
  BatchOrder small(Key{1}, 3, 4, BatchOrder::Last::dropped);
  CHECK(small.per_epoch() == 1);
  CHECK(images_of_step(small, 5).size() == 3);
  CHECK_THROWS_WITH(BatchOrder(Key{1}, 0, 4), Catch::Contains("0 images in batches of 4"));
  CHECK_THROWS_AS(BatchOrder(Key{1}, 4, 0), ValueError);
}
