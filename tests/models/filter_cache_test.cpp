#include "paser/kernels/filter_cache.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "support/same_bits.hpp"

using namespace paser;

TEST_CASE("kept filters change no bit of a network, and follow its weights") {
  models::StaticUNet<1, 3, 32, 4> net(Key{1});
  const auto image = uniform<float>(Key{2}, Shape{1, 40, 48, 1});
  FilterCache<float> filters;
  const auto expected = infer(net, image);
  CHECK(same_bits(infer(net, image, &filters), expected));
  const std::size_t bytes = filters.bytes();
  CHECK(bytes > 0);
  CHECK(same_bits(infer(net, image, &filters), expected));
  CHECK(filters.bytes() == bytes);

  nn::walk(net, [](const std::string&, auto& member) {
    auto& value = member.value;
    auto* const data = value.mutable_data();
    for (Index i = 0; i < value.numel(); ++i) data[i] *= 0.5F + 0.25F * static_cast<float>(i % 3);
  });
  const auto after = infer(net, image);
  CHECK(!same_bits(after, expected));
  CHECK(same_bits(infer(net, image, &filters), after));
  CHECK(filters.bytes() == bytes);  // what belonged to the old weights is gone

  filters.clear();
  CHECK(filters.bytes() == 0);
}
