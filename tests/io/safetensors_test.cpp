#include "paser/io/safetensors.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/io/crc32.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace {

/// The bytes of a file with the given header and `payload` bytes of content after it.
std::string file_of(const std::string& header, std::size_t payload) {
  std::string bytes(8, '\0');
  const auto length = static_cast<std::uint64_t>(header.size());
  std::memcpy(bytes.data(), &length, 8);
  bytes += header;
  for (std::size_t i = 0; i < payload; ++i) bytes += static_cast<char>(i);
  return bytes;
}

io::Safetensors parse(const std::string& bytes) {
  return io::parse_safetensors(std::as_bytes(std::span(bytes)), "bad.safetensors");
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

}  // namespace

TEST_CASE("safetensors: what is written is read back, for every element type and rank") {
  const TemporaryFolder folder;
  io::Safetensors content;
  content.metadata = {{"title", "umlaut \xC3\xA4 \" quoted"}, {"", "empty key"}};
  const auto images = normal<float>(Key{1}, Shape{2, 3, 4, 5});
  content.tensors["images"] = io::RawTensor::of(images);
  content.tensors["double"] = io::RawTensor::of(normal<double>(Key{2}, Shape{7, 3}));
  content.tensors["bytes"] =
      io::RawTensor::of(Tensor<std::uint8_t, 1>::from({3}, std::vector<std::uint8_t>{1, 2, 255}));
  content.tensors["labels"] = io::RawTensor::of(Labels::full({1, 2, 2}, -7));
  content.tensors["long"] = io::RawTensor::of(Tensor<std::int64_t, 1>::full({2}, std::int64_t{1} << 40));
  content.tensors["empty"] = io::RawTensor::of(Tensor<float, 2>({0, 4}));
  content.tensors["scalar"] = io::RawTensor::of(Tensor<float, 1>::full({1}, 2.5f));
  content.tensors["scalar"].shape.clear();
  io::write_safetensors(folder / "a.safetensors", content);
  const auto back = io::read_safetensors(folder / "a.safetensors");
  CHECK(back.metadata == content.metadata);
  REQUIRE(back.tensors.size() == content.tensors.size());
  for (const auto& [name, t] : content.tensors) {
    INFO(name);
    CHECK(back.at(name).dtype == t.dtype);
    CHECK(back.at(name).shape == t.shape);
    CHECK(std::ranges::equal(back.at(name).bytes.values(), t.bytes.values()));
  }
  CHECK(max_abs_difference(back.at("images").as<float, 4>(), images) == 0);
  CHECK(back.at("scalar").as<float, 1>()(0) == 2.5f);
  CHECK(back.at("empty").as<float, 2>().shape() == Shape{0, 4});
  // Every tensor of the file is aligned for a reader that maps it.
  const std::string bytes = io::read_file(folder / "a.safetensors");
  CHECK(bytes.find('{') == 8);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
}

TEST_CASE("safetensors: an unaligned payload is read like an aligned one") {
  for (const std::size_t spaces : {0u, 1u, 2u, 3u, 5u}) {
    const std::string header = R"({"x":)" + entry("F32", "[2]", "[8,16]") + R"(,"d":)" + entry("F64", "[1]", "[0,8]") +
                               "}" + std::string(spaces, ' ');
    std::string bytes = file_of(header, 16);
    const double d = 0.1;
    const float x[] = {1.5f, -3.25f};
    std::memcpy(bytes.data() + 8 + header.size(), &d, 8);
    std::memcpy(bytes.data() + 16 + header.size(), x, 8);
    for (const std::size_t shift : {0u, 1u, 3u}) {
      const std::string moved = std::string(shift, '?') + bytes;
      const auto f = io::parse_safetensors(std::as_bytes(std::span(moved)).subspan(shift), "odd");
      CHECK(f.at("d").as<double, 1>()(0) == d);
      CHECK(f.at("x").as<float, 1>()(1) == x[1]);
    }
  }
}

