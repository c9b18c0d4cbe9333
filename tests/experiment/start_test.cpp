#include "paser/experiment/start.hpp"

#include <catch2/catch.hpp>

#include "paser/models/registered/segformer.hpp"
#include "paser/models/registered/wrappers.hpp"
#include "support/temporary_folder.hpp"

namespace start_test {

using namespace paser;
using namespace paser::experiment;
using Catch::Matchers::Contains;
using Network = models::AnySegmenter<float>;

/// A SegFormer of a few weights.
std::string segformer(const std::string& settings, Index in = 1, Index classes = 2) {
  return message(R"({"type":"segformer","spec":{"depths":[1,1],"widths":[4,8],"decoder_width":4,)",
                 R"("reductions":[1,1],"mlp_ratios":[1,1],"in":)", in, R"(,"classes":)", classes, ",", settings, "}}");
}
const char* const plain = R"("heads":[1,1])";

std::string wrapped(const std::string& type, const std::string& settings, const std::string& inside) {
  return message(R"({"type":")", type, R"(","spec":{)", settings, R"("model":)", inside, "}}");
}
std::string whole(const std::string& inside) {
  return wrapped("resized", R"("factor":1,)", inside);
}

models::ModelSpec spec_of(const std::string& text) {
  return nlohmann::json::parse(text).get<models::ModelSpec>();
}
Network made(const std::string& spec, std::uint64_t seed) {
  return models::make_segmenter<float>(spec_of(spec), Key{seed});
}

bool same(const io::RawTensor& a, const io::RawTensor& b) {
  return a.shape == b.shape && std::ranges::equal(a.bytes.values(), b.bytes.values());
}
bool same(const Network& a, const Network& b) {
  return std::ranges::equal(io::state_dict(a), io::state_dict(b),
                            [](const auto& x, const auto& y) { return same(x.second, y.second); });
}

TakenWeights take(Network& to, const std::string& from, Alike alike) {
  return take_weights(to, made(from, 1), alike, "a.safetensors", "its network f2", "f2 of this run");
}

void refuses(const std::string& from, const std::string& to, const std::string& sentence, Alike alike = Alike::wholly) {
  INFO(sentence);
  Network network = made(to, 2);
  CHECK_THROWS_WITH(take(network, from, alike), Contains("a.safetensors: its network f2 is ") && Contains(sentence));
  CHECK(same(network, made(to, 2)));
}

TEST_CASE("another answer is told by its name, and what helps") {
  const std::string one = segformer(plain), bicubic = wrapped("resized", R"("factor":1,"answer":"bicubic",)", one);
  refuses(whole(one), bicubic, R"(answer = "bilinear", f2 of this run has "bicubic")");
  refuses(bicubic, whole(one), R"(has "bilinear")");
  refuses(bicubic, whole(one), "or answers=bilinear");
}

TEST_CASE("weights are taken from a network that is the same in all its settings, and from no other") {
  const std::string one = segformer(plain);
  Network network = made(wrapped("resized", R"("factor":1.0,)", one), 2);
  const auto taken = take(network, whole(one), Alike::wholly);
  CHECK(same(network, made(whole(one), 1)));
  CHECK((taken.rates.empty() && taken.head.empty()));

  for (const Alike alike : {Alike::wholly, Alike::in_trunk}) {
    refuses(one, segformer(R"("heads":[1,2])"),
            "a segformer with heads = [1,1], f2 of this run has [1,2]; expected the same", alike);
    refuses(one, segformer(R"("heads":[1,1],"convention":"nvlabs")"),
            R"(with convention = "hugging_face", f2 of this run has "nvlabs")", alike);
    refuses(whole(one), wrapped("resized", R"("factor":2,)", one), "a resized with factor = 1, f2 of this run has 2",
            alike);
    refuses(whole(one), whole(wrapped("normalised", R"("mean":[0.5],"deviation":[0.2],)", one)),
            "resized(segformer), f2 of this run is resized(normalised(segformer))", alike);
    refuses(segformer(plain, 3), one, "in = 3, f2 of this run has 1; expected the same", alike);
  }
  refuses(one, segformer(R"("heads":[1,1],"dropout":0.5)"), "with dropout = 0.1, f2 of this run has 0.5");
  refuses(one, segformer(plain, 1, 3), "with classes = 2, f2 of this run has 3");
  refuses(segformer(plain, 3), one, "'gray_to_colour'");
}

TEST_CASE("padding, which makes sides fit, may be around one of the two networks") {
  const std::string one = segformer(plain), padded = wrapped("padded", R"("multiple":4,)", one);
  for (const auto& [from, to] : {std::pair{one, padded}, {padded, one}}) {
    Network network = made(to, 2);
    take(network, from, Alike::wholly);
    CHECK(same(network, made(to, 1)));
  }
  refuses(padded, wrapped("padded", R"("multiple":8,)", one), "with multiple = 4, f2 of this run has 8");
}

TEST_CASE("alike in the trunk: rates of dropout stay, and the last layer where it knows other classes") {
  const std::string from = whole(segformer(R"("heads":[1,1],"drop_path":0.2)", 3, 5)),
                    to = whole(wrapped("gray_to_colour", "", segformer(R"("heads":[1,1],"drop_path":0)", 3, 2)));
  Network network = made(to, 2);
  const auto taken = take(network, from, Alike::in_trunk);
  CHECK(taken.rates == "drop_path = 0 (there 0.2)");
  CHECK(taken.head == "decode_head.classifier.bias, decode_head.classifier.weight");
  CHECK(network.spec() == made(to, 2).spec());
  const auto there = io::state_dict(made(from, 1)), random = io::state_dict(made(to, 2));
  for (const auto& [path, tensor] : io::state_dict(network)) {
    INFO(path);
    const std::string inner = path.substr(12);  // model.model.
    CHECK(same(tensor, inner.starts_with("decode_head.classifier.") ? random.at(path) : there.at("model." + inner)));
  }
}

/// A PaSeR of these networks, for images of one channel with two classes unless others are named.
pipeline::PaserDescription description(const std::vector<std::string>& networks,
                                       const std::vector<std::string>& classes = {"a", "b"}) {
  pipeline::PaserDescription d;
  d.channels = 1;
  d.class_names = classes;
  for (const auto& network : networks) d.networks.push_back(spec_of(network));
  d.grid = {1, 1};
  d.height = d.width = 32;
  d.policy = pipeline::Constant{0}.spec();
  d.estimator = uncertainty::SoftmaxEntropy{}.spec();
  return d;
}

TEST_CASE("a run's networks start from one PaSeR, or each from a model of one network or from random weights") {
  const TemporaryFolder folder;
  const auto saved = [&](const std::string& name, const pipeline::PaserDescription& d) {
    const auto file = (folder / name).string();
    pipeline::save_paser(file, pipeline::make_paser<float>(d, Key{1}), d);
    return file;
  };
  const std::string one = whole(segformer(plain)), other = whole(segformer(R"("heads":[1,2])"));
  const auto run = description({one, other});
  const auto both = saved("both.safetensors", run), single = saved("one.safetensors", description({one})),
             classes = saved("classes.safetensors",
                             description({whole(segformer(R"("heads":[1,2])", 1, 3))}, {"a", "b", "c"}));
  const auto random = pipeline::make_paser<float>(run, Key{2});
  const auto started = [&](const StartFiles& files) {
    auto paser = random;
    start_from(files, paser, run);
    return paser;
  };
  const auto all = started({{both}, false});
  CHECK(same(all.models[0], pipeline::make_paser<float>(run, Key{1}).models[0]));
  CHECK(same(all.models[1], pipeline::make_paser<float>(run, Key{1}).models[1]));
  const auto first = started({{single, ""}, true});
  CHECK(same(first.models[0], pipeline::load_paser<float>(single).paser.models[0]));
  CHECK(same(first.models[1], random.models[1]));
  const auto second = started({{"", classes}, true});
  CHECK(same(second.models[0], random.models[0]));
  CHECK_FALSE(same(second.models[1], random.models[1]));
  CHECK(same(started({{"", ""}, true}).models[1], random.models[1]));

  CHECK_THROWS_WITH(started({{single}, false}), Contains("one.safetensors: has 1 network, expected those of this run"));
  CHECK_THROWS_WITH(started({{single}, true}), Contains("initial has 1 entries, expected 2"));
  CHECK_THROWS_WITH(started({{both, ""}, true}), Contains("both.safetensors: has 2 networks, expected one, for f1"));
  CHECK_THROWS_WITH(started({{"", single}, true}), Contains("one.safetensors: its network is a segformer with heads"));
  const auto reordered = saved("reordered.safetensors", description({one}, {"b", "a"}));
  CHECK_THROWS_WITH(started({{reordered, ""}, true}),
                    Contains("its network knows the classes 'b', 'a'; expected them"));
  const auto weights = (folder / "weights.safetensors").string();
  io::Safetensors content;
  content.tensors = io::state_dict(random.models[0]);
  io::write_safetensors(weights, content);
  CHECK_THROWS_WITH(started({{weights, ""}, true}), Contains("weights.safetensors") && Contains("'paser convert'"));
}

TEST_CASE("the files to start from are a text or a list in JSON, and are named one by one") {
  for (const char* text : {R"("")", R"("a")", R"([])", R"(["","b"])"}) {
    const auto json = nlohmann::json::parse(text);
    CHECK(nlohmann::json(json.get<StartFiles>()) == json);
  }
  for (const char* text : {"1", "[1]", "{}", "null"})
    CHECK_THROWS_AS(nlohmann::json::parse(text).get<StartFiles>(), nlohmann::json::exception);
  CHECK(StartFiles{}.empty());
  CHECK(StartFiles::of(R"(["",""])").empty());
  CHECK(StartFiles::of("[a") == StartFiles{{"[a"}, false});
  CHECK_THROWS_AS(StartFiles::of("[1]"), ValueError);
  CHECK(StartFiles::of("a").named() == DataFiles{{"the PaSeR to start from", "a"}});
  CHECK(StartFiles::of(R"(["","b"])").named() == DataFiles{{"the start of f2", "b"}});
}

}  // namespace start_test
