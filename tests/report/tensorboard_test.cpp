#include "paser/report/tensorboard.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "paser/io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace tensorboard {

using namespace paser;
using report::TensorBoardLog;

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::uint32_t crc32c(std::string_view bytes) {
  return io::Crc32c().add(bytes).value();
}

/// A decoder that shares nothing with the writer: CRC bit by bit, and the few forms of fields that an event has.
struct Reader {
  std::string_view rest;

  static std::uint32_t slow_crc(std::string_view bytes) {
    std::uint32_t c = 0xffffffffu;
    for (const char b : bytes) {
      c ^= static_cast<unsigned char>(b);
      for (int i = 0; i < 8; ++i) c = (c >> 1) ^ ((c & 1) != 0 ? 0x82F63B78u : 0u);
    }
    return ~c;
  }
  std::string_view take(std::size_t n) {
    REQUIRE(rest.size() >= n);
    const auto taken = rest.substr(0, n);
    rest.remove_prefix(n);
    return taken;
  }
  template <class Number>
  Number raw() {
    Number x;
    std::memcpy(&x, take(sizeof x).data(), sizeof x);  // of a little-endian machine
    return x;
  }
  std::uint64_t varint() {
    std::uint64_t x = 0;
    for (int shift = 0;; shift += 7) {
      const auto b = static_cast<unsigned char>(take(1)[0]);
      x += std::uint64_t{b % 128u} << shift;
      if (b < 128) return x;
    }
  }
  std::string_view record() {
    const auto length = take(8);
    std::uint64_t n = 0;
    std::memcpy(&n, length.data(), 8);
    CHECK(raw<std::uint32_t>() == masked(length));
    const auto bytes = take(static_cast<std::size_t>(n));
    CHECK(raw<std::uint32_t>() == masked(bytes));
    return bytes;
  }
  static std::uint32_t masked(std::string_view bytes) {
    const std::uint32_t c = slow_crc(bytes);
    return ((c >> 15) | (c << 17)) + 0xa282ead8u;
  }
};

struct Scalar {
  std::string name;
  std::int64_t step;
  float value;
  double time;
  bool operator==(const Scalar&) const = default;
};

/// All scalars of a file in their order; the first record must be the version.
std::vector<Scalar> scalars(const std::filesystem::path& file) {
  const std::string bytes = io::read_file(file);
  std::vector<Scalar> all;
  Reader records{bytes};
  for (bool first = true; !records.rest.empty(); first = false) {
    Reader event{records.record()};
    double time = 0;
    std::int64_t step = 0;
    bool version = false;
    while (!event.rest.empty()) switch (event.varint()) {
        case 1 << 3 | 1:
          time = event.raw<double>();
          break;
        case 2 << 3 | 0:
          step = static_cast<std::int64_t>(event.varint());
          break;
        case 3 << 3 | 2:
          version = event.take(static_cast<std::size_t>(event.varint())) == "brain.Event:2";
          break;
        case 5 << 3 | 2: {
          Reader summary{event.take(static_cast<std::size_t>(event.varint()))};
          while (!summary.rest.empty()) {
            REQUIRE(summary.varint() == (1 << 3 | 2));
            Reader value{summary.take(static_cast<std::size_t>(summary.varint()))};
            REQUIRE(value.varint() == (1 << 3 | 2));
            const std::string tag(value.take(static_cast<std::size_t>(value.varint())));
            REQUIRE(value.varint() == (2 << 3 | 5));
            all.push_back({tag, step, value.raw<float>(), time});
            CHECK(value.rest.empty());
          }
          break;
        }
        default:
          FAIL("a field that no event of ours has");
      }
    CHECK(version == first);
  }
  return all;
}

TEST_CASE("CRC-32C of RFC 3720, B.4") {
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  CHECK(crc32c(rising) == 0x46dd794eu);
  CHECK(io::Crc32().add("123456789").value() == 0xcbf43926u);
}

TEST_CASE("an event file has the bytes that its format says") {
  const TemporaryFolder folder;
  const auto file = folder / "new" / "events.out.tfevents.paser";
  TensorBoardLog(file, 1.5).write({{"stage", "f1"}, {"step", 300}, {"loss", 0.5}, {"note", "text"}}, 2);
  // Computed from the format by a script of its own.
  CHECK(hexadecimal(io::read_file(file)) ==
        "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
        "1e00000000000000d9dc123209000000000000004010ac022a100a0e0a0766312f6c6f7373150000003f30da43ca");
}

TEST_CASE("numbers of a record become scalars of its step, and nothing else does") {
  const TemporaryFolder folder;
  const auto file = folder / "events.out.tfevents.paser";
  {
    TensorBoardLog log(file, 0);
    log.write({{"stage", "policy"}, {"step", 1}, {"reward", -0.25}, {"share", {0.5, 0.25}}, {"warning", "it"}}, 7.5);
    log.write({{"stage", "policy"}, {"step", 2}, {"reward", std::numeric_limits<double>::quiet_NaN()}}, 8);
    log.write({{"stage", "policy"}, {"step", 3}, {"reward", nullptr}, {"epoch", 300}}, 9);
    for (const nlohmann::json& other : {nlohmann::json{{"reward", 1}},
                                        {{"stage", "a"}, {"reward", 1}},
                                        {{"stage", 5}, {"step", 1}, {"x", 1}},
                                        {{"stage", "a"}, {"step", "1"}, {"x", 1}},
                                        nlohmann::json::array(),
                                        nlohmann::json(1)})
      log.write(other, 10);
  }
  CHECK(scalars(file) == std::vector<Scalar>{{"policy/reward", 1, -0.25f, 7.5},
                                             {"policy/share/0", 1, 0.5f, 7.5},
                                             {"policy/share/1", 1, 0.25f, 7.5},
                                             {"policy/epoch", 3, 300, 9}});
}

