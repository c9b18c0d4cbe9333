#include <catch2/catch.hpp>

#include "paser/models/registered/makers/matphase.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/ops/avg_pool2d.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::models;
using Catch::Matchers::Contains;

namespace matphase_test {

const char* const settings = R"({"in": 1, "classes": 4, "width": 2, "depth": 2, "dropout": 0.25, "threshold": 0.9,)"
                             R"( "patch": 13, "features": [3, 4, 5]})";

MatPhaseSpec tiny(double threshold) {
  MatPhaseSpec spec = MatPhaseMaker<double>::read(settings);
  spec.threshold = threshold;
  return spec;
}

/// The patch network as it is described, on one patch: (1, side, side, in) -> classes.
template <class T>
Tensor<T, 4> of_patch(const PatchNetwork<T>& net, const Tensor<T, 4>& patch) {
  const auto conv = [](const nn::Conv2d<T>& c, const Tensor<T, 4>& x) {
    return relu(conv2d(x, c.weight.value, c.bias.value, Conv2dOptions{}));
  };
  auto x = conv(net.convs[1], conv(net.convs[0], patch));
  x = conv(net.convs[2], max_pool2d(x, {.kernel = {2, 2}, .stride = {2, 2}}));
  x = avg_pool2d(x, {.kernel = {x.shape().h(), x.shape().w()}, .stride = {1, 1}});
  return conv2d(x, net.classifier.weight.value, net.classifier.bias.value, Conv2dOptions{});
}

}  // namespace matphase_test

