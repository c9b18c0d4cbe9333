#include "paser/models/wrappers.hpp"
#include "paser/models/unet.hpp"

#include <catch2/catch.hpp>

#include "paser/io/state.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::models;
using Catch::Matchers::Contains;

namespace {

/// Takes sides that are multiples of 32, and answers every 4 x 4 pixels once.
template <class T>
struct Coarse {
  using Scalar = T;
  nn::Conv2d<T> conv;

  Coarse(Index in, Index out, Key key)
      : conv({.in = in, .out = out, .kernel = 4, .options = {.stride = {4, 4}}}, key) {}
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.conv);
  }
  Index channels() const { return conv.weight.value.shape()[2]; }
  Index classes() const { return conv.bias.value.numel(); }
  static Index smallest_size() { return 32; }
  static Index size_multiple() { return 32; }
  static Index stride() { return 4; }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    const Shape<4>& s = value_of(image).shape();
    check(s.h() % 32 == 0 && s.w() % 32 == 0, "Coarse", "expected multiples of 32, got ", s);
    return conv(ctx, image);
  }
};

template <class T = float>
AnySegmenter<T> unet(Index channels, Index depth = 2) {
  return UNet<T>({.in = channels, .classes = 3, .width = 4, .depth = depth, .dropout = 0.3}, Key{5});
}

Tensor<float, 4> images(Index h, Index w, Index channels = 1) {
  return uniform<float>(Key{1}, Shape{2, h, w, channels});
}

void check_gradient(const AnySegmenter<double>& model, const Tensor<double, 4>& x) {
  const auto result = nn::gradient_check(model, run::training, Key{5}, {.samples = 40}, x);
  INFO(model.spec().text() << " " << result.where << " " << result.worst);
  CHECK(result.passed);
}

/// A wrapped network made again from what it says, and given its state, answers with the same bits.
void check_made_again(const AnySegmenter<float>& model, const Tensor<float, 4>& x) {
  AnySegmenter<float> again = make_segmenter<float>(model.spec(), Key{77});
  CHECK(again.spec() == model.spec());
  io::load_state_dict(again, io::state_dict(model));
  CHECK(same_bits(infer(again, x), infer(model, x)));
  CHECK(model_parameters(model.spec()) == nn::count_parameters(model));
}

}  // namespace

TEST_CASE("sizes that a network does not take are padded or resized, and every pixel is answered") {
  const auto [h, w] = GENERATE(std::pair<Index, Index>{56, 64}, std::pair<Index, Index>{100, 136},
                               std::pair<Index, Index>{57, 63}, std::pair<Index, Index>{3, 200});
  const AnySegmenter<float> coarse = Coarse<float>(1, 3, Key{2});
  const auto x = images(h, w);
  CHECK_THROWS_AS(infer(coarse, x), ShapeError);
  const Shape<4> every{2, h, w, 3};
  const AnySegmenter<float> padded = Padded<float>(coarse, 32);
  CHECK(padded.stride() == 4);
  CHECK(infer(padded, x).shape() == Shape<4>{2, (h + 3) / 4, (w + 3) / 4, 3});
  CHECK(padded.count(x.shape()).total() == coarse.count({2, (h + 31) / 32 * 32, (w + 31) / 32 * 32, 1}).total());
  for (const AnySegmenter<float>& model :
       {AnySegmenter<float>(Resized<float>(coarse, {64, 96})), AnySegmenter<float>(Resized<float>(coarse, 0.5)),
        AnySegmenter<float>(Resized<float>(padded, 1.0))}) {
    CHECK(infer(model, x).shape() == every);
    CHECK(model.stride() == 1);
    CHECK(model.size_multiple() == 1);
    CHECK(model.count(x.shape()).total() > 0);
  }
}

