#include "paser/models/corrected.hpp"

#include <catch2/catch.hpp>

#include "paser/io/state.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::models;
using Catch::Matchers::Contains;

namespace corrected_test {

namespace {

template <class T = float>
AnySegmenter<T> unet(Index depth = 2) {
  return UNet<T>({.in = 2, .classes = 3, .width = 4, .depth = depth, .dropout = 0.3}, Key{5});
}

const auto image = uniform<float>(Key{1}, Shape{2, 12, 8, 2});
const auto logarithms = normal<float>(Key{2}, Shape{2, 12, 8, 3});

}  // namespace

TEST_CASE("a corrected network adds its logits to the logarithms beside the image") {
  const AnySegmenter<float> inside = unet(), corrected = Corrected<float>(inside);
  CHECK((corrected.channels() == 5 && corrected.classes() == 3 && corrected.stride() == 1));
  CHECK((corrected.smallest_size() == inside.smallest_size() && corrected.size_multiple() == inside.size_multiple()));
  const auto x = concat_channels(image, logarithms);
  CHECK(same_bits(infer(corrected, x), add(infer(inside, image), logarithms)));
}

TEST_CASE("a corrected network whose logits are 0 has the probabilities that it was given") {
  AnySegmenter<float> corrected = Corrected<float>(unet());
  nn::walk_parameters(corrected,
                      [](const std::string&, auto& p) { std::fill_n(p.value.mutable_data(), p.value.numel(), 0.0f); });
  CHECK(same_bits(infer(corrected, concat_channels(image, logarithms)), logarithms));
}

TEST_CASE("the gradient of a corrected network reaches the weights inside") {
  const AnySegmenter<double> corrected = Corrected<double>(unet<double>(1));
  const auto result =
      nn::gradient_check(corrected, run::training, Key{5}, {.samples = 40}, uniform<double>(Key{3}, Shape{2, 9, 7, 5}));
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
  std::vector<std::string> names;
  nn::walk_parameters(corrected, [&](const std::string& name, const auto&) { names.push_back(name); });
  CHECK(names.front() == "model.stem.weight");
}

TEST_CASE("a corrected network counts what the network inside counts") {
  const AnySegmenter<float> inside = unet(), corrected = Corrected<float>(inside);
  CHECK(corrected.count({2, 12, 8, 5}).total() == inside.count({2, 12, 8, 2}).total());
  CHECK(corrected.count({2, 12, 8, 5}).total() > 0);
  CHECK_THROWS_AS(corrected.count({2, 12, 8, 2}), ShapeError);
}

TEST_CASE("a corrected network is made again from its specification, and answers with the same bits") {
  const AnySegmenter<float> corrected = Corrected<float>(Padded<float>(unet(), 8));
  CHECK(corrected.spec().type == "corrected");
  CHECK_THAT(corrected.spec().json, Contains(R"({"model":{"type":"padded","spec":{"multiple":8,)"));
  AnySegmenter<float> again = make_segmenter<float>(corrected.spec(), Key{77});
  CHECK(again.spec() == corrected.spec());
  const auto x = concat_channels(image, logarithms);
  CHECK_FALSE(same_bits(infer(again, x), infer(corrected, x)));
  io::load_state_dict(again, io::state_dict(corrected));
  CHECK(same_bits(infer(again, x), infer(corrected, x)));
  CHECK(model_parameters(corrected.spec()) == nn::count_parameters(corrected));
  CHECK(make_segmenter<double>(corrected.spec(), Key{1}).channels() == 5);
  CHECK_THROWS_WITH(make_segmenter<float>("corrected", "{}", Key{}), Contains("model"));
}

TEST_CASE("MC samples share the part of a corrected network before its first dropout") {
  const AnySegmenter<float> corrected = Corrected<float>(unet());
  const auto x = concat_channels(image, logarithms);
  EvalContext<float> ctx;
  CHECK(same_bits(corrected.stochastic_part(ctx, corrected.deterministic_part(ctx, x)), infer(corrected, x)));
  const auto prediction = uncertainty::mc_dropout(corrected, x, Key{4}, {.samples = 3});
  EvalContext<float> first(run::mc_dropout, Key{4});
  for (std::uint64_t n = 0; n < 2; ++n) first.sample_keys.push_back(Key{4}.fold(0).fold(n));
  CHECK(max_abs_difference(softmax(corrected(first, x)), prediction.first_sample) < 1e-5);
  CHECK(corrected.deterministic_part(ctx, x).at(0).shape().c() == 4);  // the map of the UNet's first level
}

TEST_CASE("networks that do not say what they take or answer coarsely cannot correct") {
  const AnySegmenter<float> silent = nn::Conv2d<float>({.in = 2, .out = 3, .kernel = 1}, Key{1});
  CHECK_THROWS_AS(Corrected<float>(silent), ValueError);
  CHECK_THROWS_WITH(Corrected<float>(silent), Contains("0 channels and knows 0 classes"));
  struct Coarse : UNet<float> {
    using UNet<float>::UNet;
    static Index stride() { return 4; }
  };
  const AnySegmenter<float> coarse = Coarse({.in = 2, .classes = 3, .width = 4, .depth = 1}, Key{1});
  CHECK_THROWS_WITH(Corrected<float>(coarse), Contains("stride of 4, expected 1"));
  const AnySegmenter<float> corrected = Corrected<float>(unet());
  CHECK_THROWS_AS(infer(corrected, image), ShapeError);
  CHECK_THROWS_WITH(infer(corrected, image), Contains("expected (N,H,W,5) images, 2 channels and the logarithms"));
}

}  // namespace corrected_test
