#include "paser/models/registry.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::models;
using Catch::Matchers::Contains;

namespace {

const std::string settings =
    R"({"in": 1, "classes": 3, "width": 6, "depth": 2, "dropout": 0.1, "upsampling": "transposed"})";

/// The settings with one changed or, by null, left out.
std::string with(const std::string& name, const nlohmann::json& value) {
  auto j = nlohmann::json::parse(settings);
  if (value.is_null())
    j.erase(name);
  else
    j[name] = value;
  return j.dump();
}

AnySegmenter<float> another(const std::string&, Key key) {
  return UNet<float>({}, key);
}

}  // namespace

TEST_CASE("a name and settings make the network that its type makes, bit by bit") {
  const UNetSpec spec{
      .in = 1, .classes = 3, .width = 6, .depth = 2, .upsampling = Upsampling::transposed, .dropout = 0.1};
  const UNet<float> direct(spec, Key{3});
  const auto image = uniform<float>(Key{2}, Shape{1, 19, 22, 1});
  const auto made = make_segmenter("unet", settings, Key{3});
  CHECK(same_bits(infer(made, image), infer(direct, image)));
  CHECK(same_bits(infer(make_segmenter(spec, Key{3}), image), infer(direct, image)));
  CHECK(same_bits(infer(make_segmenter(made.spec(), Key{3}), image), infer(direct, image)));
  CHECK(make_segmenter<double>("unet", settings, Key{3}).spec() == made.spec());
  CHECK(model_parameters(made.spec()) == nn::count_parameters(direct));
}

TEST_CASE("the norm of a UNet is a setting of its own, which older files do not have") {
  UNetSpec spec{.classes = 3, .width = 4, .norm = UNetNorm::batch};
  const ModelSpec batch = spec;
  CHECK(nlohmann::json::parse(batch.json).at("norm") == "batch");
  const auto made = make_segmenter(batch, Key{3});
  const auto image = uniform<float>(Key{2}, Shape{1, 19, 22, 1});
  CHECK(same_bits(infer(made, image), infer(UNet<float>(spec, Key{3}), image)));
  CHECK(model_parameters(batch) == nn::count_parameters(made));
  spec.norm = UNetNorm::instance;
  const ModelSpec instance = spec;
  CHECK_FALSE(nlohmann::json::parse(instance.json).contains("norm"));
  CHECK(model_parameters(instance) < model_parameters(batch));
  CHECK(make_segmenter("unet", with("norm", "instance"), Key{}).spec() ==
        make_segmenter("unet", settings, Key{}).spec());
}

TEST_CASE("a network says what it takes and gives, and one that does not say has the defaults") {
  const auto made = make_segmenter("unet", settings, Key{3});
  CHECK(nlohmann::json::parse(made.spec().json) == nlohmann::json::parse(settings));
  CHECK((made.channels() == 1 && made.classes() == 3 && made.smallest_size() == 4));
  CHECK((made.size_multiple() == 1 && made.stride() == 1));
  const AnySegmenter<float> silent = nn::Conv2d<float>({.in = 2, .out = 2, .kernel = 1}, Key{1});
  CHECK((silent.channels() == 0 && silent.classes() == 0 && silent.smallest_size() == 1));
  CHECK((silent.size_multiple() == 1 && silent.stride() == 1));
  CHECK(silent.spec().type.empty());
  CHECK(silent.count({1, 5, 7, 2}).total() == 5 * 7 * 4);
}

TEST_CASE("names are listed, and one that is not known is told with those that are") {
  for (const auto& names : {registered_models<float>(), registered_models<double>()})
    for (const char* name : {"deeplabv3plus", "efficientvit", "gray_to_colour", "matphase", "normalised", "padded",
                             "resized", "segformer", "unet"})
      CHECK(std::find(names.begin(), names.end(), name) != names.end());
  CHECK_THROWS_AS(make_segmenter("unett", settings, Key{}), ValueError);
  CHECK_THROWS_WITH(make_segmenter("unett", settings, Key{}),
                    Contains("unknown model 'unett', did you mean 'unet'?") && Contains("padded") &&
                        Contains("whose headers it includes") && Contains("paser/models/registered/"));
}

