#include "paser/kernels/filter_cache.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/nn/norm.hpp"
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

TEST_CASE("a norm is folded into kept weights once, and follows all that it is made of") {
  const Key key{3};
  nn::Conv2d<float> conv(nn::Conv2dSpec::same(24, 40), key.fold(1));
  nn::BatchNorm<float> norm(40);
  for (auto* vector : {&norm.weight.value, &norm.bias.value, &norm.running_mean.value})
    *vector = uniform<float>(key.fold(2).fold(static_cast<std::uint64_t>(vector - &norm.weight.value)), Shape{40});
  const auto x = uniform<float>(key.fold(5), Shape{1, 9, 11, 24});
  const auto run = [&](FilterCache<float>* filters) {
    EvalContext<float> ctx{run::inference};
    ctx.filters = filters;
    return materialize(norm(ctx, conv(ctx, DeferredNorm(x))));
  };
  FilterCache<float> filters;
  CHECK(same_bits(run(&filters), run(nullptr)));
  const std::size_t bytes = filters.bytes();
  CHECK(bytes >= (9 * 24 * 40 + 40) * sizeof(float));
  CHECK(same_bits(run(&filters), run(nullptr)));
  CHECK(filters.bytes() == bytes);

  const auto change = [&](auto& value) {
    const auto before = run(nullptr);
    value.mutable_data()[7] += 0.5F;
    const auto after = run(nullptr);
    CHECK(!same_bits(after, before));
    CHECK(same_bits(run(&filters), after));
    CHECK(filters.bytes() == bytes);
  };
  change(norm.weight.value);
  change(norm.bias.value);
  change(norm.running_mean.value);
  change(norm.running_var.value);
  change(conv.bias.value);
  change(conv.weight.value);
}

TEST_CASE("the weights of a 1x1 convolution are kept where packing them is a part of the work") {
  const auto weight = uniform<float>(Key{1}, Shape{1, 1, 300, 200}, -1, 1);
  const auto x = uniform<float>(Key{2}, Shape{1, 12, 13, 300}, -1, 1);
  FilterCache<float> filters;
  const auto run = [&](FilterCache<float>* cache) {
    return materialize(conv2d(ConcatenatedMaps<Tensor<float, 4>>(x), {weight, {}, {}, cache}));
  };
  const auto expected = run(nullptr);
  CHECK(same_bits(run(&filters), expected));
  CHECK(filters.bytes() >= 300 * 200 * sizeof(float));
  CHECK(same_bits(run(&filters), expected));
  CHECK(same_for_all_threads([&] { return run(&filters); }));
}

TEST_CASE("folded weights are those of one shape: a buffer may be read by two") {
  const auto flat = normal<float>(Key{1}, Shape<4>{1, 1, 2, 4});
  const auto wide = flat.reshape(Shape<4>{1, 2, 1, 4});
  const auto one = Tensor<float, 1>::full({4}, 1);
  FilterCache<float> filters;
  const auto folded = [&](const Tensor<float, 4>& weight) {
    return filters.folded(weight, {one, one, one, one, one}, 0, [&] { return FoldedConv<float>{weight, one}; }).weight;
  };
  CHECK(folded(flat).shape() == flat.shape());
  CHECK(folded(wide).shape() == wide.shape());
  CHECK(folded(flat).shape() == flat.shape());
}
