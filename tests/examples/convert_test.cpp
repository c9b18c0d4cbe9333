#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "examples/paser_runs.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/registered/efficientvit.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/registered/wrappers.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/models/zoo/segformer_names.hpp"

namespace convert_test {

using namespace paser;
using namespace paser_runs;
using Catch::Matchers::Contains;

models::SegFormerSpec tiny_segformer_spec() {
  return models::SegFormerMaker<float>::read(std::string(tiny_segformer).substr(10));
}

bool same(const io::StateDict& a, const io::StateDict& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.shape == y.second.shape && x.second.dtype == y.second.dtype &&
           std::ranges::equal(x.second.bytes.values(), y.second.bytes.values());
  });
}

TEST_CASE("paser convert: a SegFormer's weights become a model and come back, under each code's names") {
  const TemporaryFolder folder;
  const auto spec = tiny_segformer_spec();
  const models::SegFormer<float> network(spec, Key{5});
  for (const auto& [names, table] : {std::pair<std::string, io::PublishedNames>{"hugging_face", {}},
                                     {"nvlabs", models::segformer_nvlabs_names(spec)},
                                     {"smp", models::segformer_smp_names(spec)}}) {
    INFO(names);
    const std::string published = (folder / (names + ".safetensors")).string(),
                      model = (folder / (names + "_model.safetensors")).string(),
                      back = (folder / (names + "_back.safetensors")).string();
    io::save_weights(published, network, table);
    const auto there = paser_command(folder, {"convert", published, model, "--network", tiny_segformer, "--names",
                                              names, "--size", "64", "96", "--classes", "a,b,c,d", "--imagenet"});
    INFO(there.err);
    REQUIRE(there.status == 0);
    const auto loaded = pipeline::load_paser(model);
    CHECK(loaded.description.class_names == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK(loaded.description.height == 64);
    REQUIRE(paser_command(folder, {"convert", model, back, "--names", names}).status == 0);
    CHECK(same(io::read_weights(back), io::read_weights(published)));
  }
  // The model answers as the network on images by ImageNet's means, its logits resized to the image.
  const auto image = uniform<float>(Key{6}, Shape<4>{1, 64, 96, 3});
  const auto answer_of = [&](const std::string& names) {
    return infer(pipeline::load_paser(folder / (names + "_model.safetensors")).paser.models[0], image);
  };
  const auto whole = [&](models::SegFormerConvention convention, models::Answer answer = models::Answer::bilinear) {
    auto of_code = spec;
    of_code.convention = convention;
    models::SegFormer<float> same_weights(of_code, Key{7});
    io::load_state_dict(same_weights, io::state_dict(network));
    const models::AnySegmenter<float> all = models::Resized<float>(
        models::Normalised<float>(same_weights, {.485, .456, .406}, {.229, .224, .225}), 1.0, answer);
    return infer(all, image);
  };
  CHECK(max_abs_difference(answer_of("hugging_face"), whole(models::SegFormerConvention::hugging_face)) == 0);
  CHECK(max_abs_difference(answer_of("nvlabs"), whole(models::SegFormerConvention::nvlabs)) == 0);
  CHECK(max_abs_difference(answer_of("smp"), whole(models::SegFormerConvention::nvlabs, models::Answer::corners)) == 0);
}

TEST_CASE("paser convert: an EfficientViT's logits are enlarged bicubically, and its weights come back") {
  const TemporaryFolder folder;
  const std::string settings =
      R"({"in":3,"classes":2,"family":"B","widths":[4,8,8,16,24],"depths":[1,1,1,1,1],"head_features":8,)"
      R"("head_width":8,"head_depth":1,"head_expand":2,"final_expand":2})";
  const auto network = models::make_segmenter<float>({"efficientvit", settings}, Key{5});
  const std::string weights = (folder / "weights.safetensors").string(), model = (folder / "m.safetensors").string(),
                    back = (folder / "back.safetensors").string();
  io::save_weights(weights, network);
  REQUIRE(paser_command(folder, {"convert", weights, model, "--network", "efficientvit:" + settings}).status == 0);
  const auto image = uniform<float>(Key{6}, Shape<4>{1, 64, 96, 3});
  CHECK(max_abs_difference(infer(pipeline::load_paser(model).paser.models[0], image),
                           upsample_bicubic(infer(network, image), {.size = {64, 96}})) == 0);
  REQUIRE(paser_command(folder, {"convert", model, back}).status == 0);
  CHECK(same(io::read_weights(back), io::read_weights(weights)));
}

TEST_CASE("paser convert: a SegFormer's names and its convention say each other, and do not contradict") {
  const TemporaryFolder folder;
  auto spec = tiny_segformer_spec();
  const auto said = [](const std::string& convention) {
    std::string text = tiny_segformer;
    return text.insert(text.find('{') + 1, message("\"convention\":\"", convention, "\","));
  };
  const auto convention_of = [](const fs::path& model) {
    const auto network = pipeline::load_paser(model).paser.models[0].spec();
    return nlohmann::json::parse(network.json)["model"]["spec"]["convention"].get<std::string>();
  };
  const models::SegFormer<float> network(spec, Key{5});
  const std::string weights = (folder / "authors.safetensors").string(), model = (folder / "a.safetensors").string(),
                    back = (folder / "back.safetensors").string();
  io::save_weights(weights, network, models::segformer_nvlabs_names(spec));
  const auto convert = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "convert");
    return paser_command(folder, words);
  };
  const auto refused = convert({weights, model, "--network", said("hugging_face"), "--names", "nvlabs"});
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Contains("--names: nvlabs are those of networks with the convention nvlabs, and this network "
                                   "has the convention hugging_face"));
  CHECK_FALSE(fs::exists(model));
  // Either says the other.
  REQUIRE(convert({weights, model, "--network", said("nvlabs")}).status == 0);
  CHECK(convention_of(model) == "nvlabs");
  REQUIRE(convert({weights, model, "--network", tiny_segformer, "--names", "nvlabs", "--overwrite"}).status == 0);
  CHECK(convention_of(model) == "nvlabs");
  CHECK(pipeline::load_paser(model).description.info["converted"]["network"]["spec"]["convention"] == "nvlabs");
  // As weights, too, it goes to the readers that make the same network of them.
  CHECK_THAT(convert({model, back, "--names", "hugging_face"}).err, Contains("has the convention nvlabs"));
  REQUIRE(convert({model, back}).status == 0);
  CHECK(same(io::read_weights(back), io::read_weights(weights)));
}