TEST_CASE("padding leaves the answers to what needs none as they are") {
  const auto x = images(32, 64);
  const AnySegmenter<float> inside = unet(1);
  CHECK(same_bits(infer(AnySegmenter<float>(Padded<float>(inside, 32)), x), infer(inside, x)));
  CHECK(same_bits(infer(AnySegmenter<float>(Resized<float>(inside, {32, 64})), x), infer(inside, x)));
  CHECK(same_bits(infer(AnySegmenter<float>(Resized<float>(inside, 1.0)), x), infer(inside, x)));
}

TEST_CASE("a padded image is extended at the right and the bottom, and its answer cut to it") {
  const auto x = images(57, 63);
  const AnySegmenter<float> inside = unet(1);
  for (const Border border : {Border::mirrored, Border::edge}) {
    const auto whole = infer(inside, extend_to(x, 64, 64, border));
    CHECK(same_bits(infer(AnySegmenter<float>(Padded<float>(inside, 32, border)), x),
                    pad(whole, {.right = -1, .bottom = -7})));
  }
}

TEST_CASE("a resized network sees the resized image") {
  const auto x = images(20, 30);
  const AnySegmenter<float> inside = unet(1);
  const auto answer = infer(inside, upsample_bilinear(x, {.size = {10, 15}}));
  CHECK(same_bits(infer(AnySegmenter<float>(Resized<float>(inside, 0.5)), x),
                  upsample_bilinear(answer, {.size = {20, 30}})));
}

TEST_CASE("logits are resized back bilinearly, bicubically or with aligned corners, as the settings say") {
  const AnySegmenter<float> coarse = Coarse<float>(1, 3, Key{2});
  const auto x = images(64, 96), logits = infer(coarse, x);
  const auto resized = [&](Answer answer) { return AnySegmenter<float>(Resized<float>(coarse, 1.0, answer)); };
  const ResizeOptions edges{.size = {64, 96}}, corners{.size = {64, 96}, .align_corners = true};
  CHECK(same_bits(infer(resized(Answer::bilinear), x), upsample_bilinear(logits, edges)));
  CHECK(same_bits(infer(resized(Answer::bicubic), x), upsample_bicubic(logits, edges)));
  CHECK(same_bits(infer(resized(Answer::corners), x), upsample_bilinear(logits, corners)));
  // Counted as fvcore does: bicubic resizing is free.
  CHECK(resized(Answer::bicubic).count(x.shape()).total() == coarse.count(x.shape()).total());
  CHECK(resized(Answer::corners).count(x.shape()).total() == resized(Answer::bilinear).count(x.shape()).total());
  // The image on its way in is resized bilinearly whatever becomes of the answer.
  const auto y = images(20, 30);
  const AnySegmenter<float> inside = unet(1);
  const auto half = infer(inside, upsample_bilinear(y, {.size = {10, 15}}));
  CHECK(same_bits(infer(AnySegmenter<float>(Resized<float>(inside, 0.5, Answer::bicubic)), y),
                  upsample_bicubic(half, {.size = {20, 30}})));
  // What files leave out is bilinear, and what is bilinear is left out.
  CHECK_THAT(AnySegmenter<float>(Resized<float>(inside, 1.0)).spec().json, !Contains("answer"));
  CHECK_THAT(AnySegmenter<float>(Resized<float>(inside, 1.0, Answer::corners)).spec().json,
             Contains(R"({"factor":1,"answer":"corners","model":)"));
  CHECK((published_answer("efficientvit") == Answer::bicubic && published_answer("segformer") == Answer::bilinear));
}

