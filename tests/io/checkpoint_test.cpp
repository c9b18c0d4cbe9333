#include "paser/io/checkpoint.hpp"

#include <catch2/catch.hpp>

#include "paser/io/torch_names.hpp"
#include "paser/nn/norm.hpp"
#include "paser/optim/sgd.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace {

/// A module with a list, a parameter and a buffer; T so that conversions can be tested.
template <class T>
struct Layer {
  Parameter<T, 4> weight;
  Parameter<T, 1> bias;
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }
};
template <class T>
struct Net {
  std::vector<Layer<T>> down;
  Buffer<T, 1> running;
  explicit Net(Key key, Index width = 3) {
    for (std::uint64_t i = 0; i < 2; ++i)
      down.push_back({{normal<T>(key.fold(i), Shape{3, 3, 2, width})}, {normal<T>(key.fold(10 + i), Shape{width})}});
    running.value = normal<T>(key.fold(99), Shape{width});
  }
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("down", self.down);
    f("running", self.running);
  }
};

template <class T>
bool same(const Net<T>& a, const Net<T>& b) {
  const auto x = io::state_dict(a), y = io::state_dict(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& p, const auto& q) {
    return p.first == q.first && std::ranges::equal(p.second.bytes.values(), q.second.bytes.values());
  });
}

}  // namespace

TEST_CASE("checkpoint: several models, tensors and a document come back from one file") {
  const TemporaryFolder folder;
  const Net<float> f1(Key{1}), policy(Key{2});
  io::Checkpoint c;
  c.put("f1", f1);
  c.put("policy", policy);
  c.tensors["step"] = io::RawTensor::of(Tensor<std::int64_t, 1>::full({1}, 77));
  c.info = {{"epoch", 3}, {"config", {{"lr", 0.1}}}};
  CHECK_THROWS_WITH(c.put("f1", f1), Contains("already something named 'f1'"));
  CHECK_THROWS_AS(c.put("a/b", f1), ValueError);
  c.save(folder / "run.safetensors");

  const auto back = io::Checkpoint::load(folder / "run.safetensors");
  Net<float> g(Key{5}), h(Key{6});
  back.get("f1", g);
  back.get("policy", h);
  CHECK(same(g, f1));
  CHECK(same(h, policy));
  CHECK(back.info == c.info);
  CHECK(back.tensors.at("step").as<std::int64_t, 1>()(0) == 77);
  CHECK(back.has("f1"));
  CHECK_FALSE(back.has("f"));
  CHECK_THROWS_WITH(back.get("f2", g), Contains("run.safetensors") && Contains("'f2'"));
  CHECK(back.tensors.contains("f1/down2.weight"));

  // Equal content gives equal bytes.
  c.save(folder / "again.safetensors");
  CHECK(io::read_file(folder / "again.safetensors") == io::read_file(folder / "run.safetensors"));

  io::save_model(folder / "one.safetensors", f1, {{"note", "x"}});
  CHECK(io::load_model(folder / "one.safetensors", h) == nlohmann::json{{"note", "x"}});
  CHECK(same(h, f1));
}

TEST_CASE("checkpoint: a damaged file is noticed wherever the damage is") {
  const TemporaryFolder folder;
  io::save_model(folder / "m", Net<float>(Key{1}), {{"epoch", 1}});
  const std::string good = io::read_file(folder / "m");
  Net<float> net(Key{9});
  const Net<float> untouched(Key{9});
  for (std::size_t i = 0; i < good.size(); i += 13) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    std::ofstream(folder / "bad", std::ios::binary) << bad;
    INFO(i);
    CHECK_THROWS_AS(io::load_model(folder / "bad", net), FormatError);
  }
  for (const std::size_t length : {0u, 5u, 100u, 2000u}) {
    std::ofstream(folder / "bad", std::ios::binary) << good.substr(0, std::min<std::size_t>(length, good.size() - 1));
    CHECK_THROWS_AS(io::load_model(folder / "bad", net), FormatError);
  }
  CHECK(same(net, untouched));
  io::Safetensors other;
  io::write_safetensors(folder / "other", other);
  CHECK_THROWS_WITH(io::Checkpoint::load(folder / "other"), Contains("not a checkpoint"));
}

