#include "paser/io/gzip.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::reads([&] { (void)paser::io::gunzip(fuzz::text(data, size), "input"); });
}