TEST_CASE("a network sees values less their mean, by their deviation, and gray in three channels") {
  const AnySegmenter<float> inside = unet(3);
  const std::vector<double> mean{0.4, 0.5, 0.6}, deviation{0.2, 0.25, 0.5};
  const auto x = images(12, 16, 3);
  Tensor<float, 4> seen = x.clone();
  float* const to = seen.mutable_data();
  for (Index i = 0; i < seen.numel(); ++i) {
    const auto c = static_cast<std::size_t>(i % 3);
    to[i] = static_cast<float>((static_cast<double>(to[i]) - mean[c]) / deviation[c]);
  }
  const AnySegmenter<float> normalised = Normalised<float>(inside, mean, deviation);
  CHECK(max_abs_difference(infer(normalised, x), infer(inside, seen)) < 1e-4);
  CHECK_THROWS_WITH(infer(normalised, images(12, 16)), Contains("expected (N,H,W,3) images"));

  const AnySegmenter<float> gray = GrayToColour<float>(inside);
  const auto g = images(12, 16);
  CHECK(gray.channels() == 1);
  CHECK(same_bits(infer(gray, g), infer(inside, concat_channels(g, g, g))));
  CHECK_THROWS_WITH(infer(gray, x), Contains("expected (N,H,W,1) images"));
}

TEST_CASE("gradients pass through the wrappers") {
  const auto gray = uniform<double>(Key{3}, Shape{2, 9, 7, 1}), colour = uniform<double>(Key{3}, Shape{2, 9, 7, 3});
  check_gradient(Padded<double>(unet<double>(1, 1), 4), gray);
  check_gradient(Padded<double>(unet<double>(1, 1), 4, Border::edge), gray);
  check_gradient(Resized<double>(unet<double>(1, 1), {6, 10}), gray);
  check_gradient(Resized<double>(unet<double>(1, 1), 0.7), gray);
  check_gradient(Normalised<double>(unet<double>(3, 1), {0.4, 0.5, 0.6}, {0.2, 0.25, 0.5}), colour);
  check_gradient(GrayToColour<double>(unet<double>(3, 1)), gray);
  for (const Answer answer : {Answer::bilinear, Answer::bicubic, Answer::corners})
    check_gradient(Resized<double>(Padded<double>(Coarse<double>(1, 2, Key{4}), 32), 1.0, answer), gray);
}

TEST_CASE("wrappers in wrappers are made again from their specification") {
  const auto x = images(57, 63);
  const AnySegmenter<float> nested = GrayToColour<float>(Normalised<float>(
      Resized<float>(Padded<float>(unet(3), 32, Border::edge), 0.6), {0.4, 0.5, 1.0 / 3}, {0.2, 0.25, 0.5}));
  CHECK(nested.spec().type == "gray_to_colour");
  CHECK_THAT(nested.spec().json,
             Contains(R"("deviation":[0.2,0.25,0.5],"model":{"type":"resized","spec":{"factor":0.6,"model":)"
                      R"({"type":"padded","spec":{"multiple":32,"border":"edge","model":{"type":"unet","spec":{)"));
  CHECK(nested.classes() == 3);
  check_made_again(nested, x);
  check_made_again(Resized<float>(unet(1), {24, 40}), x);
  check_made_again(Resized<float>(unet(1), {24, 40}, Answer::bicubic), x);
  check_made_again(Resized<float>(unet(1), 0.7, Answer::corners), x);
  std::vector<std::string> names;
  nn::walk_parameters(nested, [&](const std::string& name, const auto&) { names.push_back(name); });
  CHECK(names.front() == "model.model.model.model.stem.weight");
  CHECK(AnySegmenter<float>(Padded<float>(Coarse<float>(1, 3, Key{2}), 32)).spec().type.empty());
}

namespace {

/// Says its channels, and counts how often it is asked for anything.
struct Asked {
  using Scalar = float;
  std::shared_ptr<Index> asked = std::make_shared<Index>(0), said = std::make_shared<Index>(2);

  template <class Self, class F>
  static void visit(Self&, F&&) {}
  Index say(Index number) const { return ++*asked, number; }
  Index channels() const { return say(*said); }
  Index classes() const { return say(2); }
  Index smallest_size() const { return say(1); }
  Index size_multiple() const { return say(1); }
  Index stride() const { return say(1); }

