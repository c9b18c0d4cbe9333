#include "fuzz.hpp"
#include "paser/io/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::reads([&] {
    if (paser::io::is_bmp(fuzz::text(data, size))) (void)paser::io::decode_bmp(fuzz::text(data, size), "input");
  });
}
