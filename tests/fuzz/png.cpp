#include "fuzz.hpp"
#include "paser/io/image.hpp"

/// The checksums are put right, or next to no input would come past them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paser::io;
  std::string png(fuzz::text(data, size));
  if (!is_png(png)) return 0;
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = detail::big_endian(png, at, 4);
    if (length > png.size() - at - 12) break;
    std::string sum;
    detail::append_big_endian(sum, Crc32().add(std::string_view(png).substr(at + 4, 4 + length)).value());
    png.replace(at + 8 + length, 4, sum);
    at += 12 + length;
  }
  return fuzz::reads([&] { (void)decode_image(png, "input"); });
}