TEST_CASE("safetensors: malformed files are refused with a sentence") {
  const std::string good = R"({"x":)" + entry("U8", "[4]", "[0,4]") + "}";
  CHECK(parse(file_of(good, 4)).tensors.size() == 1);
  const auto refused = [](const std::string& bytes, const std::string& why) {
    INFO(bytes.substr(0, 200));
    CHECK_THROWS_WITH(parse(bytes), Contains("bad.safetensors") && Contains(why));
    CHECK_THROWS_AS(parse(bytes), FormatError);
  };
  refused("", "0 bytes are too few");
  refused("1234567", "7 bytes are too few");
  refused(std::string(8, '\xff') + good, "a header of 18446744073709551615 bytes follows");
  refused(std::string("\x00\x00\x00\x00\x00\x00\x00\x40", 8) + good, "4611686018427387904 bytes follows");
  refused(file_of(good, 4).substr(0, 30), "and there are 22");
  refused("# Words, and no tensors\n", "no safetensors file, or one that was cut");
  refused(file_of("", 0), "does not start with '{'");
  refused(file_of("[]", 0), "does not start with '{'");
  refused(file_of(" " + good, 4), "does not start with '{'");
  refused(file_of(good.substr(0, good.size() - 1), 4), "not JSON");
  refused(file_of("{\"\xff\":1}", 0), "not JSON");
  refused(file_of(good, 5), "end at byte 4 of 5");
  std::string ones;
  for (int i = 0; i < 65; ++i) ones += i == 0 ? "4" : ",1";
  refused(file_of(R"({"x":)" + entry("U8", "[" + ones + "]", "[0,4]") + "}", 4), "'shape' has 65 dimensions");
  refused(file_of(good, 3), "do not lie in the 3 bytes");
  const auto one = [&](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return file_of(R"({"x":)" + entry(dtype, shape, offsets) + "}", 4);
  };
  refused(one("Q4", "[4]", "[0,4]"), "tensor 'x': element type 'Q4'");
  refused(one("F32", "[4]", "[0,4]"), "takes 16 bytes, but the file sets aside 4");
  refused(one("U8", "[4]", "[4,0]"), "do not lie in");
  refused(one("U8", "[-4]", "[0,4]"), "'shape' must be");
  refused(one("U8", "[4.0]", "[0,4]"), "'shape' must be");
  refused(one("U8", "4", "[0,4]"), "'shape' must be");
  refused(one("U8", "[18446744073709551615]", "[0,4]"), "'shape' must be");
  refused(one("F64", "[4294967296,4294967296]", "[0,4]"), "larger than any memory");
  refused(one("U8", "[4611686018427387904,4]", "[0,0]"), "larger than any memory");
  refused(one("U8", "[4]", "[-1,3]"), "'data_offsets' must be");
  refused(one("U8", "[4]", "[0,4,4]"), "'data_offsets' must be");
  refused(one("U8", "[4]", "[0,18446744073709551615]"), "'data_offsets' must be");
  refused(one("U8", "[4]", "[0,9223372036854775807]"), "do not lie in");
  refused(file_of(R"({"x":4})", 4), "expected an object");
  refused(file_of(R"({"x":{"dtype":1,"shape":[4],"data_offsets":[0,4]}})", 4), "expected an object");
  refused(file_of(R"({"x":{"shape":[4],"data_offsets":[0,4]}})", 4), "expected an object");
  const auto two = [&](const std::string& first, const std::string& second) {
    return file_of(R"({"a":)" + entry("U8", "[2]", first) + R"(,"b":)" + entry("U8", "[2]", second) + "}", 4);
  };
  CHECK(parse(two("[0,2]", "[2,4]")).tensors.size() == 2);
  CHECK(parse(two("[2,4]", "[0,2]")).at("b").as<std::uint8_t, 1>()(1) == 1);
  refused(two("[0,2]", "[1,3]"), "overlap");
  refused(two("[0,2]", "[0,2]"), "overlap");
  refused(two("[1,3]", "[2,4]"), "leave a gap");
  refused(file_of(R"({"x":)" + entry("U8", "[4]", "[0,4]") + R"(,"x":)" + entry("U8", "[4]", "[0,4]") + "}", 4),
          "twice");
  refused(file_of(R"({"__metadata__":{"a":1}})", 0), "not a text");
  refused(file_of(R"({"__metadata__":"a"})", 0), "table of texts");
  refused(file_of("{\"x\":" + std::string(100000, '['), 0), "nested");
  refused(file_of("{" + std::string(100000, ' '), 0), "not JSON");
  refused(file_of(good + '\0', 4), "byte 53 is NUL");
  refused(file_of(good + std::string("\0 hidden text", 13), 4), "is NUL");
  refused(file_of(good + " hidden text", 4), "not JSON");
}

