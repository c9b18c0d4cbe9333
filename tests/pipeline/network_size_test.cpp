#include "paser/pipeline/routing/network_size.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "paser/models/corrected.hpp"
#include "paser/models/halo.hpp"
#include "paser/models/unet.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/pipeline/simple_policies.hpp"

using namespace paser;

namespace network_size_test {

namespace {

/// Whole images of 64 x 96 to f1, patches of 32 x 32 to the others.
pipeline::Paser<float> paser_of(std::vector<models::AnySegmenter<float>> networks) {
  return {.models = std::move(networks), .policy = pipeline::Constant{0}, .grid = {2, 3}};
}

}  // namespace

TEST_CASE("a network's size: parameters, bytes of the weights, operations, bytes on the way there and back") {
  const models::UNet<float> small({.in = 1, .classes = 3, .width = 4, .depth = 1}, Key{1}),
      batch({.in = 1, .classes = 3, .width = 4, .depth = 1, .norm = models::UNetNorm::batch}, Key{2}),
      wide({.in = 1, .classes = 3, .width = 6, .depth = 2}, Key{3});
  const auto paser = paser_of({small, models::Corrected<float>(batch), models::Halo<float>(wide, 4)});
  const auto sizes = pipeline::network_sizes(paser, {1, 64, 96, 1});
  REQUIRE(sizes.size() == 3);
  CHECK(sizes[0].parameters == models::unet_parameters(1, 3, 4, 1));
  CHECK(sizes[0].weight_bytes == 4 * sizes[0].parameters);
  CHECK(sizes[0].macs == static_cast<double>(count_operations(small, Shape<4>{1, 64, 96, 1}).total()));
  CHECK(sizes[0].done_macs == sizes[0].macs);
  CHECK(sizes[0].sent_bytes == 0);
  // Two running statistics of each of the six norms, whose maps have 4, 4; 4, 4; 4, 4 channels.
  CHECK(sizes[1].parameters == nn::count_parameters(batch));
  CHECK(sizes[1].weight_bytes == 4 * (sizes[1].parameters + 2 * 24));
  CHECK(sizes[1].sent_bytes == 32 * 32 + 32 * 32 + 32 * 32 * 3 * 4);
  CHECK(sizes[2].macs == static_cast<double>(count_operations(wide, Shape<4>{1, 40, 40, 1}).total()));
  CHECK(sizes[2].sent_bytes == 40 * 40 + 32 * 32);
  const auto j = nlohmann::json(sizes[1]);
  CHECK(j.at("done_gmac").get<double>() == Approx(1e-9 * sizes[1].done_macs));
  CHECK(j.at("weight_bytes") == sizes[1].weight_bytes);
}

TEST_CASE("a network that is computed with fewer operations than its published form has both numbers") {
  const models::SegFormer<float> b0(models::SegFormerSpec::of_size("B0", 1, 2), Key{1});
  const auto sizes = pipeline::network_sizes(paser_of({b0}), {1, 32, 32, 1});
  CHECK(sizes[0].macs == 26'508'544);
  CHECK(sizes[0].done_macs == 13'401'344);
}

}  // namespace network_size_test
