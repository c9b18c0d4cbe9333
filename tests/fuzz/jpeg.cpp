#include "fuzz.hpp"
#include "paser/io/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::reads([&] { (void)paser::io::decode_jpeg(fuzz::text(data, size), "input"); });
}