TEST_CASE("a MatPhase has two of the paper's large UNets and a patch network") {
  const MatPhaseSpec spec;
  const MatPhase<float> net(spec, Key{1});
  const Index patch = 4 * 32 * 9 + 32 + 32 * 64 * 9 + 64 + 64 * 128 * 9 + 128 + 128 * 3 + 3;
  CHECK(nn::count_parameters(net) == spec.parameters());
  // The UNets' heads have 2 classes in place of 3.
  CHECK(spec.parameters() == 2 * (17'275'459 - 65) + patch);
  const Operations operations = count_operations(net, Shape<4>{1, 224, 256, 1});
  const Index unets = 2 * (36'081'762'304 - Index{224} * 256 * 64);
  // The patch network on 237 x 269 pixels, each convolution as far as its answers are used.
  const Index dense = Index{235} * 267 * 32 * 9 * 4 + Index{233} * 265 * 64 * 9 * 32 + Index{228} * 260 * 128 * 9 * 64 +
                      Index{224} * 256 * (9 * 128 + 128 * 3);
  CHECK(operations.total() == unets + dense);
}

TEST_CASE("a patch network answers every pixel as it would its patch alone") {
  using namespace matphase_test;
  for (const Index side : {Index{11}, Index{13}, Index{15}}) {
    MatPhaseSpec spec = tiny(0);
    spec.patch = side;
    const PatchNetwork<double> net(spec, Key{1});
    const auto maps = uniform<double>(Key{2}, Shape{2, 9, 8, 5}, -1, 1);
    const auto answers = infer(net, maps);
    REQUIRE(answers.shape() == Shape<4>{2, 9, 8, 4});
    const auto wide = extend_to(maps, 9 + side - 1, 8 + side - 1, Border::mirrored, side / 2, side / 2);
    double worst = 0;
    for (Index n = 0; n < 2; ++n)
      for (Index i = 0; i < 9; ++i)
        for (Index j = 0; j < 8; ++j) {
          const auto patch = pad(slice_rows(wide, n, n + 1), {.left = -j, .right = j - 7, .top = -i, .bottom = i - 8});
          const auto alone = of_patch(net, patch);
          for (Index k = 0; k < 4; ++k) worst = std::max(worst, std::abs(alone(0, 0, 0, k) - answers(n, i, j, k)));
        }
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("the gradient of a patch network is that of its differences") {
  const PatchNetwork<double> net(matphase_test::tiny(0), Key{3});
  const auto result =
      nn::gradient_check(net, run::inference, Key{1}, uniform<double>(Key{2}, Shape{1, 6, 7, 5}, -1, 1));
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
}

TEST_CASE("probabilities of a MatPhase are products along the hierarchy, and their gradient that of both UNets") {
  const MatPhase<double> net(matphase_test::tiny(1), Key{3});  // always sure
  const auto image = uniform<double>(Key{2}, Shape{1, 8, 8, 1}, -1, 1);
  const auto p = softmax(infer(net, image)), first = softmax(infer(net.unets[0], image)),
             others = softmax(infer(net.unets[1], image));
  double worst = 0;
  for (Index i = 0; i < 64; ++i) {
    const double* const of_all = p.data() + 4 * i;
    worst = std::max(worst, std::abs(of_all[0] - first.data()[2 * i]));
    for (Index k = 0; k < 3; ++k)
      worst = std::max(worst, std::abs(of_all[k + 1] - first.data()[2 * i + 1] * others.data()[3 * i + k]));
  }
  CHECK(worst < 1e-12);
  const auto result = nn::gradient_check(net, run::inference, Key{1}, image);
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
}

TEST_CASE("the patch network answers where a MatPhase's UNets are unsure") {
  using namespace matphase_test;
  const MatPhase<double> net(tiny(0.8), Key{3}), sure(tiny(1), Key{3}), unsure(tiny(0), Key{3});
  const auto image = uniform<double>(Key{2}, Shape{2, 12, 12, 1}, -1, 1);
  const auto y = infer(net, image), known = infer(sure, image), guessed = infer(unsure, image);
  EvalContext<double> ctx(run::inference);
  CHECK(max_abs_difference(guessed, net.patches(ctx, concat_channels(image, softmax(known)))) < 1e-12);
  const auto p = softmax(known);
  Index asked = 0;
  for (Index i = 0; i < 2 * 144; ++i) {
    double entropy = 0;
    for (Index k = 0; k < 4; ++k) entropy -= p.data()[4 * i + k] * std::log(p.data()[4 * i + k]);
    const bool ask = entropy > 0.8 * std::log(4.0);
    asked += ask;
    for (Index k = 0; k < 4; ++k)
      REQUIRE(y.data()[4 * i + k] == Approx((ask ? guessed : known).data()[4 * i + k]).epsilon(1e-9));
  }
  CHECK((asked > 20 && asked < 268));
}

TEST_CASE("both parts of a MatPhase learn from unsure pixels, and the patch network teaches no UNet") {
  using namespace matphase_test;
  const MatPhase<double> net(tiny(0), Key{3});
  const auto image = uniform<double>(Key{2}, Shape{1, 16, 16, 1}, -1, 1);
  const auto taught = [&](Mode mode, const auto& parameter) {
    const auto gradients = value_and_gradients<double>(mode, Key{7}, [&](TapeContext<double>& ctx) {
                             return cross_entropy(net(ctx, Var<double, 4>(image)), Labels::full({1, 16, 16}, 2));
                           }).gradients;
    const auto of = gradients.of(parameter);
    return max_abs_difference(of, scale(of, 0)) > 1e-12;
  };
  // Without noise the patch network answers everything, so that the UNets learn nothing.
  CHECK((taught(run::inference, net.patches.convs[0].weight) && taught(run::training, net.patches.convs[0].weight)));
  for (const auto& unet : net.unets)
    CHECK((!taught(run::inference, unet.head.weight) && taught(run::training, unet.head.weight) &&
           !taught(run::inference, unet.stem.weight) && taught(run::training, unet.stem.weight)));
  TapeContext<double> ctx(run::training, Key{7});
  const auto coins = net.unsure(ctx, Var<double, 4>(Tensor<double, 4>::zeros({4, 16, 16, 4}))).value();
  double sum = 0;
  for (Index i = 0; i < coins.numel(); i += 4) {
    sum += coins.data()[i];
    REQUIRE((coins.data()[i] == 0 || coins.data()[i] == 1));
    for (Index k = 1; k < 4; ++k) REQUIRE(coins.data()[i + k] == coins.data()[i]);
  }
  CHECK(sum / 1024 == Approx(0.5).margin(0.08));
}

TEST_CASE("Monte Carlo passes of a MatPhase share all before its dropouts") {
  const auto net = make_segmenter("matphase", matphase_test::settings, Key{1});
  const auto image = uniform<float>(Key{2}, Shape{1, 17, 16, 1});
  EvalContext<float> shared(run::mc_dropout), alone(run::mc_dropout);
  shared.sample_keys = {Key{5}, Key{6}, Key{7}};
  alone.sample_keys = {Key{6}};
  auto maps = net.deterministic_part(shared, image);
  for (auto& map : maps) map = map.repeated(3);
  const auto passes = net.stochastic_part(shared, maps);
  CHECK(passes.shape() == Shape<4>{3, 17, 16, 4});
  CHECK(max_abs_difference(slice_rows(passes, 1, 2), net(alone, image)) < 1e-5);
  CHECK(max_abs_difference(slice_rows(passes, 1, 2), slice_rows(passes, 2, 3)) > 1e-4);
}

TEST_CASE("a MatPhase is made by name, says what it is, and refuses what it cannot be") {
  const auto net = make_segmenter("matphase", matphase_test::settings, Key{1});
  CHECK(nlohmann::json::parse(net.spec().json) == nlohmann::json::parse(matphase_test::settings));
  CHECK((net.channels() == 1 && net.classes() == 4 && net.stride() == 1 && net.smallest_size() == 4));
  CHECK(model_parameters(net.spec()) == nn::count_parameters(net));
  const auto image = uniform<float>(Key{2}, Shape{2, 16, 20, 1});
  CHECK(same_bits(infer(make_segmenter(net.spec(), Key{1}), image), infer(net, image)));
  const auto refused = [](const std::string& json, const std::string& sentence) {
    CHECK_THROWS_AS(make_segmenter("matphase", json, Key{}), FormatError);
    CHECK_THROWS_WITH(make_segmenter("matphase", json, Key{}), Contains("model 'matphase'") && Contains(sentence));
  };
  refused(R"({"in": 1})", "option 'classes' is missing");
  refused(R"({"in": 1, "classes": 2})", "2 classes");
  refused(R"({"in": 1, "classes": 3, "width": 7})", "width 7");
  refused(R"({"in": 1, "classes": 3, "patch": 14})", "14 pixels a side, expected an odd number");
  refused(R"({"in": 1, "classes": 3, "threshold": 1.5})", "its threshold is 1.5");
  refused(R"({"in": 1, "classes": 3, "features": [8, 0, 8]})", "0 features");
  refused(R"({"in": 1, "classes": 3, "dropout": 1})", "its dropout is 1, expected 0 .. 1 (excluded)");
}
