#include "paser/io/torch_file.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "paser/io/safetensors.hpp"
#include "paser/io/torch_names.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_images.hpp"

namespace torch_file_test {

using namespace paser;

using Catch::Contains;

const io::Path folder = io::Path(PASER_TEST_DATA) / "io" / "torch";

std::string bytes(std::uint64_t value, int count) {
  return tiny::number(value, count, false);
}

/// A ZIP archive of stored entries.
std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string file, directory;
  for (const auto& [name, content] : entries) {
    const std::string sizes = bytes(io::Crc32().add(content).value(), 4) + bytes(content.size(), 4) +
                              bytes(content.size(), 4) + bytes(name.size(), 2) + bytes(0, 2);
    directory += "PK\1\2" + bytes(0, 6) + bytes(0, 6) + sizes + bytes(0, 10) + bytes(file.size(), 4) + name;
    file += "PK\3\4" + bytes(0, 6) + bytes(0, 4) + sizes + name + content;
  }
  return file + directory + "PK\5\6" + bytes(0, 4) + bytes(entries.size(), 2) + bytes(entries.size(), 2) +
         bytes(directory.size(), 4) + bytes(file.size(), 4) + bytes(0, 2);
}

std::string text(const std::string& t) {
  return "X" + bytes(t.size(), 4) + t;
}

/// The program of a tensor of float32: sizes and strides as tuples' contents.
std::string tensor(const std::string& offset, const std::string& shape, const std::string& strides,
                   const std::string& elements) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
         text("cpu") + elements + "tQ" + offset + "(" + shape + "t(" + strides + "t\x89)tR";
}
const std::string zero("K\0", 2), one = "K\1", two = "K\2";

/// A file of torch.save whose dict holds what this program makes as "x"; its storage has two elements.
std::string file_of(const std::string& value, const std::string& storage = bytes(0x4000000000000000u, 8)) {
  return zip_of({{"a/data.pkl", "\x80\2}" + text("x") + value + "s."}, {"a/data/0", storage}});
}

std::string refused(const std::string& content) {
  return refusal([&] { return io::parse_torch_file(content, "net.pt"); });
}

TEST_CASE("a file as torch.save writes it: strides, offsets, types, and containers beside the state dict") {
  const io::StateDict state = io::read_torch_file(folder / "state.pt");
  CHECK(state.size() == 8);
  const auto whole = state.at("whole").as<float, 2>(), turned = state.at("turned").as<float, 2>();
  CHECK(whole.shape() == Shape<2>{3, 4});
  CHECK(turned.shape() == Shape<2>{4, 3});
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 4; ++j) {
      CHECK(whole(i, j) == 0.5f * static_cast<float>(4 * i + j));
      CHECK(turned(j, i) == whole(i, j));
    }
  const auto part = state.at("part").as<float, 2>();
  CHECK((part(0, 0) == 2.5f && part(0, 1) == 3.5f && part(1, 0) == 4.5f && part(1, 1) == 5.5f));
  for (const char* name : {"half", "brain"}) {
    const auto wide = state.at(name).cast<float, 1>();
    CHECK((wide(0) == 1.5f && wide(1) == -2));
  }
  CHECK(state.at("double").as<double, 1>()(0) == 0.1);
  CHECK(state.at("empty").shape == std::vector<Index>{0, 4});
  CHECK(state.at("norm.num_batches_tracked").shape.empty());
  CHECK(state.at("norm.num_batches_tracked").as<std::int64_t, 1>()(0) == 70000);
}

TEST_CASE("what a pickle asks for beyond tensors and plain containers is refused by its name") {
  CHECK_THROWS_WITH(io::read_torch_file(folder / "refused.pt"), Contains("'collections.Counter', which is refused"));
  CHECK_THAT(refused(file_of("cos\nsystem\n" + text("touch x") + "\x85R")), Contains("'os.system', which is refused"));
  CHECK_THAT(refused(file_of("ctorch._utils\n_rebuild_tensor\n")), Contains("'torch._utils._rebuild_tensor'"));
  // Instructions that make or change objects in ways of their own.
  for (const char* instruction : {"\x81", "\x93", "i", "o", "\x82", "P", "0", "2"})
    CHECK_THAT(refused(file_of(instruction)), Contains("is none that torch.save writes"));
  CHECK_THAT(refused(zip_of({{"a/data.pkl", "\x80\4}."}})), Contains("protocol 2"));
  CHECK_THAT(refused(file_of("ctorch\nFloatStorage\n)R")), Contains("calls what is no function"));
}

