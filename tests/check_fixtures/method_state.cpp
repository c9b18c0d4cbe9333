#include "families.hpp"
#include "paser/data/battery.hpp"
#include "paser/data/patches.hpp"
#include "paser/data/split.hpp"
#include "paser/io/image.hpp"
#include "paser/uncertainty/prediction.hpp"

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

/// logits: (samples, B, K, H, W).
void check_mc_entropy(Case& c) {
  const std::string log = c.text("log", "natural");
  paser::check<paser::FormatError>(log == "natural", "fixture", "entropy by logarithm '", log, "', expected natural");
  const auto logits = c.channels_last<5>("logits", 2);
  const auto& s = logits.shape();
  c.expect_that(c.integer("samples") == s[0], "samples", "differs from the logits");
  const auto prediction = paser::uncertainty::summarize_samples(
      logits.reshape(paser::Shape<4>{s[0] * s[1], s[2], s[3], s[4]}), s[0], {.epsilon = c.number("clamp_eps")});
  c.expect("pred", prediction.labels);
  c.expect_image("mean_probs", prediction.probabilities);
  c.expect("entropy", prediction.entropy);
  c.expect_image("policy_input", prediction.policy_state());
}

/// A PNG file as an image and as a mask of the battery data set.
void check_decode_battery(Case& c) {
  const std::string classes = c.text("classes", "pore,carbon,nickel");
  paser::check<paser::FormatError>(classes == "pore,carbon,nickel", "fixture", "classes are '", classes,
                                   "', expected pore,carbon,nickel");
  std::string bytes;
  for (const double byte : c.stored("png_bytes").values) bytes += static_cast<char>(static_cast<unsigned char>(byte));
  const auto gray = paser::io::to_gray(paser::io::decode_image(bytes, c.name() + ".png"));
  c.expect("grey", gray.pixels);
  c.expect_image("image", paser::io::to_unit(gray));
  const paser::Labels labels = paser::data::battery_labels(gray);
  c.expect("labels", labels);
  std::vector<double> onehot;
  for (Index k = 0; k < paser::data::battery_classes; ++k)
    for (const std::int32_t label : labels.values()) onehot.push_back(label == k ? 1 : 0);
  c.expect_numbers("onehot", onehot);
}

}  // namespace

void add_state(Registry& checks) {
  checks["decode_battery"] = check_decode_battery;
  checks["mc_entropy"] = check_mc_entropy;
  checks["patchify"] = check_patchify;
  checks["random_split"] = check_random_split;
}

}  // namespace fixtures
