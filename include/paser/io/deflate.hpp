#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "paser/io/bytes.hpp"

/// Packing as PNG files need it: a zlib stream (RFC 1950) of one deflate block with the fixed codes (RFC 1951).
/// stb_image_write has one, whose level and filters are variables of the whole program.
namespace paser::io {

namespace detail {

class DeflateWriter {
 public:
  explicit DeflateWriter(std::string& to) : to_(to) {}

  /// The lowest bit first.
  void bits(std::uint32_t value, int count) {
    held_ |= value << count_;
    for (count_ += count; count_ >= 8; count_ -= 8, held_ >>= 8) to_.push_back(static_cast<char>(held_ & 255));
  }
  /// A code of the fixed table for literals and lengths.
  void symbol(std::uint32_t s) {
    if (s < 144) return code(0x30 + s, 8);
    if (s < 256) return code(0x190 + s - 144, 9);
    if (s < 280) return code(s - 256, 7);
    code(0xC0 + s - 280, 8);
  }
  /// A copy of 3 .. 258 bytes from 1 .. 32768 bytes before.
  void copy(std::uint32_t length, std::uint32_t distance) {
    if (length == 258) {
      symbol(285);
    } else {
      const auto [group, extra] = split(length - 3, 2);
      symbol(257 + group);
      bits((length - 3) & ((1u << extra) - 1), extra);
    }
    const auto [group, extra] = split(distance - 1, 1);
    code(group, 5);
    bits((distance - 1) & ((1u << extra) - 1), extra);
  }
  void flush() { bits(0, (8 - count_) % 8); }

 private:
  struct Group {
    std::uint32_t number;
    int extra_bits;
  };
  /// Values fall into groups, 2^`sub` for each power of two, whose members the extra bits tell apart.
  static Group split(std::uint32_t value, int sub) {
    const int extra = std::max(0, static_cast<int>(std::bit_width(value)) - 1 - sub);
    return {(static_cast<std::uint32_t>(extra) << sub) + (value >> extra), extra};
  }
  /// Codes come with their highest bit first.
  void code(std::uint32_t value, int count) {
    std::uint32_t turned = 0;
    for (int k = 0; k < count; ++k) turned |= (value >> k & 1) << (count - 1 - k);
    bits(turned, count);
  }

  std::string& to_;
  std::uint32_t held_ = 0;
  int count_ = 0;
};

/// Where the last bytes of the same hash were.
class MatchFinder {
 public:
  explicit MatchFinder(std::string_view data) : data_(data), first_(slots, none), next_(window, none) {}

  struct Match {
    std::size_t length = 0, distance = 0;
  };
  /// The longest of the nearest earlier copies of what is at `at`.
  Match find(std::size_t at) const {
    Match best;
    if (at + 3 > data_.size()) return best;
    const std::size_t most = std::min<std::size_t>(258, data_.size() - at);
    std::size_t from = first_[hash(at)];
    for (int tries = 0; tries < 32 && from != none && at - from <= window; ++tries) {
      std::size_t length = 0;
      while (length < most && data_[from + length] == data_[at + length]) ++length;
      if (length > best.length) best = {length, at - from};
      if (length == most) break;
      const std::size_t before = next_[from % window];
      if (before == none || before >= from) break;
      from = before;
    }
    return best;
  }
  void add(std::size_t at) {
    if (at + 3 > data_.size()) return;
    std::size_t& first = first_[hash(at)];
    next_[at % window] = first;
    first = at;
  }

 private:
  static constexpr std::size_t window = 32768, slots = 32768, none = static_cast<std::size_t>(-1);

  std::size_t hash(std::size_t at) const {
    const std::uint32_t bytes = little_endian(data_, at, 3);
    return bytes * 2654435761u >> 17;
  }

  std::string_view data_;
  std::vector<std::size_t> first_, next_;
};

inline std::uint32_t adler32(std::string_view data) {
  std::uint32_t a = 1, b = 0;
  for (const char c : data) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

}  // namespace detail

/// The data as a zlib stream; the same bytes on every machine.
inline std::string zlib_compress(std::string_view data) {
  std::string packed("\x78\x5E");
  detail::DeflateWriter out(packed);
  detail::MatchFinder earlier(data);
  out.bits(1, 1);  // the last block
  out.bits(1, 2);  // of fixed codes
  for (std::size_t at = 0; at < data.size();) {
    const auto match = earlier.find(at);
    const std::size_t length = match.length >= 3 ? match.length : 1;
    if (length > 1)
      out.copy(static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(match.distance));
    else
      out.symbol(static_cast<unsigned char>(data[at]));
    for (const std::size_t end = at + length; at < end; ++at) earlier.add(at);
  }
  out.symbol(256);
  out.flush();
  detail::append_big_endian(packed, detail::adler32(data));
  return packed;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