TEST_CASE("a tensor's place is checked against its storage, and the storage against the file") {
  CHECK(io::parse_torch_file(file_of(tensor(zero, two, one, two)), "net.pt").at("x").as<float, 1>()(1) == 2);
  const auto problem = [](const std::string& offset, const std::string& shape, const std::string& strides,
                          const std::string& elements) {
    return refused(file_of(tensor(offset, shape, strides, elements)));
  };
  const std::string huge = "\x8a\7" + std::string(6, '\xff') + "\x7f", minus = "J\xff\xff\xff\xff";
  CHECK(problem(zero, two, one, two).empty());
  CHECK_THAT(problem(one, two, one, two), Contains("'x'") && Contains("goes beyond the 2 elements"));
  CHECK_THAT(problem(zero, two, two, two), Contains("goes beyond"));
  CHECK_THAT(problem(zero, two, huge, two), Contains("goes beyond"));
  CHECK_THAT(problem(huge, one, one, two), Contains("goes beyond"));
  CHECK_THAT(problem(zero, two + two, zero + zero, two), Contains("goes beyond"));  // more elements than are stored
  CHECK_THAT(problem(minus, one, one, two), Contains("not described as torch does"));
  CHECK_THAT(problem(zero, minus, one, two), Contains("numbers from 0"));
  CHECK_THAT(problem(zero, two, minus, two), Contains("numbers from 0"));
  CHECK_THAT(problem(zero, two, one + one, two), Contains("1 axes and 2 strides"));
  CHECK_THAT(problem(zero, two, one, "K\3"), Contains("8 bytes, expected 3 elements"));
  CHECK_THAT(refused(file_of(tensor(zero, two, one, two), bytes(0, 9))), Contains("9 bytes"));
  CHECK_THROWS_AS(io::parse_torch_file(file_of(tensor(zero, huge + huge, one + one, two)), "net.pt"), Error);
}

TEST_CASE("thousands of names for one storage do not fill the memory") {
  const std::string large(40000, '\0');
  std::string program = "\x80\2}(" + text("0") + tensor(zero, "M\x10\x27", one, "M\x10\x27") + "q\1";
  for (int i = 1; i < 500; ++i) program += text(std::to_string(i)) + "h\1";
  CHECK_THAT(refused(zip_of({{"a/data.pkl", program + "u."}, {"a/data/0", large}})),
             Contains("far larger than the file"));
}

TEST_CASE("entries that share their bytes, and millions of values, are refused before they cost anything") {
  // A directory of thousands of entries, all of the same place.
  const std::string blob(20000, 'b'), name = "a/data/0";
  const std::string sizes = bytes(io::Crc32().add(blob).value(), 4) + bytes(blob.size(), 4) + bytes(blob.size(), 4) +
                            bytes(name.size(), 2) + bytes(0, 2);
  const std::string file = "PK\3\4" + bytes(0, 6) + bytes(0, 4) + sizes + name + blob;
  std::string directory;
  for (int i = 0; i < 50; ++i)
    directory += "PK\1\2" + bytes(0, 6) + bytes(0, 6) + sizes + bytes(0, 10) + bytes(0, 4) + "a/data/" +
                 static_cast<char>('0' + i);
  CHECK_THAT(refused(file + directory + "PK\5\6" + bytes(0, 4) + bytes(50, 2) + bytes(50, 2) +
                     bytes(directory.size(), 4) + bytes(file.size(), 4) + bytes(0, 2)),
             Contains("claim more bytes than the file has"));
  CHECK_THAT(refused(zip_of({{"a/data.pkl", "\x80\2" + std::string(2'000'000, 'N') + "."}})),
             Contains("more values than a file of weights needs"));
}

