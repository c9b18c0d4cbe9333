#include "paser/experiment/networks.hpp"

#include <catch2/catch.hpp>

#include "experiment/tiny_cityscapes.hpp"
#include "paser/experiment/common_settings.hpp"
#include "paser/models/registered/registered.hpp"

namespace networks_test {

using namespace paser;
using namespace paser::experiment;
using Catch::Matchers::Contains;

const char* const small_segformer =
    R"({"type":"segformer","spec":{"depths":[1,1,1,1],"widths":[4,4,8,8],"heads":[1,1,1,1],"decoder_width":4}})";

const char* const small_efficientvit =
    R"({"type":"efficientvit","spec":{"family":"B","widths":[4,8,8,16,24],"depths":[1,1,1,1,1],"head_features":8,)"
    R"("head_width":8,"head_depth":1,"head_expand":2,"final_expand":2}})";

FolderSettings settings_of(const tiny::Cityscapes& set) {
  FolderSettings s;
  s.data = set.root().string();
  s.masks = "cityscapes";
  return s;
}

struct Networks : FolderSettings, NetworkSettings {
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    FolderSettings::visit(s, v);
    NetworkSettings::visit(s, v);
  }
};

TEST_CASE("Cityscapes: its training images, val as the test, 19 classes, and the others ignored") {
  const tiny::Cityscapes set;
  FolderSettings s = settings_of(set);
  s.in_memory = false;
  const FolderData data(s);
  CHECK((data.classes() == 19 && data.channels() == 3 && data.height() == 64 && data.width() == 128));
  CHECK(data.class_names()[13] == "car");
  CHECK_FALSE(data.has_validation());
  REQUIRE(data.has_test());
  CHECK(data.validation().size() == 1);  // of the training images
  CHECK(data.varied(1).size() == 3);
  CHECK(data.test().size() == 2);
  CHECK(data.test().info(0).name == "lindau_000000_000019");
  CHECK(data.files().contains("train/bonn/bonn_000000_000019_leftImg8bit.png"));
  CHECK(data.files().contains("val/lindau/lindau_000001_000019_gtFine_labelIds.png"));
  CHECK(data.files().size() == 12);
  // Columns of ids 0 .. 33, four pixels each.
  const Labels labels = data.test().range(0, 1).labels;
  CHECK((labels.data()[0] == 255 && labels.data()[4 * 7] == 0 && labels.data()[4 * 26] == 13));
  CHECK((labels.data()[4 * 9] == 255 && labels.data()[4 * 31] == 16));
  FolderSettings kept = settings_of(set);
  const FolderData in_memory(kept);
  const FolderData thirds(kept, true);  // rounding would leave the last one nothing
  for (const std::size_t stage : {1u, 2u, 3u}) CHECK(thirds.varied(stage).size() == 1);
  kept.train_images = 2;
  CHECK_THROWS_WITH(FolderData(kept, true),
                    Contains("there are 2 images to train on, expected at least one for each of three stages"));
  CHECK(max_abs_difference(in_memory.test().range(0, 2).images, data.test().range(0, 2).images) == 0);
}

TEST_CASE("UNets of the settings have the norm that is asked for, one for each") {
  const tiny::Cityscapes set;
  Networks s;
  static_cast<FolderSettings&>(s) = settings_of(set);
  s.widths = {4, 8};
  s.depths = {1, 1};
  const FolderData data(s);
  const auto norm = [&](std::size_t k) {
    return nlohmann::json::parse(network_of(data, s, k).json).value("norm", "instance");
  };
  CHECK((norm(0) == "instance" && norm(1) == "instance"));
  s.norms = {"instance", "batch"};
  CHECK_NOTHROW(check_lists(s.lists()));
  CHECK_NOTHROW(check_settings(s));
  CHECK((norm(0) == "instance" && norm(1) == "batch"));
  s.norms = {"batch"};
  CHECK_THROWS_WITH(check_lists(s.lists()), Contains("norms"));
  s.norms = {"instance", "layer"};
  CHECK_THROWS_WITH(check_settings(s), Contains("'layer', expected instance or batch"));
}