TEST_CASE("load_state_dict: lists everything that does not fit, and then changes nothing") {
  Net<float> net(Key{1});
  const Net<float> before(Key{1});
  io::StateDict state = io::state_dict(Net<float>(Key{2}));
  state.erase("down1.bias");
  state["down3.bias"] = state.at("down2.bias");
  state["down2.weight"] = io::permute(state["down2.weight"], {3, 2, 0, 1});
  state["running"] = io::RawTensor::of(Tensor<std::int32_t, 1>::zeros({3}));
  CHECK_THROWS_WITH(io::load_state_dict(net, state, "net.safetensors"),
                    Contains("net.safetensors") && Contains("missing: down1.bias (3)") &&
                        Contains("unexpected: down3.bias (3)") &&
                        Contains("down2.weight is (3,2,3,3), expected (3,3,2,3)") &&
                        Contains("running is I32, expected a floating type"));
  CHECK(same(net, before));
  Net<double> precise(Key{3});
  io::load_state_dict(precise, io::state_dict(net));
  CHECK(precise.down[1].weight.value(2, 1, 0, 2) == static_cast<double>(net.down[1].weight.value(2, 1, 0, 2)));
}

TEST_CASE("torch layouts: each element lands where the convention says, and back again") {
  const auto w = normal<float>(Key{1}, Shape{5, 2, 3, 4});  // K, C, R, S
  const auto ours = io::weight_from_torch(w, io::WeightKind::conv);
  REQUIRE(ours.shape() == Shape{3, 4, 2, 5});
  for (Index k = 0; k < 5; ++k)
    for (Index c = 0; c < 2; ++c)
      for (Index r = 0; r < 3; ++r)
        for (Index s = 0; s < 4; ++s) CHECK(ours(r, s, c, k) == w(k, c, r, s));
  CHECK(max_abs_difference(io::weight_to_torch(ours, io::WeightKind::conv), w) == 0);
  const auto transposed = io::weight_from_torch(w, io::WeightKind::transposed_conv);
  REQUIRE(transposed.shape() == Shape{3, 4, 5, 2});
  CHECK(transposed(2, 1, 4, 1) == w(4, 1, 2, 1));
  CHECK(max_abs_difference(io::weight_to_torch(transposed, io::WeightKind::transposed_conv), w) == 0);
  const auto m = normal<double>(Key{2}, Shape{3, 7});
  const auto linear = io::weight_from_torch(m, io::WeightKind::linear);
  CHECK(linear.shape() == Shape{7, 3});
  CHECK(linear(6, 1) == m(1, 6));
  const auto x = normal<float>(Key{3}, Shape{2, 3, 4, 5});
  CHECK(io::nhwc_from_nchw(x)(1, 2, 4, 0) == x(1, 0, 2, 4));
  CHECK(max_abs_difference(io::nchw_from_nhwc(io::nhwc_from_nchw(x)), x) == 0);
  CHECK_THROWS_AS(io::permute(x, {0, 1, 2}), ShapeError);
  CHECK_THROWS_AS(io::permute(x, {0, 1, 2, 2}), ShapeError);
  CHECK_THROWS_AS(io::weight_from_torch(m, io::WeightKind::conv), ShapeError);
}

