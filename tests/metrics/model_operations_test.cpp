#include "paser/metrics/model_operations.hpp"

#include <catch2/catch.hpp>

using namespace paser;
using metrics::policy_operations;
using metrics::unet_operations;

TEST_CASE("the paper's networks have the operations that fvcore counts") {
  CHECK(unet_operations(1, 3, 8, 2, {1, 224, 256}).total() == 312'639'488);
  CHECK(unet_operations(1, 3, 16, 4, {1, 56, 64}).total() == 142'047'232);
  CHECK(unet_operations(1, 3, 64, 4, {1, 56, 64}).total() == 2'245'648'384);
  CHECK(policy_operations(48, {1, 224, 256}).total() == 254'837'504);
  CHECK(unet_operations(1, 3, 8, 2, {5, 224, 256}).total() == 5 * 312'639'488);
  CHECK_THROWS_AS(unet_operations(1, 3, 16, 4, {1, 15, 64}), ShapeError);
}