TEST_CASE("networks of the registry get what the data say, and wrappers where they need them") {
  const tiny::Cityscapes set;
  const FolderData data(settings_of(set));
  const auto made = [&](const std::string& network, Index height, Index width) {
    const auto spec =
        fitted(nlohmann::json::parse(network).get<TypedSpec>(), {data.channels(), data.classes(), height, width}, 0.25);
    const auto model = models::make_segmenter<float>(spec, Key{1});
    CHECK((model.channels() == 3 && model.classes() == 19 && model.stride() == 1));
    const auto y = infer(model, uniform<float>(Key{2}, Shape{1, height, width, 3}));
    CHECK(y.shape() == Shape<4>{1, height, width, 19});
    return spec;
  };
  const auto unet = made(R"({"type":"unet","spec":{"width":2,"depth":1}})", 16, 20);
  CHECK(unet.type == "unet");
  CHECK_THAT(unet.json, Contains("\"dropout\":0.25"));
  CHECK_THAT(made(R"({"type":"unet","spec":{"width":2,"depth":1,"dropout":0}})", 16, 20).json,
             Contains("\"dropout\":0,"));
  const auto inside = [](const models::ModelSpec& spec) {
    return nlohmann::json::parse(spec.json)["model"].get<models::ModelSpec>();
  };
  const auto segformer = made(small_segformer, 32, 64);
  CHECK((segformer.type == "resized" && inside(segformer).type == "segformer"));
  const auto of_patch = made(small_segformer, 16, 32);  // less than it takes
  CHECK((of_patch.type == "resized" && inside(of_patch).type == "padded"));
  CHECK(nlohmann::json::parse(inside(of_patch).json)["multiple"] == 4);
  CHECK(
      made(R"({"type":"deeplabv3plus","spec":{"convention":"smp","backbone":"mobilenetv2","width":8}})", 24, 32).type ==
      "padded");
  // In wrappers of the user's own it is the network inside that is completed.
  const auto wrapped = made(
      message(R"({"type":"normalised","spec":{"mean":[0,0,0],"deviation":[1,1,1],"model":)", small_segformer, "}}"), 32,
      32);
  CHECK(inside(inside(wrapped)).type == "segformer");

  const auto refused = [&](const std::string& type, const std::string& json, const std::string& sentence) {
    CHECK_THROWS_WITH(fitted({type, json}, {data.channels(), data.classes(), 32, 32}, 0), Contains(sentence));
  };
  refused("segformr", "{}", "did you mean 'segformer'");
  refused("segformer", "[]", "network 'segformer'");
  refused("segformer", R"({"size":"B9"})", "its size is 'B9'");
}

TEST_CASE("a patch with a margin is padded where the network does not take both together") {
  const models::ModelSpec smp{"deeplabv3plus", R"({"convention":"smp","backbone":"mobilenetv2","width":8})"};
  for (const Index margin : {4, 8, 16}) {
    CAPTURE(margin);
    const ImageKind patches{3, 19, 32, 32, margin};
    const auto spec = fitted(smp, patches, 0);
    CHECK(spec.type == (margin < 8 ? "padded" : "deeplabv3plus"));
    const auto model = models::make_segmenter<float>(
        {"halo", message("{\"margin\":", margin, ",\"model\":", spec.text(), "}")}, Key{1});
    const Index seen = 32 + 2 * margin;
    CHECK(infer(model, uniform<float>(Key{2}, Shape{1, seen, seen, 3})).shape() == Shape<4>{1, 32, 32, 19});
  }
  // A patch that alone does not fit is padded with any margin.
  CHECK(fitted(smp, {3, 19, 16, 24, 4}, 0).type == "padded");
  CHECK(fitted(smp, {3, 19, 16, 16, 0}, 0).type == "deeplabv3plus");
}

TEST_CASE("logits are enlarged as the code of each network does, unless its settings or the run's say otherwise") {
  const ImageKind images{1, 2, 64, 32};
  const auto answer = [&](const std::string& network, bool as_published) {
    const auto spec = fitted(nlohmann::json::parse(network).get<TypedSpec>(), images, 0, as_published);
    CHECK(spec.type == "resized");
    return nlohmann::json::parse(models::make_segmenter<float>(spec, Key{1}).spec().json).value("answer", "left out");
  };
  CHECK(answer(small_efficientvit, true) == "bicubic");
  CHECK(answer(small_segformer, true) == "left out");
  CHECK(answer(small_efficientvit, false) == "left out");
  const auto wrapped = [](const char* type, const char* settings, const std::string& network) {
    return message("{\"type\":\"", type, "\",\"spec\":{", settings, ",\"model\":", network, "}}");
  };
  const std::string normalised = wrapped("normalised", R"("mean":[0],"deviation":[1])", small_efficientvit);
  CHECK(answer(normalised, true) == "bicubic");
  CHECK(answer(wrapped("resized", R"("size":[64,64])", normalised), true) == "bicubic");
  CHECK(answer(wrapped("resized", R"("size":[64,64])", normalised), false) == "left out");
  CHECK(answer(wrapped("resized", R"("factor":2,"answer":"bilinear")", small_efficientvit), true) == "left out");
  CHECK(answer(wrapped("resized", R"("factor":2,"answer":"corners")", small_efficientvit), false) == "corners");
}

TEST_CASE("networks: a list of settings, of f1 for images and of the others for patches") {
  Networks s;
  const tiny::Cityscapes set;
  static_cast<FolderSettings&>(s) = settings_of(set);
  CHECK(s.models() == 3);
  experiment::apply(message("networks=[", small_segformer, ",", small_segformer, "]"), s);
  check_settings(s);
  CHECK(s.models() == 2);
  CHECK(s.lists() == std::vector<std::pair<std::string, std::size_t>>{{"networks", 2}});
  s.grid = {4, 8};
  const FolderData data(s);
  CHECK(nlohmann::json::parse(network_of(data, s, 0).json)["model"]["type"] == "segformer");
  CHECK(nlohmann::json::parse(network_of(data, s, 1).json)["model"]["type"] == "padded");
  CHECK_THROWS_WITH(experiment::apply("networks=[{\"type\":3,\"spec\":{}}]", s), Contains("networks"));
  CHECK_THROWS_WITH(experiment::apply("networks=[\"unet\"]", s), Contains("networks"));
  experiment::apply("networks=[{\"type\":\"\",\"spec\":{}}]", s);
  CHECK_THROWS_WITH(check_settings(s), Contains("expected a name"));
}

}  // namespace networks_test
