#include "families.hpp"
#include "paser/data/patches.hpp"
#include "paser/data/split.hpp"

namespace fixtures {

namespace {

using paser::Index;

void check_patchify(Case& c) {
  const std::string order = c.text("order", "row_major");
  paser::check<paser::FormatError>(order == "row_major", "fixture", "patches in order '", order,
                                   "', expected row_major");
  const paser::data::PatchGrid grid{c.integer("patches_vertical"), c.integer("patches_horizontal")};
  const auto image = c.image("image");
  const auto patches = paser::data::extract_patches(image, grid);
  c.expect_image("patches", patches);
  c.expect_that(max_abs_difference(paser::data::assemble_patches(patches, grid), image) == 0, "patches",
                "do not assemble to the image again");
}

Stored integers(const std::vector<Index>& values) {
  return {{static_cast<Index>(values.size())}, {values.begin(), values.end()}};
}

void check_random_split(Case& c) {
  const Index n = c.integer("n");
  const auto fractions = c.numbers("fractions");
  c.expect("sizes", integers(paser::data::split_sizes(n, fractions)));
  std::vector<Index> order;
  for (const auto& part : paser::data::torch_random_split(static_cast<std::uint64_t>(c.integer("seed")), n, fractions))
    order.insert(order.end(), part.begin(), part.end());
  c.expect("permutation", integers(order));
}

}  // namespace

void add_state(Registry& checks) {
  checks["patchify"] = check_patchify;
  checks["random_split"] = check_random_split;
}

}  // namespace fixtures
