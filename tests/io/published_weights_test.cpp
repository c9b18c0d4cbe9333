#include "paser/io/published_weights.hpp"

#include <catch2/catch.hpp>

#include "paser/io/weights_file.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/linear.hpp"
#include "paser/nn/norm.hpp"
#include "support/temporary_folder.hpp"

namespace published_weights_test {

using namespace paser;
using namespace std::string_literals;

using Catch::Contains;

/// A network with one member of every layout.
struct Net {
  nn::Conv2d<float> conv{{.in = 2, .out = 4, .kernel = 3}, Key{1}};
  nn::BatchNorm<float> norm{4};
  nn::Linear<float> key{4, 3, Key{2}}, value{4, 3, Key{3}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("stem.conv", self.conv);
    f("stem.norm", self.norm);
    f("attention.key", self.key);
    f("attention.value", self.value);
  }
};

/// How another code calls the same: two projections are one matrix there, and a head is there that nobody uses.
io::PublishedNames others() {
  io::PublishedNames names;
  names.rename("stem.norm", "stem.norm");
  names.rename("patch_embed", "stem");
  names.rename("patch_embed.proj", "stem.conv");
  names.rows("attn.kv", {"attention.key", "attention.value"});
  names.ignore("head");
  return names;
}

io::StateDict state_by(const io::PublishedNames& names) {
  Net net;
  net.norm.running_mean.value = uniform<float>(Key{4}, Shape{4});
  return io::published_state(net, names);
}

std::string refused(const io::StateDict& state, const io::PublishedNames& names = {}) {
  Net net;
  const auto before = io::state_dict(net);
  try {
    io::load_published(net, state, names, "net.pt");
  } catch (const FormatError& error) {
    for (const auto& [name, tensor] : io::state_dict(net))
      CHECK(std::ranges::equal(tensor.bytes.values(), before.at(name).bytes.values()));
    return error.what();
  }
  return "";
}

io::RawTensor ones(std::vector<Index> shape) {
  Index count = 1;
  for (const Index extent : shape) count *= extent;
  auto raw = io::RawTensor::of(Tensor<float, 1>::full({count}, 1));
  raw.shape = std::move(shape);
  return raw;
}

TEST_CASE("a network is published under its own names, in torch's layouts, with counters of batches") {
  const io::StateDict state = state_by({});
  CHECK(state.size() == 11);
  CHECK(state.at("stem.conv.weight").shape == std::vector<Index>{4, 2, 3, 3});
  CHECK(state.at("attention.key.weight").shape == std::vector<Index>{3, 4});
  const auto& counter = state.at("stem.norm.num_batches_tracked");
  CHECK((counter.dtype == io::DType::I64 && counter.shape.empty() && counter.as<std::int64_t, 1>()(0) == 0));
  Net net;
  io::load_published(net, state);
  CHECK(max_abs_difference(net.norm.running_mean.value, uniform<float>(Key{4}, Shape{4})) == 0);
  CHECK(max_abs_difference(net.key.weight.value, Net().key.weight.value) == 0);
}

TEST_CASE("a table renames modules, the longest name first, and cuts rows") {
  const auto names = others();
  io::StateDict state = state_by(names);
  const Net net;
  CHECK(state.contains("patch_embed.proj.weight"));
  CHECK(state.contains("stem.norm.num_batches_tracked"));
  CHECK(state.at("attn.kv.bias").shape == std::vector<Index>{6});
  const auto kv = state.at("attn.kv.weight").as<float, 2>();
  CHECK(kv.shape() == Shape<2>{6, 4});
  CHECK((kv(2, 1) == net.key.weight.value(1, 2) && kv(3, 1) == net.value.weight.value(1, 0)));
  state["head.weight"] = ones({5, 4});
  Net loaded;
  loaded.value.weight.value = Tensor<float, 2>::zeros({4, 3});
  io::load_published(loaded, state, names);
  CHECK(max_abs_difference(loaded.value.weight.value, net.value.weight.value) == 0);
  CHECK(max_abs_difference(loaded.key.bias.value, net.key.bias.value) == 0);
  for (const auto& [name, tensor] : state_by(names)) {
    if (name.ends_with("num_batches_tracked")) continue;
    for (std::size_t part = 0; part < names.ours(name).size(); ++part)
      CHECK(names.published(names.ours(name)[part]).part == part);
  }
}

TEST_CASE("tensors that are missing, unexpected or of another shape are listed, and nothing is loaded") {
  io::StateDict state = state_by({});
  state.erase("stem.conv.bias");
  state["stem.conv.gain"] = ones({4});
  state["attention.key.weight"] = ones({4, 3});
  state["other.num_batches_tracked"] = ones({});
  state.erase("stem.norm.num_batches_tracked");  // may be there or not
  const std::string problem = refused(state);
  CHECK_THAT(problem, Contains("net.pt: ") && Contains("\n  missing: stem.conv.bias (4)") &&
                          Contains("\n  shape: attention.key.weight is (4,3), expected (3,4)") &&
                          Contains("\n  unexpected: stem.conv.gain (4)") &&
                          Contains("\n  unexpected: other.num_batches_tracked ()"));
  CHECK_THAT(problem, !Contains("missing: stem.norm.num_batches_tracked"));
  io::StateDict cut = state_by(others());
  cut["attn.kv.weight"] = ones({5, 4});
  CHECK_THAT(refused(cut, others()), Contains("shape: attn.kv.weight is (5,4), expected (6,4)"));
  io::StateDict integers = state_by({});
  integers["stem.conv.bias"] = io::RawTensor::of(Tensor<std::int64_t, 1>::zeros({4}));
  CHECK_THAT(refused(integers), Contains("expected a floating type"));
}

TEST_CASE("half and bfloat weights are widened") {
  io::StateDict state = state_by({});
  io::RawTensor half = io::RawTensor::of(Tensor<std::uint16_t, 1>::full({4}, 0x3E00));
  half.dtype = io::DType::F16;
  state["stem.conv.bias"] = half;
  half.dtype = io::DType::BF16;
  state["stem.norm.bias"] = half;
  Net net;
  io::load_published(net, state);
  CHECK(net.conv.bias.value(3) == 1.5f);
  CHECK(net.norm.bias.value(3) == 0.125f);
}

TEST_CASE("a name has one rule, and a part of a tensor alone is not published") {
  auto names = others();
  CHECK_THROWS_AS(names.rename("attn.kv", "other"), ValueError);
  CHECK_THROWS_AS(names.rename("attn.k", "attention.key"), ValueError);
  CHECK_THROWS_AS(names.rows("empty", {}), ValueError);
  CHECK_THROWS_WITH(io::to_published({{"attention.key.bias", ones({3})}}, {}, names),
                    Contains("'attn.kv.bias' is missing"));
}

TEST_CASE("a checkpoint is read from one safetensors file, from several with an index, and from torch.save's") {
  const TemporaryFolder folder;
  io::Safetensors whole, first, second;
  whole.tensors = state_by({});
  nlohmann::json index = {{"weight_map", nlohmann::json::object()}};
  for (const auto& [name, tensor] : whole.tensors) {
    const bool head = name.starts_with("attention");
    (head ? first : second).tensors.emplace(name, tensor);
    index["weight_map"][name] = head ? "model-1.safetensors" : "model-2.safetensors";
  }
  io::write_safetensors(folder / "model.safetensors", whole);
  io::write_safetensors(folder / "model-1.safetensors", first);
  io::write_safetensors(folder / "model-2.safetensors", second);
  const auto write_index = [&](const nlohmann::json& document) {
    std::ofstream(folder / "model.safetensors.index.json") << document;
  };
  const auto read_index = [&] { return io::read_weights(folder / "model.safetensors.index.json"); };
  write_index(index);
  for (const auto& state : {io::read_weights(folder / "model.safetensors"), read_index()}) {
    Net net;
    CHECK_NOTHROW(io::load_published(net, state));
  }
  CHECK(io::read_weights(io::Path(PASER_TEST_DATA) / "io" / "torch" / "state.pt").contains("whole"));

  auto wrong = index;
  wrong["weight_map"]["attention.query.bias"] = "model-1.safetensors";
  write_index(wrong);
  CHECK_THROWS_WITH(read_index(), Contains("no tensor 'attention.query.bias'"));
  wrong = index;
  wrong["weight_map"].erase("attention.key.bias");
  write_index(wrong);
  CHECK_THROWS_WITH(read_index(), Contains("'attention.key.bias' is not in the index"));
  wrong["weight_map"]["attention.key.bias"] = "../model-1.safetensors";
  write_index(wrong);
  CHECK_THROWS_WITH(read_index(), Contains("expected a name without folders"));
  wrong = index;
  wrong["weight_map"]["attention.key.bias"] = "model-1.safetensors\0x"s;
  write_index(wrong);
  CHECK_THROWS_WITH(read_index(), Contains("'attention.key.bias' has a NUL"));
  CHECK_THROWS_AS(read_index(), FormatError);
  write_index({{"weight_map", nlohmann::json::object()}});
  CHECK_THROWS_WITH(read_index(), Contains("'weight_map' is empty"));
  CHECK_THROWS_AS(read_index(), FormatError);
  write_index({{"weights", 1}});
  CHECK_THROWS_WITH(read_index(), Contains("'weight_map'"));
  std::ofstream(folder / "old.pth") << "\x80\2}.";
  CHECK_THROWS_WITH(io::read_weights(folder / "old.pth"), Contains("before version 1.6"));
}

TEST_CASE("an index may be of files of torch.save, and each is told by what it begins with") {
  const TemporaryFolder folder;
  const io::Path torch = io::Path(PASER_TEST_DATA) / "io" / "torch" / "state.pt";
  const io::StateDict expected = io::read_weights(torch);
  nlohmann::json index = {{"weight_map", {{"more", "model-2.safetensors"}}}};
  for (const auto& [name, tensor] : expected) index["weight_map"][name] = "pytorch_model-1.bin";
  io::Safetensors other;
  other.tensors["more"] = ones({3});
  std::filesystem::copy_file(torch, folder / "pytorch_model-1.bin");
  const auto read_index = [&] {
    std::ofstream(folder / "pytorch_model.bin.index.json") << index;
    return io::read_weights(folder / "pytorch_model.bin.index.json");
  };
  io::write_safetensors(folder / "model-2.safetensors", other);
  const io::StateDict state = read_index();
  CHECK(state.size() == expected.size() + 1);
  CHECK(std::ranges::equal(state.at("whole").bytes.values(), expected.at("whole").bytes.values()));
  index["weight_map"].erase("whole");
  CHECK_THROWS_WITH(read_index(), Contains("pytorch_model-1.bin") && Contains("'whole' is not in the index"));
  index["weight_map"]["absent"] = "pytorch_model-1.bin";
  CHECK_THROWS_WITH(read_index(), Contains("pytorch_model-1.bin") && Contains("no tensor 'absent'"));
}

TEST_CASE("a negative variance is refused by its name, and nothing is changed") {
  io::StateDict state = state_by({});
  state["stem.norm.running_var"].bytes = io::RawTensor::of(Tensor<float, 1>::full({4}, 0)).bytes;
  CHECK(refused(state).empty());
  Tensor<float, 1> variances = Tensor<float, 1>::full({4}, 1);
  variances.mutable_data()[2] = -1;
  state["stem.norm.running_var"] = io::RawTensor::of(variances);
  CHECK_THAT(refused(state), Contains("net.pt: stem.norm.running_var has -1 at position 2 of 4"));
  state["stem.norm.running_var"] = io::RawTensor::of(Tensor<float, 1>::full({4}, 1));
  state["stem.norm.running_mean"] = io::RawTensor::of(Tensor<float, 1>::full({4}, -1));
  CHECK(refused(state).empty());
}

}  // namespace published_weights_test
