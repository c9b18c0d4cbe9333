#include "paser/models/zoo/deeplabv3plus.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "paser/io/weights_file.hpp"
#include "paser/models/registered/deeplabv3plus.hpp"
#include "paser/models/registered/wrappers.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/sgd.hpp"
#include "support/temporary_folder.hpp"

namespace deeplabv3plus_test {

using namespace paser;

using models::DeepLabV3Plus;
using models::DeepLabV3PlusSpec;
using enum models::DeepLabConvention;
using enum models::DeepLabBackbone;

/// What fvcore counts of a network, for one image (operations in the paper's convention).
struct Count {
  models::DeepLabConvention convention;
  models::DeepLabBackbone backbone;
  Index output_stride;
  bool separable;
  Index in, classes, height, width, parameters, conv, batch_norm, bilinear, pool;

  DeepLabV3PlusSpec spec() const {
    return {.in = in,
            .classes = classes,
            .convention = convention,
            .backbone = backbone,
            .output_stride = output_stride,
            .separable = separable};
  }
};

// clang-format off
constexpr Count counts[] = {
    {vainf, resnet50, 16, false, 3, 19, 512, 512, 39761331, 59551252480, 145228288, 37748736, 2097152},
    {vainf, resnet50, 16, false, 1, 3, 224, 256, 39750947, 12922650624, 31769088, 4587520, 458752},
    {vainf, resnet50, 16, false, 1, 2, 32, 32, 39750690, 231260160, 567808, 77824, 8192},
    {vainf, resnet50, 8, false, 3, 19, 512, 512, 39761331, 172898123776, 283640320, 40894464, 8388608},
    {vainf, resnet50, 8, false, 1, 3, 224, 256, 39750947, 37717278720, 62046720, 5275648, 1835008},
    {vainf, resnet50, 8, false, 1, 2, 32, 32, 39750690, 674021376, 1108480, 90112, 32768},
    {vainf, resnet101, 16, false, 3, 19, 512, 512, 58753459, 78945714176, 198705664, 37748736, 2097152},
    {vainf, resnet101, 16, false, 1, 3, 224, 256, 58743075, 17165189120, 43467264, 4587520, 458752},
    {vainf, resnet101, 16, false, 1, 2, 32, 32, 58742818, 307019776, 776704, 77824, 8192},
    {vainf, resnet101, 8, false, 3, 19, 512, 512, 58753459, 250475970560, 497549824, 40894464, 8388608},
    {vainf, resnet101, 8, false, 1, 3, 224, 256, 58743075, 54687432704, 108839424, 5275648, 1835008},
    {vainf, resnet101, 8, false, 1, 2, 32, 32, 58742818, 977059840, 1944064, 90112, 32768},
    {vainf, mobilenetv2, 16, false, 3, 19, 512, 512, 5225203, 16807393408, 95710304, 37748736, 327680},
    {vainf, mobilenetv2, 16, false, 1, 3, 224, 256, 5220515, 3700542016, 21764192, 4587520, 71680},
    {vainf, mobilenetv2, 16, false, 1, 2, 32, 32, 5220258, 83201600, 670304, 77824, 1280},
    {vainf, mobilenetv2, 8, false, 3, 19, 512, 512, 5225203, 30631221376, 195794528, 40894464, 1310720},
    {vainf, mobilenetv2, 8, false, 1, 3, 224, 256, 5220515, 6858097216, 45667424, 5275648, 286720},
    {vainf, mobilenetv2, 8, false, 1, 2, 32, 32, 5220258, 189071168, 1820768, 90112, 5120},
    {vainf, resnet50, 16, false, 3, 21, 513, 513, 39761845, 62379547072, 150126048, 40261716, 2230272},
    {vainf, mobilenetv2, 16, false, 3, 21, 513, 513, 5225717, 16817423360, 95890944, 39931988, 327680},
    {vainf, resnet50, 16, true, 3, 19, 512, 512, 26613859, 36567252992, 145228288, 37748736, 2097152},
    {vainf, resnet50, 16, true, 1, 3, 224, 256, 26603475, 7894900736, 31769088, 4587520, 458752},
    {vainf, resnet50, 16, true, 1, 2, 32, 32, 26603218, 141478912, 567808, 77824, 8192},
    {smp, resnet50, 16, false, 3, 19, 512, 512, 26682211, 36636721152, 145752576, 37748736, 2097152},
    {smp, resnet50, 16, false, 1, 3, 224, 256, 26671827, 7910096896, 31883776, 4587520, 458752},
    {smp, resnet50, 16, false, 1, 2, 32, 32, 26671570, 141750272, 569856, 77824, 8192},
    {smp, resnet34, 16, false, 3, 19, 512, 512, 22442083, 31611027456, 57672192, 37748736, 524288},
    {smp, resnet34, 16, false, 1, 3, 224, 256, 22431699, 6810419200, 12616192, 4587520, 114688},
    {smp, resnet34, 16, false, 1, 2, 32, 32, 22431442, 121726976, 225792, 77824, 2048},
    {smp, mobilenetv2, 16, false, 3, 19, 512, 512, 4383139, 6001065984, 95814144, 37748736, 1310720},
    {smp, mobilenetv2, 16, false, 1, 3, 224, 256, 4378451, 1290051584, 20959744, 4587520, 286720},
    {smp, mobilenetv2, 16, false, 1, 2, 32, 32, 4378194, 23342080, 374784, 77824, 5120},
};
// clang-format on

void check_count(const Count& row) {
  const DeepLabV3Plus<float> network(row.spec(), Key{1});
  const auto counted = count_operations<float>(network, Shape<4>{1, row.height, row.width, row.in}).by_op;
  INFO(models::ModelSpec(network.spec()).json << " on " << row.height << "x" << row.width);
  CHECK(nn::count_parameters(network) == row.parameters);
  CHECK(counted == std::map<std::string, Index>{{"conv", row.conv},
                                                {"batch_norm", row.batch_norm},
                                                {"upsample_bilinear2d", row.bilinear},
                                                {"adaptive_avg_pool2d", row.pool}});
}

/// Narrow networks of every kind.
DeepLabV3PlusSpec narrow(models::DeepLabConvention convention, models::DeepLabBackbone backbone,
                         Index output_stride = 16) {
  return {.in = 2,
          .classes = 3,
          .convention = convention,
          .backbone = backbone,
          .output_stride = output_stride,
          .rates = std::array<Index, 3>{1, 2, 3},
          .width = 4,
          .head_width = 4,
          .low_width = 2};
}

template <class F>
void for_every_kind(const F& f) {
  for (const auto convention : {vainf, smp})
    for (const auto backbone : {resnet50, mobilenetv2})
      for (const Index stride : {8, 16}) f(narrow(convention, backbone, stride));
  f(narrow(smp, resnet34));
}

TEST_CASE("DeepLabV3+ has the parameters and operations that fvcore counts") {
  for (const Count& row : counts) {
    CHECK(models::deeplabv3plus_parameters(row.spec()) == row.parameters);
    if (row.backbone == mobilenetv2 && row.height != 512) check_count(row);
  }
}

TEST_CASE("every DeepLabV3+ has the parameters and operations that fvcore counts", "[.][large]") {
  for (const Count& row : counts) check_count(row);
}

TEST_CASE("a DeepLabV3+ answers at the size of its image, and refuses sizes that it cannot take") {
  for_every_kind([](const DeepLabV3PlusSpec& spec) {
    const DeepLabV3Plus<float> network(spec, Key{1});
    INFO(models::ModelSpec(spec).json);
    CHECK(models::deeplabv3plus_parameters(spec) == nn::count_parameters(network));
    const Index least = network.smallest_size(), multiple = network.size_multiple();
    for (const auto& [h, w] : {std::pair<Index, Index>{least, least}, {3 * multiple, 5 * multiple}, {48, 64}}) {
      const Index height = std::max(h, least), width = std::max(w, least);
      const auto y = infer(network, uniform<float>(Key{2}, Shape<4>{1, height, width, 2}));
      CHECK(y.shape() == Shape<4>{1, height, width, 3});
    }
    CHECK_THROWS_WITH(infer(network, Tensor<float, 4>::zeros({1, 32, 32, 3})), Catch::Contains("(N,H,W,2)"));
    if (multiple > 1)
      CHECK_THROWS_WITH(infer(network, Tensor<float, 4>::zeros({1, 32, 33, 2})),
                        Catch::Contains("32x33") && Catch::Contains("multiples of " + std::to_string(multiple)));
    if (least > 1) CHECK_THROWS_AS(infer(network, Tensor<float, 4>::zeros({1, least - 1, 32, 2})), ShapeError);
  });
  const DeepLabV3Plus<float> odd(narrow(vainf, resnet50), Key{1});
  CHECK(infer(odd, Tensor<float, 4>::zeros({1, 37, 51, 2})).shape() == Shape<4>{1, 37, 51, 3});
  const models::Padded<float> padded(DeepLabV3Plus<float>(narrow(smp, resnet50), Key{1}), 16);
  CHECK(infer(padded, Tensor<float, 4>::zeros({1, 37, 51, 2})).shape() == Shape<4>{1, 37, 51, 3});
}

TEST_CASE("a DeepLabV3+'s gradients are its differences, with dropout") {
  const auto spec = GENERATE(narrow(vainf, mobilenetv2), narrow(smp, resnet34, 8));
  DeepLabV3Plus<double> network(spec, Key{3});
  std::uint64_t number = 0;  // norms start with bias 0, which puts padded borders on the kink of the ReLU6 behind
  nn::walk_parameters(network, [&number]<int Rank>(const std::string&, Parameter<double, Rank>& p) {
    if (Rank == 1) p.value = uniform<double>(Key{6}.fold(++number), p.value.shape(), 0.2, 1);
  });
  GradientCheckOptions options;
  options.samples = 3;
  const auto result = nn::gradient_check(network, run::frozen_statistics, Key{5}, options,
                                         uniform<double>(Key{4}, Shape<4>{3, 16, 32, 2}, -1, 1));
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
}

TEST_CASE("recorded and unrecorded runs of a DeepLabV3+ agree, and so do any number of threads") {
  for_every_kind([](const DeepLabV3PlusSpec& spec) {
    const DeepLabV3Plus<float> network(spec, Key{1});
    const auto image = uniform<float>(Key{2}, Shape<4>{2, 32, 48, 2}, -1, 1);
    INFO(models::ModelSpec(spec).json);
    for (const Mode& mode : {run::inference, run::training}) {
      EvalContext<float> eval(mode, Key{9});
      TapeContext<float> tape(mode, Key{9});
      const auto y = network(eval, image);
      // Folding a norm into the weights rounds otherwise.
      CHECK(max_abs_difference(y, network(tape, Var<float, 4>(image)).value()) <=
            (mode.batch_statistics ? 0 : 1e-4) * max_abs_difference(y, Tensor<float, 4>::zeros(y.shape())));
      set_threads(1);
      EvalContext<float> alone(mode, Key{9});
      CHECK(max_abs_difference(y, network(alone, image)) == 0);
      set_threads(0);
    }
  });
}

TEST_CASE("Monte Carlo passes of a DeepLabV3+ share all before its dropout") {
  for (const auto convention : {vainf, smp}) {
    DeepLabV3Plus<float> network({.in = 1,
                                  .classes = 3,
                                  .convention = convention,
                                  .backbone = mobilenetv2,
                                  .width = 8,
                                  .head_width = 8,
                                  .low_width = 4,
                                  .dropout = 0.5},
                                 Key{1});
    std::uint64_t number = 0;  // by the fan-in, so that maps keep their size; a start by the fan-out relies on training
    nn::walk_parameters(network, [&number]<int Rank>(const std::string&, Parameter<float, Rank>& p) {
      if constexpr (Rank == 4) {
        const Shape<4>& s = p.value.shape();
        p.value = normal<float>(Key{3}.fold(++number), s, 0, std::sqrt(2.0 / static_cast<double>(s[0] * s[1] * s[2])));
      }
    });
    const models::AnySegmenter<float> net(std::move(network));
    const auto image = uniform<float>(Key{2}, Shape{1, 48, 32, 1});
    EvalContext<float> shared(run::mc_dropout), alone(run::mc_dropout);
    shared.sample_keys = {Key{5}, Key{6}, Key{7}};
    alone.sample_keys = {Key{6}};
    auto maps = net.deterministic_part(shared, image);
    REQUIRE(maps.size() == 3);  // not the image itself, as of a network that is not split
    for (auto& map : maps) map = map.repeated(3);
    const auto passes = net.stochastic_part(shared, maps);
    CHECK(passes.shape() == Shape<4>{3, 48, 32, 3});
    CHECK(max_abs_difference(slice_rows(passes, 1, 2), net(alone, image)) < 1e-6);
    CHECK(max_abs_difference(slice_rows(passes, 1, 2), slice_rows(passes, 2, 3)) > 1e-4);
  }
}

TEST_CASE("the pyramid's mean is never normalised alone") {
  const DeepLabV3Plus<float> network(narrow(vainf, resnet50), Key{1});
  const auto train = [&network](Index images, Mode mode) {
    TapeContext<float> ctx(mode, Key{1});
    network(ctx, Var<float, 4>(Tensor<float, 4>::full({images, 32, 32, 2}, 0.5f)));
  };
  CHECK_THROWS_WITH(train(1, run::training), Catch::Contains("one value has no variance"));
  CHECK_THROWS_AS(train(3, {.dropout = false, .batch_statistics = true, .ghost_batch = 2}), ValueError);
  CHECK_NOTHROW(train(4, {.dropout = false, .batch_statistics = true, .ghost_batch = 2}));
  CHECK_NOTHROW(train(1, run::frozen_statistics));
}

TEST_CASE("a DeepLabV3+ learns two images") {
  DeepLabV3PlusSpec spec = narrow(vainf, mobilenetv2);
  spec.dropout = 0;
  spec.width = 8;
  DeepLabV3Plus<float> network(spec, Key{1});
  const auto images = uniform<float>(Key{2}, Shape<4>{2, 32, 32, 2}, -1, 1);
  auto labels = Labels::zeros({2, 32, 32});
  for (Index i = 0; i < labels.numel(); ++i) labels.mutable_data()[i] = i % 1024 < 512 ? 0 : 2;
  optim::Sgd<float> sgd({.learning_rate = 0.05, .momentum = 0.9});
  std::vector<float> losses;
  for (std::uint64_t step = 0; step < 20; ++step) {
    const auto [loss, gradients] = value_and_gradients<float>(run::training, Key{3}.fold(step), [&](auto& ctx) {
      return cross_entropy(network(ctx, ctx.constant(images)), labels);
    });
    losses.push_back(loss);
    sgd.step(network, gradients);
  }
  CHECK(losses.back() < 0.5f * losses.front());
}

TEST_CASE("the registry makes a DeepLabV3+ from its settings, and its settings from it") {
  for_every_kind([](const DeepLabV3PlusSpec& spec) {
    const models::AnySegmenter<float> network = DeepLabV3Plus<float>(spec, Key{1});
    const models::AnySegmenter<float> again = models::make_segmenter(network.spec(), Key{1});
    CHECK(again.spec() == network.spec());
    CHECK(models::model_parameters(network.spec()) == nn::count_parameters(again));
    const auto image = uniform<float>(Key{2}, Shape<4>{1, 32, 32, 2});
    CHECK(max_abs_difference(infer(network, image), infer(again, image)) == 0);
    CHECK((again.channels() == 2 && again.classes() == 3 && again.stride() == 1));
  });
  const auto published = models::DeepLabV3PlusMaker<float>::read(
      R"({"in": 3, "classes": 19, "convention": "vainf", "backbone": "resnet101", "output_stride": 8})");
  CHECK(published.used_rates() == std::array<Index, 3>{12, 24, 36});
  CHECK((published.used_dropout() == 0.1 && published.used_width() == 64 && published.head_width == 256));
}

TEST_CASE("settings of a DeepLabV3+ that make no network are named") {
  const auto refused = [](const std::string& change) {
    auto json = nlohmann::json::parse(R"({"in": 1, "classes": 3, "convention": "smp", "backbone": "resnet34"})");
    json.merge_patch(nlohmann::json::parse(change));
    try {
      models::make_segmenter("deeplabv3plus", json.dump(), Key{});
    } catch (const FormatError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  using Catch::Contains;
  CHECK_THAT(refused(R"({"convention": "mmseg"})"), Contains("convention is 'mmseg', expected one of 'vainf', 'smp'"));
  CHECK_THAT(refused(R"({"backbone": "xception"})"), Contains("backbone is 'xception'") && Contains("'mobilenetv2'"));
  CHECK_THAT(refused(R"({"backbone": null})"), Contains("its \"backbone\"") && Contains("\"resnet50\""));
  CHECK_THAT(refused(R"({"output_stride": 4})"), Contains("output stride is 4, expected 8 or 16"));
  CHECK_THAT(refused(R"({"rates": [1, 2]})"), Contains("'rates'"));
  CHECK_THAT(refused(R"({"rates": [1, 0, 2]})"), Contains("dilation of its pyramid is 0"));
  CHECK_THAT(refused(R"({"separable": true})"), Contains("smp's head always is separable"));
  CHECK_THAT(refused(R"({"convention": "vainf"})"), Contains("resnet34 has no dilated form"));
  CHECK_THAT(refused(R"({"dropout": 1})"), Contains("its dropout is 1"));
  CHECK_THAT(refused(R"({"classes": 1})"), Contains("1 classes"));
  CHECK_THAT(refused(R"({"head_width": -1})"), Contains("-1"));
  CHECK_THAT(refused(R"({"backbone": "mobilenetv2", "width": 6})"), Contains("multiple of 4"));
  CHECK_THAT(refused(R"({"colour": 1})"), Contains("unknown option 'colour'"));
}

TEST_CASE("a checkpoint with public names loads into a network of the registry and is written back the same") {
  const auto file =
      io::Path(PASER_TEST_DATA) / "fixtures" /
      GENERATE("zoo_deeplabv3plus_smp_mnv2.weights.safetensors", "zoo_deeplabv3plus_vainf_r50_sep.weights.safetensors");
  const bool is_smp = file.string().find("_smp_") != std::string::npos;
  const DeepLabV3PlusSpec spec{.in = is_smp ? 3 : 1,
                               .classes = is_smp ? 2 : 3,
                               .convention = is_smp ? smp : vainf,
                               .backbone = is_smp ? mobilenetv2 : resnet50,
                               .separable = !is_smp,
                               .width = 4,
                               .head_width = is_smp ? 32 : 16,
                               .low_width = is_smp ? 6 : 3};
  models::AnySegmenter<float> network = models::make_segmenter(spec, Key{1});
  io::load_weights(network, file);
  const TemporaryFolder folder;
  io::save_weights(folder / "again.safetensors", network);
  const auto published = io::read_weights(file), again = io::read_weights(folder / "again.safetensors");
  REQUIRE(again.size() == published.size());
  for (const auto& [name, tensor] : published) {
    INFO(name);
    CHECK(again.at(name).shape == tensor.shape);
    CHECK(again.at(name).dtype == tensor.dtype);
    if (!name.ends_with("num_batches_tracked"))
      CHECK(std::ranges::equal(again.at(name).bytes.values(), tensor.bytes.values()));
  }
}

}  // namespace deeplabv3plus_test