TEST_CASE("values that are made of one text or shape again and again point to it") {
  // A storage of a long key, and a tensor of many axes, each made a thousand times by a few bytes of code.
  const std::string key(1000, 'k');
  std::string sizes;
  for (int axis = 0; axis < 32; ++axis) sizes += zero;
  std::string program = "\x80\2((" + text("storage") + "ctorch\nFloatStorage\n" + text(key) + text("cpu") + zero +
                        "tq\1Qq\2ctorch._utils\n_rebuild_tensor_v2\nq\3(h\2" + zero + "(" + sizes + "tq\4h\4\x89}tq\5";
  for (int i = 0; i < 1000; ++i) program += "h\1Qh\3h\5R";
  program += "t.";
  const std::string origin = "net.pt";
  const io::detail::Pickle pickle = io::detail::PickleMachine(program, origin).run();
  std::size_t held = 0;
  for (const auto& node : pickle.nodes) held += node.text.size() + node.items.size();
  CHECK(held < program.size());
  const auto& made = pickle.root->items;
  REQUIRE(made.size() > 2000);
  const auto &tensor = *made.back(), &storage = **(made.end() - 2);
  CHECK(storage.key->text == key);
  CHECK(tensor.shape->items.size() == 32);
  CHECK((tensor.shape == tensor.strides && tensor.shape == (**(made.end() - 3)).shape));
}

TEST_CASE("a state dict that stands twice under one name is refused: which one is meant, and how many are there?") {
  const auto file = [](const std::string& more) {
    return zip_of({{"a/data.pkl", "\x80\2}(" + text("epoch") + one + text("epoch") + two + text("model") + "}" +
                                      text("w") + tensor(zero, two, one, two) + "s" + more + "u."},
                   {"a/data/0", bytes(0, 8)}});
  };
  CHECK(refused(file("")).empty());
  CHECK(refused(file(text("state_dict") + "}")).empty());
  CHECK_THAT(refused(file(text("model") + "}")), Contains("net.pt: its entry 'model' stands there twice"));
  CHECK_THAT(refused(file(text("model") + one)), Contains("stands there twice"));
}

TEST_CASE("a tensor beside the state dict is none of its tensors") {
  const std::string x = tensor(zero, two, one, two);
  const auto file = [](const std::string& items) {
    return zip_of({{"a/data.pkl", "\x80\2}" + items + "."}, {"a/data/0", bytes(0x4000000000000000u, 8)}});
  };
  const std::string beside = text("pos_weight") + x + "s", held = "}" + text("w") + x + "s";
  for (const char* const usual : {"state_dict", "model_state", "model_state_dict", "model"})
    for (const std::string& items : {text(usual) + held + "s" + beside, beside + text(usual) + held + "s"}) {
      const io::StateDict state = io::parse_torch_file(file(items), "net.pt");
      CHECK(state.size() == 1);
      CHECK(state.contains("w"));
    }
  CHECK(io::parse_torch_file(file(beside + text("model") + x + "s"), "net.pt").size() == 2);
  CHECK_THAT(refused(file(beside + text("optimizer") + held + "s")), Contains("its entry 'optimizer' among"));
}

TEST_CASE("a file of torch.save that is cut anywhere, or whose bits are wrong, is refused") {
  const std::string whole = io::read_file(folder / "state.pt");
  for (std::size_t length = 0; length < whole.size(); length += 7)
    CHECK_THROWS_AS(io::parse_torch_file(whole.substr(0, length), "net.pt"), FormatError);
  std::string wrong = whole;
  wrong[wrong.find("data/0") + 6] ^= 1;
  CHECK_THAT(refused(wrong), Contains("data/0'") && Contains("checksum"));
  const std::string program = "\x80\2}" + text("x") + tensor(zero, two, one, two) + "s.";
  for (std::size_t length = 0; length < program.size(); ++length)
    CHECK_FALSE(refused(zip_of({{"a/data.pkl", program.substr(0, length)}, {"a/data/0", bytes(0, 8)}})).empty());
}

TEST_CASE("what is no file of torch.save is told apart") {
  CHECK_THAT(refused("\x80\2}."), Contains("before version 1.6"));
  CHECK_THAT(refused(zip_of({{"a/b", "c"}})), Contains("no entry data.pkl"));
  CHECK_THAT(refused(zip_of({{"a/data.pkl", "\x80\2K\1."}})),
             Contains("holds no tensors by name") && Contains("'model_state'"));
  CHECK_THAT(refused(zip_of({{"data.pkl", "\x80\2}."}, {"byteorder", "big"}})), Contains("byte order"));
  CHECK_THAT(refused(file_of(tensor(zero, two, one, two) + "s" + text("y") + "K\1")),
             Contains("'y' among the tensors is none"));
}

