#include "fixed_png.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paser::io;
  if (!is_png(fuzz::text(data, size))) return 0;
  return fuzz::reads([&] { (void)decode_image(fuzz::fixed_png(fuzz::text(data, size)), "input"); });
}