TEST_CASE("safetensors: every single damaged header byte is refused or harmless") {
  const std::string good = file_of(R"({"__metadata__":{"k":"v"},"a":)" + entry("F32", "[2,1]", "[0,8]") + R"(,"b":)" +
                                       entry("I64", "[1]", "[8,16]") + "}",
                                   16);
  for (std::size_t i = 0; i < good.size() - 16; ++i)
    for (const int bit : {0, 1, 2, 3, 4, 5, 6, 7}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      try {
        const auto parsed = parse(bad);
        for (const auto& [name, t] : parsed.tensors) CHECK(t.bytes.numel() <= 16);
      } catch (const FormatError&) {
      }
    }
}

TEST_CASE("safetensors: the blanks that fill up a header are spaces, and no bit of theirs may differ") {
  const std::string header = R"({"x":)" + entry("U8", "[4]", "[0,4]") + "}    ";
  CHECK(parse(file_of(header, 4)).tensors.size() == 1);
  for (std::size_t i = header.size() - 4; i < header.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = header;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      CHECK_THROWS_AS(parse(file_of(bad, 4)), FormatError);
    }
  for (const char blank : {'\t', '\n', '\r'}) {
    std::string bad = header;
    bad.back() = blank;
    CHECK_THROWS_WITH(parse(file_of(bad, 4)), Contains("spaces to fill it up"));
  }
}

TEST_CASE("safetensors: types are checked when a tensor is taken out, and converted on request") {
  io::Safetensors f;
  f.origin = "f.safetensors";
  f.tensors["y"] = io::RawTensor::of(Tensor<std::int64_t, 2>::full({2, 2}, 300));
  f.tensors["y"].origin = "f.safetensors: tensor 'y'";
  const auto& y = f.at("y");
  CHECK_THROWS_WITH((y.as<float, 2>()), Contains("f.safetensors: tensor 'y': element type I64, expected F32"));
  CHECK_THROWS_WITH((y.as<std::int64_t, 3>()), Contains("shape (2,2), expected rank 3"));
  CHECK((y.cast<std::int32_t, 2>()(1, 1)) == 300);
  CHECK((y.cast<float, 2>()(1, 1)) == 300.0f);
  CHECK_THROWS_WITH((y.cast<std::uint8_t, 2>()), Contains("element 0 is 300, which is no U8"));
  CHECK_THROWS_WITH(f.at("z"), Contains("f.safetensors") && Contains("no tensor 'z'"));
  const auto real = io::RawTensor::of(Tensor<double, 1>::full({1}, 1.5));
  CHECK_THROWS_AS((real.cast<std::int32_t, 1>()), FormatError);
  const auto nan = io::RawTensor::of(Tensor<double, 1>::full({1}, std::nan("")));
  CHECK_THROWS_AS((nan.cast<std::int32_t, 1>()), FormatError);
  io::RawTensor half = io::RawTensor::of(
      Tensor<std::uint16_t, 1>::from({5}, std::vector<std::uint16_t>{0x3C00, 0xC500, 0x0001, 0x7BFF, 0xFC00}));
  half.dtype = io::DType::F16;
  const auto h = half.cast<float, 1>();
  CHECK((h(0) == 1.0f && h(1) == -5.0f && h(2) == 0x1p-24f && h(3) == 65504.0f && h(4) == -HUGE_VALF));
  half.dtype = io::DType::BF16;
  CHECK(half.cast<float, 1>()(0) == 0.0078125f);
}

