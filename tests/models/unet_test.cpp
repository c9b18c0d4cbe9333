#include "paser/models/unet.hpp"

#include <catch2/catch.hpp>

#include "paser/models/any_segmenter.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/nn/gradient_check.hpp"

using namespace paser;
using models::Upsampling;

namespace {

template <class Model>
Tensor<float, 4> segmented(const Model& model, Index h, Index w) {
  return infer(model, uniform<float>(Key{7}, Shape<4>{1, h, w, 1}));
}

}  // namespace

TEST_CASE("the networks of the paper have its parameter counts") {
  CHECK(nn::count_parameters(models::StaticUNet<1, 3, 8, 2>(Key{1})) == 16'571);
  CHECK(nn::count_parameters(models::StaticUNet<1, 3, 16, 4>(Key{1})) == 1'080'595);
  CHECK(nn::count_parameters(models::StaticUNet<1, 3, 64, 4>(Key{1})) == 17'275'459);
  CHECK(nn::count_parameters(models::PolicyNet<float>(48, Key{1})) == 14'736);
  CHECK(nn::count_parameters(models::StaticUNet<1, 3, 8, 2>(Key{1}, 0.5, Upsampling::transposed)) == 29'563);
  STATIC_REQUIRE(models::StaticUNet<1, 3, 16, 4>::parameters(Upsampling::transposed) == 1'941'875);
}

TEST_CASE("a UNet keeps the size of every image whose levels exist") {
  const models::StaticUNet<1, 3, 4, 4> deep(Key{1});
  for (Index h = 16; h <= 40; h += 3)
    for (Index w = 16; w <= 40; w += 5) CHECK(segmented(deep, h, w).shape() == Shape<4>{1, h, w, 3});
  for (const auto& [h, w] : {std::pair<Index, Index>{91, 92}, {350, 525}, {275, 800}})
    CHECK(segmented(deep, h, w).shape() == Shape<4>{1, h, w, 3});
  const models::StaticUNet<1, 2, 4, 3> transposed(Key{1}, 0.5, Upsampling::transposed);
  CHECK(segmented(transposed, 17, 22).shape() == Shape<4>{1, 17, 22, 2});
}

TEST_CASE("too small an image is refused with the smallest legal size") {
  const models::StaticUNet<1, 3, 4, 4> deep(Key{1});
  CHECK_THROWS_WITH(segmented(deep, 15, 15),
                    Catch::Contains("15x15") && Catch::Contains("smallest legal size is 16x16"));
  CHECK_THROWS_AS(segmented(deep, 1, 1), ShapeError);
  CHECK_THROWS_WITH(infer(deep, Tensor<float, 4>::zeros({1, 32, 32, 3})), Catch::Contains("(N,H,W,1)"));
}

TEST_CASE("a UNet's gradients are its differences, at an odd size, with dropout drawn from the key") {
  const models::StaticUNet<1, 3, 2, 2, double> model(Key{3}, 0.3);
  const auto result =
      nn::gradient_check(model, run::training, Key{5}, {}, uniform<double>(Key{4}, Shape<4>{2, 9, 7, 1}));
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
}

TEST_CASE("recorded and unrecorded runs of one model give the same bits, and so do any number of threads") {
  const models::StaticUNet<1, 3, 8, 2> model(Key{1});
  const auto image = uniform<float>(Key{2}, Shape<4>{3, 30, 34, 1});
  EvalContext<float> eval(run::training, Key{9});
  TapeContext<float> tape(run::training, Key{9});
  const auto plain = model(eval, image);
  CHECK(max_abs_difference(plain, model(tape, tape.constant(image)).value()) == 0);
  for (const int threads : {1, 2, 4}) {
    set_threads(threads);
    EvalContext<float> again(run::training, Key{9});
    CHECK(max_abs_difference(plain, model(again, image)) == 0);
  }
  set_threads(0);
}

TEST_CASE("a segmenter is the network inside it, and a copy has weights of its own") {
  const models::StaticUNet<1, 3, 8, 2> model(Key{1});
  models::AnySegmenter<float> any = model;
  const models::AnySegmenter<float> copy = any;
  const auto image = uniform<float>(Key{2}, Shape<4>{2, 12, 12, 1});
  CHECK(max_abs_difference(infer(model, image), infer(any, image)) == 0);
  CHECK(nn::count_parameters(any) == 16'571);
  EvalContext<float> ctx;
  CHECK(max_abs_difference(any.stochastic_part(ctx, any.deterministic_part(ctx, image)), infer(model, image)) == 0);
  nn::walk_parameters(any, [](const std::string&, auto& p) { p.value.mutable_data()[0] += 1; });
  CHECK(max_abs_difference(infer(any, image), infer(copy, image)) > 0);
  CHECK(max_abs_difference(infer(copy, image), infer(model, image)) == 0);
}

TEST_CASE("a UNet whose sizes are numbers of a file is the one whose sizes the compiler knows, bit by bit") {
  const auto image = uniform<float>(Key{2}, Shape<4>{2, 19, 22, 3});
  const auto compare = [&](const auto& fixed, const models::UNetSpec& spec) {
    const models::UNet<float> free(spec, Key{5});
    std::vector<std::string> names, expected;
    nn::walk_parameters(free, [&](const std::string& name, const auto&) { names.push_back(name); });
    nn::walk_parameters(fixed, [&](const std::string& name, const auto&) { expected.push_back(name); });
    CHECK(names == expected);
    CHECK(free.smallest_size() == fixed.smallest_size());
    CHECK(nn::count_parameters(free) ==
          models::unet_parameters(spec.in, spec.classes, spec.width, spec.depth, spec.upsampling));
    CHECK(max_abs_difference(infer(free, image), infer(fixed, image)) == 0);
    EvalContext<float> one(run::training, Key{9}), two(run::training, Key{9});  // dropout included
    CHECK(max_abs_difference(free(one, image), fixed(two, image)) == 0);
  };
  compare(models::StaticUNet<3, 4, 6, 2>(Key{5}, 0.3), {.in = 3, .classes = 4, .width = 6, .depth = 2, .dropout = 0.3});
  compare(models::StaticUNet<3, 2, 4, 3>(Key{5}, 0.5, Upsampling::transposed),
          {.in = 3, .classes = 2, .width = 4, .depth = 3, .upsampling = Upsampling::transposed});
}

TEST_CASE("a UNet with batch norm: its parameters, its gradients, and statistics that are not those of the image") {
  using models::UNetNorm;
  const models::UNet<double> model({.classes = 3, .width = 2, .depth = 2, .dropout = 0.3, .norm = UNetNorm::batch},
                                   Key{3});
  CHECK(nn::count_parameters(model) == models::unet_parameters(1, 3, 2, 2, Upsampling::bilinear, UNetNorm::batch));
  const auto x = uniform<double>(Key{4}, Shape<4>{3, 9, 7, 1});
  for (const Mode& mode : {run::training, run::frozen_statistics}) {
    const auto result = nn::gradient_check(model, mode, Key{5}, {}, x);
    INFO(result.where << " " << result.worst);
    CHECK(result.passed);
  }

  models::UNet<float> net({.classes = 2, .width = 4, .depth = 2, .norm = UNetNorm::batch}, Key{3});
  nn::walk(net, [](const std::string& name, auto& member) {  // as after training
    if (name.ends_with("running_mean"))
      for (Index i = 0; i < member.value.numel(); ++i)
        member.value.mutable_data()[i] = 0.1f * static_cast<float>(i) + 0.01f * static_cast<float>(name.size());
    if (name.ends_with("running_var"))
      for (Index i = 0; i < member.value.numel(); ++i) member.value.mutable_data()[i] = 0.5f + static_cast<float>(i);
  });
  const auto image = uniform<float>(Key{2}, Shape<4>{2, 16, 20, 1});
  TapeContext<float> tape;
  const auto recorded = net(tape, tape.constant(image)).value();
  CHECK(max_abs_difference(infer(net, image), recorded) < 1e-4f);  // the norm is in the weights
  // Far from each other's receptive field a pixel does not see what changes; by instance norm all of the image does.
  const auto apart = [](const auto& of) {
    const auto plain = uniform<float>(Key{2}, Shape<4>{1, 96, 96, 1});
    auto changed = plain;
    for (Index i = 0; i < 96 * 8; ++i) changed.mutable_data()[i] = 1;
    const auto a = infer(of, plain), b = infer(of, changed);
    float far = 0;
    for (Index i = 95 * 96 * 2; i < 96 * 96 * 2; ++i) far = std::max(far, std::abs(a.data()[i] - b.data()[i]));
    return far;
  };
  CHECK(apart(net) == 0);
  CHECK(apart(models::UNet<float>({.classes = 2, .width = 4, .depth = 2}, Key{3})) > 1e-5f);
}

TEST_CASE("numbers that make no network are refused") {
  const auto made = [](const models::UNetSpec& spec) { return models::UNet<float>(spec, Key{1}).spec().width; };
  CHECK(made({}) == 8);
  CHECK_THROWS_WITH(made({.in = 0}), Catch::Contains("no network has 0 image channels") &&
                                         Catch::Contains("expected at least 1 channel"));
  for (const models::UNetSpec& spec :
       {models::UNetSpec{.classes = 1}, models::UNetSpec{.width = 0}, models::UNetSpec{.width = 7},
        models::UNetSpec{.depth = 0}, models::UNetSpec{.depth = 11}, models::UNetSpec{.dropout = 1.5},
        models::UNetSpec{.dropout = 1}, models::UNetSpec{.dropout = -0.1}})
    CHECK_THROWS_AS(made(spec), ValueError);
}
