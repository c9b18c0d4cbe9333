#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/io/crc32.hpp"
#include "paser/io/inflate.hpp"

namespace paser::io {

/// Whether the content starts with the signature of gzip, whatever its file is called.
inline bool is_gzip(std::string_view content) {
  return content.starts_with("\x1f\x8b");
}

namespace detail {

/// Reads the fields of a gzip header; every step checks that the bytes are there.
class GzipHeader {
 public:
  GzipHeader(std::string_view content, const std::string& origin) : content_(content), origin_(origin) {
    check<FormatError>(content.size() >= 18, origin.c_str(), content.size(), " bytes are too few for a gzip file");
    check<FormatError>(at(2) == 8, origin.c_str(), "gzip method ", at(2), " is unknown, expected 8 (deflate)");
    const unsigned flags = at(3);
    check<FormatError>((flags & 0xE0u) == 0, origin.c_str(), "reserved gzip flags are set: ", flags);
    length_ = 10;
    if (flags & 4u) advance(2 + std::size_t{at(length_)} + std::size_t{at(length_ + 1)} * 256);
    if (flags & 8u) skip_text();
    if (flags & 16u) skip_text();
    if (flags & 2u) {
      const std::uint32_t crc = Crc32().add(content.substr(0, length_)).value() & 0xFFFFu;
      check<FormatError>(crc == (at(length_) | at(length_ + 1) << 8), origin.c_str(), "the gzip header is damaged");
      advance(2);
    }
  }

  std::size_t length() const { return length_; }

 private:
  unsigned at(std::size_t i) const {
    require(i < content_.size());
    return static_cast<unsigned char>(content_[i]);
  }
  void require(bool inside) const { check<FormatError>(inside, origin_.c_str(), "the gzip header is cut off"); }
  void advance(std::size_t bytes) {
    length_ += bytes;
    require(length_ + 8 <= content_.size());
  }
  void skip_text() {
    const auto end = content_.find('\0', length_);
    require(end != std::string_view::npos);
    advance(end + 1 - length_);
  }

  std::string_view content_;
  const std::string& origin_;
  std::size_t length_ = 0;
};

inline std::uint32_t little_endian_32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// The parts of a gzip file of one member: its deflate stream, and what it says of the bytes in there.
struct GzipMember {
  std::string_view packed;
  std::uint32_t crc, size;
};

/// Throws FormatError where the compressed bytes cannot hold the size that the file claims.
inline GzipMember gzip_member(std::string_view content, const std::string& origin) {
  const GzipHeader header(content, origin);
  const std::string_view packed = content.substr(header.length(), content.size() - 8 - header.length());
  const std::uint32_t crc = little_endian_32(content.substr(content.size() - 8));
  const std::uint32_t size = little_endian_32(content.substr(content.size() - 4));
  constexpr auto limit = static_cast<std::size_t>(std::numeric_limits<int>::max());
  check<FormatError>(packed.size() <= limit - 8, origin.c_str(), "gzip files over 2 GiB are not supported");
  // Deflate cannot do better than 258 bytes for 2 bits. Of a file that was cut off these four bytes are any.
  check<FormatError>(size <= packed.size() * 1032, origin.c_str(), "damaged or cut off: the gzip file claims ", size,
                     " bytes from ", packed.size());
  check<FormatError>(size <= limit, origin.c_str(),
                     "damaged or cut off, or over 2 GiB, which is not supported: the gzip ", "file claims ", size,
                     " bytes from ", packed.size());
  return {packed, crc, size};
}

inline void require_unpacked(bool done, const GzipMember& member, const std::string& origin) {
  check<FormatError>(done, origin.c_str(), "damaged or cut off: the gzip file does not unpack to the ", member.size,
                     " bytes that it claims");
}

}  // namespace detail

/// What is known of a gzip file before it is unpacked.
struct GzipStart {
  std::string bytes;     ///< the first ones of its content
  std::size_t size = 0;  ///< of the content, as the file claims it
};

/// The first bytes, `count` or fewer where there are not so many, of what a gzip file unpacks to, and the size that it
/// claims. Damage behind them is not noticed. Throws FormatError.
inline GzipStart gzip_start(std::string_view content, std::size_t count, const std::string& origin) {
  const detail::GzipMember member = detail::gzip_member(content, origin);
  constexpr std::size_t block = 1 << 16;  // a block that is stored and does not fit is not begun
  std::string unpacked(std::min<std::size_t>(member.size, count + block), '\0');
  detail::Inflater inflater(member.packed, {reinterpret_cast<std::uint8_t*>(unpacked.data()), unpacked.size()});
  inflater.run();
  unpacked.resize(std::min(count, unpacked.size()));
  detail::require_unpacked(inflater.result().size >= unpacked.size(), member, origin);
  return {unpacked, member.size};
}

/// Unpacks a gzip file of one member (RFC 1952), checked by its length and CRC-32. The size that the file claims is
/// believed only if its compressed bytes can hold that much. `origin` is the file's name for messages.
/// Throws FormatError.
inline std::string gunzip(std::string_view content, const std::string& origin) {
  const detail::GzipMember member = detail::gzip_member(content, origin);
  std::string unpacked(member.size, '\0');
  const auto done = inflate(member.packed, {reinterpret_cast<std::uint8_t*>(unpacked.data()), unpacked.size()});
  detail::require_unpacked(done && done->size == member.size, member, origin);
  check<FormatError>(done->consumed == member.packed.size(), origin.c_str(), "damaged: the gzip file has ",
                     member.packed.size() - done->consumed,
                     " bytes behind its data, expected one member and nothing more");
  check<FormatError>(Crc32().add(unpacked).value() == member.crc, origin.c_str(), "damaged: the gzip checksum differs");
  return unpacked;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
