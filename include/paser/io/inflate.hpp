#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "paser/io/deflate.hpp"

/// Unpacking of deflate streams (RFC 1951), as strict as zlib: stb_image takes codes that are none, and does not tell
/// where a stream ends, so that its checksum cannot be found.
namespace paser::io {

/// What a stream came to.
struct Inflated {
  std::size_t size;      ///< bytes unpacked
  std::size_t consumed;  ///< bytes of the stream
};

namespace detail {

/// A prefix code, given by the lengths of the codes of its symbols.
class PrefixCode {
 public:
  static constexpr int longest = 15, fast_bits = 10;

  struct Entry {
    std::int16_t symbol = -1;  ///< -1: no code begins so
    std::uint8_t length = 0;
  };

  /// False where the lengths are no code: too many, or too few that are not a single one or none.
  bool build(std::span<const std::uint8_t> lengths) {
    counts_.fill(0);
    for (const std::uint8_t length : lengths) ++counts_[length];
    counts_[0] = 0;
    int left = 1, codes = 0;
    std::array<int, longest + 1> next{}, place{};
    for (std::size_t n = 1; n <= longest; ++n) {
      next[n] = (next[n - 1] + counts_[n - 1]) * 2;
      place[n] = place[n - 1] + counts_[n - 1];
      left = left * 2 - counts_[n];
      codes += counts_[n];
      if (left < 0) return false;
    }
    fast_.fill({});
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      const std::size_t n = lengths[symbol];
      if (n == 0) continue;
      symbols_[static_cast<std::size_t>(place[n]++)] = static_cast<std::int16_t>(symbol);
      const auto code = static_cast<std::uint32_t>(next[n]++);
      if (n > fast_bits) continue;
      std::uint32_t reversed = 0;  // the first bit of a code is the lowest of the stream
      for (std::size_t i = 0; i < n; ++i) reversed |= (code >> i & 1) << (n - 1 - i);
      for (std::size_t i = reversed; i < fast_.size(); i += std::size_t{1} << n)
        fast_[i] = {static_cast<std::int16_t>(symbol), static_cast<std::uint8_t>(n)};
    }
    return left == 0 || codes == 0 || (codes == 1 && counts_[1] == 1);
  }

  /// The symbol whose code the bits begin with.
  Entry find(std::uint64_t bits) const {
    const Entry fast = fast_[bits & (fast_.size() - 1)];
    if (fast.length > 0) return fast;
    int code = 0, first = 0, index = 0;
    for (std::size_t n = 1; n <= longest; ++n, bits >>= 1) {
      code |= static_cast<int>(bits & 1);
      if (code - first < counts_[n])
        return {symbols_[static_cast<std::size_t>(index + code - first)], static_cast<std::uint8_t>(n)};
      index += counts_[n];
      first = (first + counts_[n]) * 2;
      code *= 2;
    }
    return {};
  }

 private:
  std::array<Entry, std::size_t{1} << fast_bits> fast_;
  std::array<int, longest + 1> counts_{};
  std::array<std::int16_t, 288> symbols_{};
};

/// The codes of a block: of bytes, lengths and the block's end, and of distances.
struct BlockCodes {
  PrefixCode literals, distances;
};

/// Those of blocks that bring none. Made once: a stream may have such a block in every ten bits.
inline const BlockCodes& fixed_codes() {
  static const BlockCodes fixed = [] {
    BlockCodes codes;
    std::array<std::uint8_t, 288> lengths;
    for (std::size_t i = 0; i < lengths.size(); ++i) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    std::array<std::uint8_t, 32> fives;
    fives.fill(5);
    codes.literals.build(lengths);
    codes.distances.build(fives);
    return codes;
  }();
  return fixed;
}

/// Unpacks one stream. Every member returns false on damage.
class Inflater {
 public:
  Inflater(std::string_view packed, std::span<std::uint8_t> out) : in_(packed), out_(out) {}

  bool run() {
    for (bool last = false; !last;) {
      std::uint32_t kind = 0, final_block = 0;
      if (!take(1, final_block) || !take(2, kind)) return false;
      last = final_block != 0;
      const bool done = kind == 0   ? stored()
                        : kind == 1 ? coded(fixed_codes())
                        : kind == 2 ? read_codes() && coded(codes_)
                                    : false;
      if (!done) return false;
    }
    return true;
  }

  Inflated result() const { return {size_, at_ - static_cast<std::size_t>(count_ / 8)}; }

 private:
  void refill() {
    for (; count_ <= 56 && at_ < in_.size(); count_ += 8)
      held_ |= std::uint64_t{static_cast<unsigned char>(in_[at_++])} << count_;
  }
  bool drop(int bits) {
    held_ >>= bits;
    count_ -= bits;
    return count_ >= 0;
  }
  bool take(int bits, std::uint32_t& value) {
    refill();
    value = static_cast<std::uint32_t>(held_ & ((std::uint64_t{1} << bits) - 1));
    return drop(bits);
  }
  /// -1 where no symbol is to be had.
  int symbol(const PrefixCode& code) {
    refill();
    const auto [found, length] = code.find(held_);
    return drop(length) ? found : -1;
  }

