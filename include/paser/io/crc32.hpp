#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace paser::io {

namespace detail {

/// table[k][b]: the register after byte b and k zero bytes.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

/// Polynomial: its bits in reversed order.
inline CrcTables crc_tables(std::uint32_t polynomial) {
  CrcTables table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t c = b;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? polynomial ^ (c >> 1) : c >> 1;
    table[0][b] = c;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b) table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 255];
  return table;
}

}  // namespace detail

/// A cyclic redundancy check of 32 bits, fed piece by piece; eight bytes per step.
template <std::uint32_t Polynomial>
class Crc {
 public:
  /// Takes further bytes into the sum.
  Crc& add(std::span<const std::byte> bytes) {
    static const detail::CrcTables t =
        detail::crc_tables(Polynomial);  // at compile time they would take a tenth of a second
    const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
    while (bytes.size() >= 8) {
      const std::uint32_t low = state_ ^ (at(0) | at(1) << 8 | at(2) << 16 | at(3) << 24);
      state_ = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^ t[3][at(4)] ^
               t[2][at(5)] ^ t[1][at(6)] ^ t[0][at(7)];
      bytes = bytes.subspan(8);
    }
    for (const std::byte b : bytes) state_ = (state_ >> 8) ^ t[0][(state_ ^ std::to_integer<std::uint32_t>(b)) & 255];
    return *this;
  }
  Crc& add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

  std::uint32_t value() const { return ~state_; }  ///< The checksum of all bytes so far.

 private:
  std::uint32_t state_ = ~std::uint32_t{0};
};

/// That of gzip, PNG and zip.
using Crc32 = Crc<0xEDB88320u>;
/// That of iSCSI (Castagnoli), which TFRecords have.
using Crc32c = Crc<0x82F63B78u>;

}  // namespace paser::io
#include "paser/core/macros_on.inc"
