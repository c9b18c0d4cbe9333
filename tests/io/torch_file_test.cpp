#include "paser/io/torch_file.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "support/temporary_folder.hpp"

namespace torch_file_test {

using namespace paser;

using Catch::Contains;

const io::Path folder = io::Path(PASER_TEST_DATA) / "io" / "torch";

std::string bytes(std::uint64_t value, int count) {
  std::string text;
  for (int i = 0; i < count; ++i, value >>= 8) text.push_back(static_cast<char>(value & 255));
  return text;
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
  try {
    io::parse_torch_file(content, "net.pt");
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
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

}  // namespace torch_file_test
