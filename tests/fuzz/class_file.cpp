/// Any text as a class file: a map whose names can be written and shown, or an error of paser's.
#include "paser/data/class_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace paser;
  try {
    const auto map = paser::data::parse_class_file(std::string(reinterpret_cast<const char*>(bytes), size), "fuzzed");
    if (map.classes() < 1 || map.classes() > 255) __builtin_trap();
    for (Index k = 0; k < map.classes(); ++k)
      if (map.name(k).empty() || visible(map.name(k)) != map.name(k)) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
