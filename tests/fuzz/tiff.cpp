#include "fuzz.hpp"
#include "paser/io/image_file.hpp"

/// A blank page of fax data may be large and take next to no bytes, so the limit is a lower one here.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::reads([&] {
    if (!paser::io::is_tiff(fuzz::text(data, size))) return;
    paser::io::TiffFile file(fuzz::file_of(data, size), {1 << 20});
    for (paser::Index k = 0; k < std::min<paser::Index>(4, file.pages()); ++k)
      (void)fuzz::reads([&] { (void)look_up(file.page(k)); });
  });
}
