#include "paser/io/npy.hpp"
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::reads([&] {
    if (!paser::io::is_npy(fuzz::text(data, size))) return;
    paser::io::NpyFile file(fuzz::file_of(data, size), {1 << 20});
    for (paser::Index k = 0; k < std::min<paser::Index>(4, file.pages()); ++k)
      (void)fuzz::reads([&] { (void)file.page(k); });
  });
}