TEST_CASE("a name has one maker") {
  CHECK(register_model("registry test", {another}));
  CHECK(register_model("registry test", {another}));
  CHECK(make_segmenter("registry test", "{}", Key{1}).classes() == 2);
  CHECK(model_parameters({"registry test", "{}"}) == 0);
  CHECK_THROWS_WITH(register_model("unet", {another}), Contains("another maker of the name 'unet'"));
  CHECK_THROWS_AS(register_model("", {another}), ValueError);
  CHECK_THROWS_AS(register_model("a\"b", {another}), ValueError);
  CHECK_THROWS_AS(register_model("none", {}), ValueError);
}

TEST_CASE("settings of a UNet that are unknown, missing or wrong are named") {
  const auto refused = [](const std::string& json, const std::string& sentence) {
    CHECK_THROWS_AS(make_segmenter("unet", json, Key{}), FormatError);
    CHECK_THROWS_WITH(make_segmenter("unet", json, Key{}), Contains("model 'unet'") && Contains(sentence));
    CHECK_THROWS_AS(model_parameters({"unet", json}), FormatError);
  };
  for (const char* name : {"in", "classes", "width", "depth", "dropout", "upsampling"})
    refused(with(name, nullptr), paser::message("option '", name, "' is missing"));
  refused(with("widht", 4), "unknown option 'widht', did you mean 'width'?");
  refused(with("width", 7), "width 7");
  refused(with("width", "wide"), "option 'width' is \"wide\", expected a whole number");
  refused(with("depth", 11), "depth 11");
  refused(with("classes", 1), "1 classes");
  refused(with("in", std::int64_t{1} << 60), "channels");
  refused(with("dropout", 1.5), "dropout is 1.5");
  refused(with("dropout", 1), "dropout is 1, expected 0 .. 1 (excluded)");
  refused(with("norm", "layer"), "its norm is 'layer', expected 'instance' or 'batch'");
  refused(with("upsampling", "nearest"), "upsampling is 'nearest', expected 'bilinear' or 'transposed'");
  refused("[1]", "expected an object");
  refused("{", "not JSON");
}

TEST_CASE("a network of more weights than the machine has memory for is refused before it is made") {
  auto j = nlohmann::json::parse(settings);
  j["width"] = 4096;
  j["depth"] = 10;
  CHECK_THROWS_AS(make_segmenter("unet", j.dump(), Key{}), ValueError);
  CHECK_THROWS_WITH(make_segmenter("unet", j.dump(), Key{}), Contains("unet") && Contains("bytes of memory"));
  const std::string inside =
      R"({"multiple": 1024, "border": "edge", "model": {"type": "unet", "spec": )" + j.dump() + "}}";
  CHECK_THROWS_WITH(make_segmenter("padded", inside, Key{}), Contains("bytes of memory"));
}

TEST_CASE("settings of wrappers that are unknown, missing or wrong are named") {
  const std::string inside = R"("model": {"type": "unet", "spec": )" + settings + "}";
  const auto refused = [&](const std::string& type, const std::string& json, const std::string& sentence) {
    CHECK_THROWS_AS(make_segmenter(type, json, Key{}), Error);
    CHECK_THROWS_WITH(make_segmenter(type, json, Key{}), Contains(sentence));
  };
  refused("padded", "{" + inside + "}", "model 'padded': option 'multiple' is missing");
  refused("padded", R"({"multiple": 4})", "model 'padded': option 'model' is missing");
  refused("padded", R"({"multiple": 4, "border": "black", )" + inside + "}", "border is 'black'");
  refused("padded", R"({"multiple": 4, "model": {"type": "unet"}})", "'spec' not found");
  refused("padded", R"({"multiple": 4, "model": {"type": "none", "spec": {}}})", "unknown model 'none'");
  refused("resized", R"({"size": [8, 8], "factor": 2, )" + inside + "}", "either 'size'");
  refused("resized", R"({"size": [8], )" + inside + "}", "either 'size'");
  refused("resized", "{" + inside + "}", "either 'size'");
  refused("resized", R"({"factor": 1, "answer": "nearest", )" + inside + "}",
          "its answer is 'nearest', expected 'bilinear', 'bicubic' or 'corners'");
  refused("normalised", R"({"mean": [0], "deviation": [1], "std": 1, )" + inside + "}", "unknown option 'std'");
  refused("gray_to_colour", "{" + inside + "}", "1 channels, expected 3");
}
