/// Any text as a list of images: names, or an error of paser's.
#include "paser/data/pairs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace paser;
  try {
    for (const std::string& stem :
         paser::data::parse_stem_list(std::string(reinterpret_cast<const char*>(bytes), size), "fuzzed"))
      if (stem.empty() || stem.find('\n') != stem.npos || stem.find('\r') != stem.npos) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