TEST_CASE("safetensors: every element type is converted with its own sign and width") {
  const auto raw = [](auto... values) {
    using T = std::common_type_t<decltype(values)...>;
    return io::RawTensor::of(Tensor<T, 1>::from({sizeof...(values)}, std::vector<T>{values...}));
  };
  const auto as_double = [](const io::RawTensor& t, double first, double second) {
    const auto d = t.cast<double, 1>();
    return d(0) == first && d(1) == second;
  };
  CHECK(as_double(raw(std::int8_t{-128}, std::int8_t{127}), -128, 127));
  CHECK(as_double(raw(std::uint8_t{255}, std::uint8_t{128}), 255, 128));
  CHECK(as_double(raw(std::int16_t{-32768}, std::int16_t{32767}), -32768, 32767));
  CHECK(as_double(raw(std::uint16_t{65535}, std::uint16_t{32768}), 65535, 32768));
  CHECK(as_double(raw(std::int32_t{INT32_MIN}, std::int32_t{INT32_MAX}), -2147483648.0, 2147483647.0));
  CHECK(as_double(raw(std::uint32_t{UINT32_MAX}, 2147483648u), 4294967295.0, 2147483648.0));
  CHECK(as_double(raw(std::int64_t{INT64_MIN}, std::int64_t{-1}), -0x1p63, -1));
  CHECK(as_double(raw(std::uint64_t{1} << 63, std::uint64_t{7}), 0x1p63, 7));
  CHECK(as_double(raw(0.1f, -2.5f), static_cast<double>(0.1f), -2.5));
  io::RawTensor flags = raw(std::uint8_t{0}, std::uint8_t{1});
  flags.dtype = io::DType::BOOL;
  CHECK(as_double(flags, 0, 1));
  // A finite number does not become infinite.
  CHECK_THROWS_WITH((raw(0.0, -1e300).cast<float, 1>()), Contains("element 1 is -1e+300, which is too large for F32"));
  CHECK_THROWS_AS((raw(3.5e38).cast<float, 1>()), FormatError);
  CHECK((raw(3.4028235e38).cast<float, 1>()(0)) == std::numeric_limits<float>::max());
  CHECK((raw(1e-300).cast<float, 1>()(0)) == 0.0f);
  CHECK((raw(-HUGE_VAL).cast<float, 1>()(0)) == -HUGE_VALF);
  CHECK(std::isnan(raw(std::nan("")).cast<float, 1>()(0)));
  // An integer is taken by another one only where that holds it.
  CHECK_THROWS_WITH((raw(std::int8_t{0}, std::int8_t{-1}).cast<std::uint8_t, 1>()),
                    Contains("element 1 is -1, which is no U8"));
  CHECK_THROWS_AS((raw(std::uint64_t{1} << 63).cast<std::int64_t, 1>()), FormatError);
  CHECK_THROWS_AS((raw(std::uint32_t{1} << 31).cast<std::int32_t, 1>()), FormatError);
  CHECK_THROWS_AS((raw(0x1p63).cast<std::int64_t, 1>()), FormatError);
  CHECK(raw(-0x1p63).cast<std::int64_t, 1>()(0) == INT64_MIN);
  CHECK(raw(std::uint16_t{65535}).cast<std::int32_t, 1>()(0) == 65535);
}

TEST_CASE("safetensors: reads the stored fixtures") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/method_state.safetensors");
  CHECK(f.metadata.at("schema") == "paser-fixtures/1");
  CHECK(f.at("patchify_b2/patches").as<float, 4>().shape() == Shape{32, 3, 3, 4});
  CHECK_THROWS_AS(io::read_safetensors(PASER_TEST_DATA "/fixtures/none.safetensors"), IoError);
  CHECK_THROWS_WITH(io::read_safetensors(PASER_TEST_DATA), Contains("not a regular file"));
}

TEST_CASE("crc32: the standard's check value, in pieces of any size") {
  CHECK(io::Crc32().add("123456789").value() == 0xCBF43926u);
  const std::string text = "The quick brown fox jumps over the lazy dog";
  CHECK(io::Crc32().add(text).value() == 0x414FA339u);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    CHECK(io::Crc32().add(text.substr(0, cut)).add(text.substr(cut)).value() == 0x414FA339u);
}
