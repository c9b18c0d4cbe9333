#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "beside.hpp"
#include "paser/core/random.hpp"

/// The short form of a fuzzer, without libFuzzer: a number of inputs that are the same each time, made of seeds or,
/// where there are none, of random bytes.
///   PROGRAM INPUTS [FOLDER OF SEEDS]
///   PROGRAM INPUTS --beside ISA      each answer of the kernels beside that of another instruction set, too
/// An input that is a finding is left in the file `finding`, which the long form takes as its argument.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using paser::Index;
using paser::Key;

std::vector<std::string> seeds_in(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

/// The text with one to four places changed: a bit, a byte, some bytes cut out or put in twice.
std::string mutated(std::string text, Key key) {
  const Index changes = key.uniform_int(0, 5);
  for (Index i = 0; i < changes && !text.empty(); ++i) {
    const Key one = key.fold(static_cast<std::uint64_t>(i) + 1);
    const auto at = static_cast<std::size_t>(one.uniform_int(0, static_cast<Index>(text.size())));
    const auto length = static_cast<std::size_t>(one.uniform_int(1, 16)) + 1;
    switch (one.uniform_int(2, 5)) {
      case 0:
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << one.uniform_int(3, 8)));
        break;
      case 2:
        text[at] = static_cast<char>(one.uniform_int(3, 256));
        break;
      case 3:
        text.erase(at, length);
        break;
      default:
        text.insert(at, text.substr(at, length));
    }
  }
  return text;
}

std::string random_bytes(Key key) {
  std::string text(static_cast<std::size_t>(key.uniform_int(0, 96)) + 32, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(key.uniform_int(i + 1, 256));
  return text;
}

std::string input;

}  // namespace

int main(int argc, char** argv) {
  const long inputs = argc > 1 ? std::atol(argv[1]) : 0;
  const bool beside = argc == 4 && std::string_view(argv[2]) == "--beside";
  const auto seeds = argc == 3 ? seeds_in(argv[2]) : std::vector<std::string>{};
  if (inputs < 1 || argc > 4 || (argc == 4 && !beside) || (argc == 3 && seeds.empty())) {
    std::fprintf(stderr, "usage: %s INPUTS [FOLDER OF SEEDS | --beside ISA]\n", argv[0]);
    return 2;
  }
  std::optional<fuzz::Beside> other;
  if (beside) other.emplace(argv[3]);
  std::signal(SIGABRT, [](int) { std::ofstream("finding", std::ios::binary) << input; });
  for (long i = 0; i < inputs; ++i) {
    const Key key{static_cast<std::uint64_t>(i)};
    const auto seed = static_cast<std::size_t>(i) % std::max<std::size_t>(1, seeds.size());
    input = seeds.empty() ? random_bytes(key) : mutated(seeds[seed], key);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  if (other) std::printf("%ld numbers of two instruction sets\n", other->end());
  std::printf("%ld inputs\n", inputs);
}
