#include "paser/data/idx.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::file_of(data, size);
  fuzz::reads([&] { (void)paser::data::read_idx_images(file); });
  return fuzz::reads([&] { (void)paser::data::read_idx_labels(file); });
}