TEST_CASE("paser convert: strict, and nothing is replaced") {
  const TemporaryFolder folder;
  const models::SegFormer<float> network(tiny_segformer_spec(), Key{5});
  io::Safetensors content;
  content.tensors = io::published_state(network);
  const std::string good = (folder / "good.safetensors").string(), bad = (folder / "bad.safetensors").string(),
                    out = (folder / "out.safetensors").string();
  io::write_safetensors(good, content);
  content.tensors.erase("decode_head.classifier.bias");
  content.tensors.emplace("extra.weight", io::RawTensor::of(Tensor<float, 1>::zeros({3})));
  io::write_safetensors(bad, content);
  const auto convert = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "convert");
    return paser_command(folder, words);
  };
  const auto refused = convert({bad, out, "--network", tiny_segformer});
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Contains("missing: decode_head.classifier.bias") && Contains("unexpected: extra.weight"));
  CHECK_FALSE(fs::exists(out));
  const auto dry = convert({good, out, "--network", tiny_segformer, "--dry-run", "--json"});
  CHECK(dry.status == 0);
  CHECK(nlohmann::json::parse(dry.out).at("reads").at(0).at("parameters") == nn::count_parameters(network));
  CHECK_FALSE(fs::exists(out));
  CHECK(convert({good, out}).status == 2);                              // which network
  CHECK(convert({good, out, "--network", "segfrmer:{}"}).status == 2);  // no such one
  CHECK(convert({good, out, "--network", tiny_segformer, "--names", "x"}).status == 2);
  CHECK(convert({good, (folder / "out.pth").string(), "--network", tiny_segformer}).status == 2);
  const auto empty = convert({good, out, "--network", tiny_segformer, "--classes", "a,b,,c,d"});
  CHECK(empty.status == 2);
  CHECK_THAT(empty.err, Contains("--classes: has an empty value in 'a,b,,c,d'"));
  CHECK(convert({good, good, "--network", tiny_segformer, "--overwrite"}).status == 2);
  CHECK(convert({good, out, "--network", tiny_segformer}).status == 0);
  CHECK(convert({good, out, "--network", tiny_segformer}).status == 2);
  CHECK(convert({good, out, "--network", tiny_segformer, "--overwrite"}).status == 0);
  // A link to nothing is there, and no file is made where it leads; for a model's network neither.
  const std::string link = (folder / "link.safetensors").string();
  fs::create_symlink("elsewhere.safetensors", link);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{good, link, "--network", tiny_segformer}, {out, link}}) {
    const auto linked = convert(words);
    CHECK(linked.status == 2);
    CHECK_THAT(linked.err, Contains("link.safetensors is there already; --overwrite replaces it"));
    CHECK_FALSE(fs::exists(folder / "elsewhere.safetensors"));
  }
  CHECK(convert({out, link, "--overwrite"}).status == 0);
  CHECK(fs::is_symlink(link));
  CHECK(fs::exists(folder / "elsewhere.safetensors"));
}