  bool stored() {
    drop(count_ % 8);
    std::uint32_t size = 0, inverse = 0;
    if (!take(16, size) || !take(16, inverse) || size != (inverse ^ 0xFFFFu)) return false;
    at_ -= static_cast<std::size_t>(count_ / 8);
    held_ = 0;
    count_ = 0;
    if (size > in_.size() - at_ || size > out_.size() - size_) return false;
    std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(at_), size,
                out_.begin() + static_cast<std::ptrdiff_t>(size_));
    at_ += size;
    size_ += size;
    return true;
  }

  bool read_codes() {
    constexpr std::uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    std::uint32_t literals = 0, distances = 0, lengths = 0;
    if (!take(5, literals) || !take(5, distances) || !take(4, lengths)) return false;
    if ((literals += 257) > 286 || ++distances > 30) return false;
    std::array<std::uint8_t, 19> of_lengths{};
    for (std::uint32_t i = 0; i < lengths + 4; ++i) {
      std::uint32_t length = 0;
      if (!take(3, length)) return false;
      of_lengths[order[i]] = static_cast<std::uint8_t>(length);
    }
    if (!codes_.literals.build(of_lengths)) return false;
    std::array<std::uint8_t, 286 + 30> all{};
    for (std::uint32_t i = 0; i < literals + distances;) {
      const int s = symbol(codes_.literals);
      if (s < 0 || (s == 16 && i == 0)) return false;
      std::uint32_t repeats = 0;
      if (s >= 16 && !take(s == 16 ? 2 : s == 17 ? 3 : 7, repeats)) return false;
      repeats += s < 16 ? 1 : s < 18 ? 3 : 11;
      if (repeats > literals + distances - i) return false;
      const std::uint8_t length = s < 16 ? static_cast<std::uint8_t>(s) : s == 16 ? all[i - 1] : std::uint8_t{0};
      for (; repeats > 0; --repeats) all[i++] = length;
    }
    const std::span<const std::uint8_t> lengths_of(all);
    return all[256] > 0 && codes_.literals.build(lengths_of.first(literals)) &&
           codes_.distances.build(lengths_of.subspan(literals, distances));
  }

  /// The symbols of a block up to its end: bytes, and copies of what came before.
  bool coded(const BlockCodes& codes) {
    constexpr std::uint16_t length_base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                             31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    constexpr std::uint16_t distance_base[] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                               33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                               1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    for (;;) {
      const int s = symbol(codes.literals);
      if (s == 256) return true;
      if (s < 0 || s > 285) return false;
      if (s < 256) {
        if (size_ == out_.size()) return false;
        out_[size_++] = static_cast<std::uint8_t>(s);
        continue;
      }
      const auto l = static_cast<std::size_t>(s - 257);
      std::uint32_t length = 0, distance = 0;
      if (!take(l < 8 || l == 28 ? 0 : static_cast<int>(l) / 4 - 1, length)) return false;
      const int d = symbol(codes.distances);
      if (d < 0 || d > 29 || !take(d < 4 ? 0 : d / 2 - 1, distance)) return false;
      length += length_base[l];
      distance += distance_base[d];
      if (distance > size_ || length > out_.size() - size_) return false;
      for (std::uint8_t* to = out_.data() + size_; length > 0; --length, ++to, ++size_) *to = *(to - distance);
    }
  }

  std::string_view in_;
  std::span<std::uint8_t> out_;
  std::size_t at_ = 0, size_ = 0;
  std::uint64_t held_ = 0;  // bits that are read and not taken
  int count_ = 0;
  BlockCodes codes_;  // of a block that brings its own
};

}  // namespace detail

/// Unpacks the deflate stream that `packed` begins with; none where that is damaged, cut off, or more than `out` holds.
inline std::optional<Inflated> inflate(std::string_view packed, std::span<std::uint8_t> out) {
  detail::Inflater inflater(packed, out);
  if (!inflater.run()) return std::nullopt;
  return inflater.result();
}

/// The same for a zlib stream (RFC 1950), whose checksum must be that of what is unpacked.
inline std::optional<Inflated> zlib_decompress(std::string_view packed, std::span<std::uint8_t> out) {
  constexpr std::size_t header = 2, checksum = 4;
  if (packed.size() < header + checksum) return std::nullopt;
  const std::uint32_t start = detail::big_endian(packed, 0, header);
  const bool known = start % 31 == 0 && (start >> 8 & 15) == 8 && start >> 12 <= 7 && (start & 32) == 0;
  if (!known) return std::nullopt;
  const auto done = inflate(packed.substr(header), out);
  if (!done || done->consumed + header + checksum > packed.size()) return std::nullopt;
  const std::string_view data(reinterpret_cast<const char*>(out.data()), done->size);
  if (detail::big_endian(packed, header + done->consumed, checksum) != detail::adler32(data)) return std::nullopt;
  return Inflated{done->size, header + done->consumed + checksum};
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