/// A checkpoint as the trainings of the released PaSeR write it: epoch, device, the state of the model, and that of the
/// optimizer with a moment per parameter. All tensors of a type are in one storage.
std::string released_checkpoint(const io::StateDict& state) {
  struct Storage {
    std::string type, number;
    Index element;
    std::string content{};
  } floats{"Float", "0", 4}, counts{"Long", "1", 8};
  const auto storage_of = [&](const std::string& name) -> Storage& {
    return name.ends_with("num_batches_tracked") ? counts : floats;
  };
  for (const auto& [name, t] : state)
    storage_of(name).content.append(reinterpret_cast<const char*>(t.bytes.data()),
                                    static_cast<std::size_t>(t.bytes.numel()));
  const auto number = [](Index n) { return "J" + bytes(static_cast<std::uint64_t>(n), 4); };
  std::map<std::string, Index> offsets;
  std::string tensors, moments;
  Index parameter = 0;
  for (const auto& [name, t] : state) {
    const Storage& storage = storage_of(name);
    const bool counter = &storage == &counts;
    Index& offset = offsets[storage.type];
    std::string shape, strides;
    Index stride = 1;
    for (std::size_t i = counter ? 0 : t.shape.size(); i-- > 0;) {  // a counter is a scalar
      shape = number(t.shape[i]) + shape;
      strides = number(stride) + strides;
      stride *= t.shape[i];
    }
    const std::string made = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + storage.type +
                             "Storage\n" + text(storage.number) + text("cuda:0") +
                             number(static_cast<Index>(storage.content.size()) / storage.element) + "tQ" +
                             number(offset) + "(" + shape + "t(" + strides + "t\x89)tR";
    offset += stride;
    tensors += text(name) + made;
    if (!counter) moments += number(parameter++) + "}(" + text("exp_avg") + made + "u";
  }
  return zip_of(
      {{"archive/data.pkl", "\x80\2}(" + text("epoch") + number(199) + text("device") + text("cuda:0") +
                                text("model_state_dict") + "}(" + tensors + "u" + text("optimizer_state_dict") + "}(" +
                                text("state") + "}(" + moments + "u" + text("param_groups") + "]uu."},
       {"archive/data/0", floats.content},
       {"archive/data/1", counts.content}});
}

TEST_CASE("checkpoints of the released PaSeR load into its UNet and its policy, which answer as PyTorch's") {
  const TemporaryFolder written;
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/model_unet_tiny.safetensors");
  const io::StateDict weights = io::with_prefix(f.tensors, "tiny_b2/param/");
  io::write_file(written / "unet.pt", released_checkpoint(weights));
  models::StaticUNet<1, 3, 8, 2> unet(Key{1});
  io::load_torch_state_dict(unet, io::read_weights(written / "unet.pt"), io::unet_names(2));
  const auto nhwc = [](const io::Safetensors& from, const char* name) {
    return io::nhwc_from_nchw(from.at(name).as<float, 4>());
  };
  CHECK(max_abs_difference(infer(unet, nhwc(f, "tiny_b2/input")), nhwc(f, "tiny_b2/logits")) <=
        std::stod(f.metadata.at("tol:tiny_b2/logits")));

  const auto p = io::read_safetensors(PASER_TEST_DATA "/fixtures/model_policy.safetensors");
  io::StateDict state = io::with_prefix(p.tensors, "policy_train_b2/param/");
  state.merge(io::with_prefix(p.tensors, "policy_train_b2/buffer/"));
  io::write_file(written / "policy.pt", released_checkpoint(state));
  models::PolicyNet<float> policy(48, Key{1});
  io::load_torch_state_dict(policy, io::read_weights(written / "policy.pt"), io::policy_names());
  CHECK(max_abs_difference(infer(policy, nhwc(p, "policy_eval_odd/input")),
                           p.at("policy_eval_odd/logits").as<float, 2>()) <=
        std::stod(p.metadata.at("tol:policy_eval_odd/logits")));
  // One for the other is refused, with the names.
  CHECK_THROWS_WITH(io::load_torch_state_dict(unet, io::read_weights(written / "policy.pt"), io::unet_names(2)),
                    Contains("these tensors are not of a UNet") && Contains("layer1.0.conv1.weight"));
}

}  // namespace torch_file_test