TEST_CASE("a run that goes on appends, and writes no step twice") {
  const TemporaryFolder folder;
  const auto file = folder / "events.out.tfevents.paser";
  const auto steps = [&](const char* stage, int from, int to) {
    TensorBoardLog log(file, 0);
    for (int i = from; i <= to; ++i) log.write({{"stage", stage}, {"step", i}, {"loss", i}}, i);
  };
  steps("f1", 1, 5);
  const std::string before = io::read_file(file);
  steps("f1", 4, 5);
  CHECK(io::read_file(file) == before);
  steps("f1", 3, 7);
  steps("f2/x", 1, 2);  // another stage counts for itself
  std::vector<std::pair<std::string, std::int64_t>> found;
  for (const Scalar& s : scalars(file)) found.emplace_back(s.name, s.step);
  decltype(found) expected;
  for (int i = 1; i <= 7; ++i) expected.emplace_back("f1/loss", i);
  expected.insert(expected.end(), {{"f2/x/loss", 1}, {"f2/x/loss", 2}});
  CHECK(found == expected);
}

TEST_CASE("a record that a killed run left half written is cut off and written again") {
  const TemporaryFolder folder;
  const auto file = folder / "events.out.tfevents.paser";
  const auto write = [&](int step) {
    TensorBoardLog(file, 0).write({{"stage", "f1"}, {"step", step}, {"loss", step}}, step);
  };
  write(1);
  write(2);
  const std::string whole = io::read_file(file);
  for (const std::size_t left :
       {whole.size() - 1, whole.size() - 20, std::size_t{30}, std::size_t{5}, std::size_t{0}}) {
    io::write_file(file, whole.substr(0, left));
    write(1);
    write(2);
    CHECK(io::read_file(file) == whole);
  }
  std::string damaged = whole;
  damaged[damaged.size() - 10] = static_cast<char>(damaged[damaged.size() - 10] ^ 1);
  io::write_file(file, damaged);
  write(2);
  CHECK(io::read_file(file) == whole);
}

TEST_CASE("an event file that is damaged before its last record is refused and keeps its bytes") {
  const TemporaryFolder folder;
  const auto file = folder / "events.out.tfevents.paser";
  const auto write = [&](int step) {
    TensorBoardLog(file, 0).write({{"stage", "f1"}, {"step", step}, {"loss", step}}, step);
  };
  std::vector<std::size_t> ends;
  for (const int step : {1, 2, 3, 4}) {
    write(step);
    ends.push_back(io::read_file(file).size());
  }
  const std::string whole = io::read_file(file);
  // In every byte of the first scalar, of the third, which is not the last, and in the content of the version.
  std::vector<std::size_t> places{14};
  for (std::size_t at = ends[0] - 20; at < ends[0]; ++at) places.push_back(at);
  for (std::size_t at = ends[1]; at < ends[2]; ++at) places.push_back(at);
  for (const std::size_t at : places) {
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    io::write_file(file, damaged);
    CHECK_THROWS_AS(TensorBoardLog(file, 0), FormatError);
    CHECK_THROWS_WITH(TensorBoardLog(file, 0),
                      Catch::Matchers::Contains(file.string()) && Catch::Matchers::Contains("is damaged at byte"));
    CHECK(io::read_file(file) == damaged);
  }
  // Blanks where a machine without power had no time for the bytes.
  io::write_file(file, whole.substr(0, ends[2]) + std::string(100, '\0'));
  write(4);
  CHECK(io::read_file(file) == whole);
}

TEST_CASE("an event file that the system refuses to look at or to shorten is an IoError") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(TensorBoardLog(folder / std::string(300, 'a')), IoError);
  std::filesystem::create_symlink("round", folder / "round");
  CHECK_THROWS_AS(TensorBoardLog(folder / "round"), IoError);
  // A file that nobody may shorten, not even the administrator.
  const auto file = folder / "events.tfevents";
  TensorBoardLog(file, 0).write({{"stage", "f1"}, {"step", 1}, {"loss", 1}}, 1);
  const std::string whole = io::read_file(file);
  const int sealed = ::memfd_create("sealed", MFD_ALLOW_SEALING);
  REQUIRE(sealed >= 0);
  REQUIRE(::write(sealed, whole.data(), whole.size() - 3) == static_cast<::ssize_t>(whole.size() - 3));
  REQUIRE(::fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  CHECK_THROWS_AS(TensorBoardLog("/proc/self/fd/" + std::to_string(sealed), 0), IoError);
  ::close(sealed);
}

TEST_CASE("a file that is no event file, or that cannot be written, is no accident") {
  const TemporaryFolder folder;
  for (const std::string& other : {std::string("thesis\n"), std::string(100, 'x')}) {
    io::write_file(folder / "events.tfevents", other);
    CHECK_THROWS_WITH(TensorBoardLog(folder / "events.tfevents", 0), Catch::Matchers::Contains("is no event file"));
    CHECK(io::read_file(folder / "events.tfevents") == other);
  }
  CHECK_THROWS_AS(TensorBoardLog(folder.path()), IoError);
}

}  // namespace tensorboard