TEST_CASE("paser convert: a UNet of a model has the released code's names, and comes back") {
  const TemporaryFolder folder;
  const std::string model = saved_model(folder).string(), weights = (folder / "f2.safetensors").string(),
                    again = (folder / "again.safetensors").string();
  CHECK(paser_command(folder, {"convert", model, weights}).status == 2);  // of three networks
  const auto sized = paser_command(folder, {"convert", model, weights, "--take", "f2", "--size", "1", "1"});
  CHECK(sized.status == 2);
  CHECK_THAT(sized.err, Contains("--network, --classes, --size and --imagenet are for weights"));
  const auto nameless = paser_command(folder, {"convert", model, (folder / ".safetensors").string(), "--take", "f2"});
  CHECK(nameless.status == 2);
  CHECK_THAT(nameless.err, Contains(".safetensors: expected a name before .safetensors"));
  CHECK_FALSE(fs::exists(weights));
  REQUIRE(paser_command(folder, {"convert", model, weights, "--take", "f2"}).status == 0);
  CHECK(io::read_weights(weights).contains("inc.double_conv.0.weight"));
  REQUIRE(
      paser_command(folder, {"convert", weights, again, "--network",
                             R"(unet:{"in":1,"classes":3,"width":4,"depth":1,"dropout":0.5,"upsampling":"bilinear"})",
                             "--size", "16", "24"})
          .status == 0);
  const auto before = pipeline::load_paser(model), after = pipeline::load_paser(again);
  CHECK(same(io::state_dict(before.paser.models[1]), io::state_dict(after.paser.models[0])));
}

TEST_CASE(
    "paser convert: a UNet that the released code cannot have is converted under paser's names, which the error says") {
  const TemporaryFolder folder;
  for (const char* more : {R"("depth":5)", R"("depth":1,"norm":"batch")"}) {
    INFO(more);
    const std::string settings =
                          message(R"({"in":1,"classes":2,"width":2,"dropout":0,"upsampling":"bilinear",)", more, "}"),
                      unet = "unet:" + settings, weights = (folder / "w.safetensors").string(),
                      model = (folder / "m.safetensors").string(), back = (folder / "b.safetensors").string();
    io::save_weights(weights, models::make_segmenter<float>({"unet", settings}, Key{5}), {});
    const auto refused = paser_command(folder, {"convert", weights, model, "--network", unet, "--overwrite"});
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, Contains("expected --names paser"));
    const std::vector<std::string> named{"--overwrite", "--names", "paser"};
    for (const auto& words :
         {std::vector<std::string>{"convert", weights, model, "--network", unet}, {"convert", model, back}}) {
      auto all = words;
      all.insert(all.end(), named.begin(), named.end());
      const auto ended = paser_command(folder, all);
      INFO(ended.err);
      CHECK(ended.status == 0);
    }
    CHECK(same(io::read_weights(back), io::read_weights(weights)));
  }
}

TEST_CASE("paser convert: a dry run names every file that is read") {
  const TemporaryFolder folder;
  const std::string settings = R"({"in":1,"classes":2,"width":2,"depth":1,"dropout":0,"upsampling":"bilinear"})";
  io::save_weights(folder / "w.safetensors", models::make_segmenter<float>({"unet", settings}, Key{5}), {});
  const auto whole = io::read_safetensors(folder / "w.safetensors");
  io::Safetensors parts[2];
  nlohmann::json index;
  int k = 0;
  for (const auto& [name, tensor] : whole.tensors) {
    parts[k].tensors[name] = tensor;
    index["weight_map"][name] = message("part", k, ".safetensors");
    k = 1 - k;
  }
  for (k = 0; k < 2; ++k) io::write_safetensors(folder / message("part", k, ".safetensors"), parts[k]);
  std::ofstream(folder / "w.index.json") << index;
  const auto ended =
      paser_command(folder, {"convert", (folder / "w.index.json").string(), (folder / "m.safetensors").string(),
                             "--network", "unet:" + settings, "--names", "paser", "--dry-run"});
  INFO(ended.err);
  CHECK(ended.status == 0);
  for (const char* file : {"w.index.json", "part0.safetensors", "part1.safetensors"})
    CHECK_THAT(ended.out, Contains(file));
}

}  // namespace convert_test