TEST_CASE("torch names: both directions, for every depth") {
  const auto two = io::unet_names(2), four = io::unet_names(4);
  CHECK(two.ours("softconv.weight") == "stem.weight");
  CHECK(two.ours("inc.double_conv.0.weight") == "entry.conv1.weight");
  CHECK(two.ours("down2.maxpool_conv.1.double_conv.3.bias") == "down2.conv2.bias");
  CHECK(two.ours("up3.conv.double_conv.0.weight") == "up1.conv1.weight");
  CHECK(two.ours("up4.up.bias") == "enlarge2.bias");
  CHECK(two.ours("up1.conv.double_conv.0.weight").empty());
  CHECK(two.ours("outc.conv.weight") == "head.weight");
  CHECK(four.ours("up1.conv.double_conv.0.weight") == "up1.conv1.weight");
  const auto policy = io::policy_names();
  CHECK(policy.ours("layer1.0.downsample.1.running_var") == "block.shortcut_norm.running_var");
  CHECK(policy.ours("bn1.bias") == "norm1.bias");
  CHECK(policy.ours("fc.weight") == "head.weight");
  for (const auto& table : {two, io::unet_names(3), four, policy})
    for (const auto& pair : table.pairs) {
      CHECK(table.torch(pair.ours + ".weight") == pair.torch + ".weight");
      CHECK(table.ours(pair.torch + ".weight") == pair.ours + ".weight");
    }
  CHECK_THROWS_AS(io::unet_names(5), ValueError);

  io::StateDict torch;
  torch["bn1.num_batches_tracked"] = io::RawTensor::of(Tensor<std::int64_t, 1>::zeros({1}));
  torch["fc.weight"] = io::RawTensor::of(normal<float>(Key{1}, Shape{48, 16}));
  const auto ours = io::state_from_torch(torch, policy);
  CHECK(ours.size() == 1);
  CHECK(ours.at("head.weight").shape == std::vector<Index>{16, 48});
  CHECK(std::ranges::equal(io::state_to_torch(ours, policy).at("fc.weight").bytes.values(),
                           torch.at("fc.weight").bytes.values()));
  io::StateDict up{{"up3.up.weight", io::RawTensor::of(normal<float>(Key{1}, Shape{8, 4, 2, 2}))}};
  CHECK(io::state_from_torch(up, two).at("enlarge1.weight").shape == std::vector<Index>{2, 2, 8, 4});
  torch["layer2.0.conv1.weight"] = torch["fc.weight"];
  CHECK_THROWS_WITH(io::state_from_torch(torch, policy), Contains("not of a policy network: layer2.0.conv1.weight"));
}

TEST_CASE("checkpoint: a document with names of other encodings is saved, one that load would refuse is not") {
  const TemporaryFolder folder;
  io::Checkpoint c;
  c.tensors["a/x"] = io::RawTensor::of(Tensor<float, 1>::full({2}, 1));
  c.info = {{"data",
             "Stra\xDF"
             "e"},
            {"classes", {"\xFF", "road"}}};
  c.save(folder / "c.safetensors");
  const auto back = io::Checkpoint::load(folder / "c.safetensors");
  CHECK(back.info == nlohmann::json{{"data", "Stra\\xDFe"}, {"classes", {"\\xFF", "road"}}});
  for (int i = 0; i < 300; ++i) c.info = nlohmann::json::array({c.info});
  CHECK_THROWS_WITH(c.save(folder / "c.safetensors"), Contains("c.safetensors") && Contains("nested deeper"));
  CHECK(io::Checkpoint::load(folder / "c.safetensors").info == back.info);
}

TEST_CASE("checkpoint: what has nothing to store is refused when it is put, or left out where that is said") {
  const TemporaryFolder folder;
  nn::InstanceNorm<float> bare;
  CHECK_THROWS_AS(io::save_model(folder / "bare", bare), ValueError);
  CHECK_THROWS_WITH(io::save_model(folder / "bare", bare), Contains("'model' has no parameters or buffers"));
  CHECK_FALSE(std::filesystem::exists(folder / "bare"));

  const Net<float> net(Key{1});
  optim::Sgd<float> sgd({.learning_rate = 0.1});
  io::Checkpoint c;
  CHECK_THROWS_WITH(c.put("sgd", sgd), Contains("'sgd' has no") && Contains("once it is bound to its model"));
  sgd.bind(net);
  c.put("sgd", sgd);
  c.put_if_any("bare", bare);
  CHECK_FALSE(c.has("bare"));
  c.get_if_any("bare", bare);
  CHECK_NOTHROW(c.get_if_any("sgd", sgd));
  CHECK_THROWS_WITH(c.get_if_any("sgd", bare), Contains("unexpected: "));
  CHECK_THROWS_WITH(c.get_if_any("adam", sgd), Contains("nothing is stored under 'adam'"));
}