  template <class Context>
  Image<Context> operator()(Context&, const Image<Context>& image) const {
    return image;
  }
};

}  // namespace

TEST_CASE("a number that a network says of itself is asked for once, however many wrappers there are around it") {
  const Asked inside;
  AnySegmenter<float> model = inside;
  for (int i = 0; i < 8; ++i) model = Padded<float>(model, 2);
  *inside.asked = 0;
  CHECK(model.channels() == 2);
  CHECK(*inside.asked == 1);
  CHECK(model.stride() == 1);
  CHECK(*inside.asked == 2);
  *inside.said = 5;
  CHECK(model.channels() == 5);  // and anew each time
}

TEST_CASE("MC samples share through a wrapper what they share in the network inside") {
  const auto x = images(21, 18);
  const auto check_parts = [&](const AnySegmenter<float>& model) {
    EvalContext<float> ctx;
    CHECK(same_bits(model.stochastic_part(ctx, model.deterministic_part(ctx, x)), infer(model, x)));
    const auto prediction = uncertainty::mc_dropout(model, x, Key{4}, {.samples = 3});
    EvalContext<float> first(run::mc_dropout, Key{4});
    for (std::uint64_t n = 0; n < 2; ++n) first.sample_keys.push_back(Key{4}.fold(0).fold(n));
    CHECK(max_abs_difference(softmax(model(first, x)), prediction.first_sample) < 1e-5);
    CHECK(model.deterministic_part(ctx, x).at(0).shape().c() == 4);  // the map of the UNet's first level
  };
  check_parts(Padded<float>(unet(1), 8));
  check_parts(Resized<float>(unet(1), 0.5));
  check_parts(Resized<float>(unet(1), 0.5, Answer::bicubic));
  check_parts(Normalised<float>(unet(1), {0.5}, {0.25}));
  check_parts(GrayToColour<float>(unet(3)));
}

TEST_CASE("wrappers that do not fit the network inside are refused") {
  const AnySegmenter<float> coarse = Coarse<float>(1, 3, Key{2});
  CHECK_THROWS_WITH(Padded<float>(coarse, 16), Contains("multiples of 16") && Contains("takes multiples of 32"));
  CHECK_THROWS_WITH(Resized<float>(coarse, {48, 64}), Contains("resizing to 48 x 64") && Contains("multiples of 32"));
  CHECK_THROWS_WITH(Resized<float>(coarse, {1'000'000'000 / 32 * 32, 32}), Contains("sides of at most 8192"));
  CHECK_THROWS_WITH(Resized<float>(coarse, {32, 8192 + 32}), Contains("sides of at most 8192"));
  CHECK(Resized<float>(coarse, {32, 8192}).size[1] == 8192);
  CHECK_THROWS_WITH(Padded<float>(coarse, 16384), Contains("multiples of 16384 pixels, expected at most 8192"));
  CHECK_THROWS_WITH(infer(AnySegmenter<float>(Resized<float>(unet(1), 1000.0)), images(57, 57)),
                    Contains("a side of 57 pixels becomes one of 57000") && Contains("expected at most 8192"));
  CHECK_THROWS_WITH(Resized<float>(coarse, 0.0), Contains("got 0"));
  CHECK_THROWS_WITH(Normalised<float>(coarse, {0, 0}, {1, 1}), Contains("for a network of 1 channels"));
  CHECK_THROWS_WITH(Normalised<float>(coarse, {0}, {0}), Contains("expected a positive deviation"));
  for (const auto& [mean, deviation] : {std::pair{0.0, 1e-30}, {0.0, 1e30}, {1e39, 1.0}})  // finite as doubles
    CHECK_THROWS_WITH(Normalised<float>(coarse, {mean}, {deviation}),
                      Contains("channel 0") && Contains("from 0 and infinity"));
  CHECK_THROWS_WITH(GrayToColour<float>(coarse), Contains("1 channels, expected 3"));
}
