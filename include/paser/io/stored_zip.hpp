#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/io/bytes.hpp"
#include "paser/io/crc32.hpp"

namespace paser::io {

namespace detail {

/// Reads the directory of a ZIP archive, in which every length and place is checked against the content.
class StoredZip {
 public:
  StoredZip(std::string_view content, const std::string& origin) : content_(content), origin_(origin) {
    const std::size_t end = find_end();
    std::uint64_t count = number(end + 10, 2), place = number(end + 16, 4);
    if (count == 0xFFFF || place == 0xFFFFFFFF) {  // larger numbers stand in the records of ZIP64 before it
      require(end >= 20 && number(end - 20, 4) == 0x07064B50, "its ZIP64 locator is missing");
      const std::uint64_t wide = number(end - 12, 8);
      require(wide < content_.size() && number(wide, 4) == 0x06064B50, "its ZIP64 directory is missing");
      count = number(wide + 32, 8);
      place = number(wide + 48, 8);
    }
    for (; count > 0; --count) place = read_entry(place);
  }

  std::map<std::string, std::string_view> take() { return std::move(entries_); }

 private:
  static constexpr std::size_t end_bytes = 22, entry_bytes = 46, local_bytes = 30;

  void require(bool holds, const char* problem) const {
    check<FormatError>(holds, origin_.c_str(), "is no whole ZIP archive: ", problem);
  }

  std::uint64_t number(std::uint64_t place, std::size_t bytes) const {
    require(place <= content_.size() && content_.size() - place >= bytes, "a record is cut off");
    const std::size_t low = std::min<std::size_t>(bytes, 4);
    std::uint64_t value = little_endian(content_, place, low);
    if (bytes > 4) value |= std::uint64_t{little_endian(content_, place + 4, 4)} << 32;
    return value;
  }

  std::string_view part(std::uint64_t place, std::uint64_t bytes) const {
    require(place <= content_.size() && content_.size() - place >= bytes, "an entry is cut off");
    return content_.substr(place, bytes);
  }

  /// The record at the end of the archive, behind which a comment may stand.
  std::size_t find_end() const {
    require(content_.size() >= end_bytes, "it is too short");
    const std::size_t last = content_.size() - end_bytes, first = last - std::min<std::size_t>(last, 0xFFFF);
    for (std::size_t place = last + 1; place-- > first;)
      if (content_[place] == 'P' && number(place, 4) == 0x06054B50 &&
          place + end_bytes + number(place + 20, 2) == content_.size())
        return place;
    require(false, "its directory is missing");
    return 0;
  }

  /// Reads one entry of the directory and returns where the next one stands.
  std::uint64_t read_entry(std::uint64_t place) {
    require(number(place, 4) == 0x02014B50, "an entry of its directory is missing");
    const std::uint64_t name_bytes = number(place + 28, 2), extra_bytes = number(place + 30, 2);
    const std::string name(part(place + entry_bytes, name_bytes));
    const std::string where = origin_ + ": entry '" + name + "'";
    std::uint64_t packed = number(place + 20, 4), size = number(place + 24, 4), local = number(place + 42, 4);
    widen(part(place + entry_bytes + name_bytes, extra_bytes), {&size, &packed, &local});
    check<FormatError>(number(place + 10, 2) == 0 && packed == size, where.c_str(),
                       "is compressed; only stored entries are read");
    held_ += size;  // entries that share their bytes would be checked as often as they are named
    require(size <= content_.size() && held_ <= content_.size(), "its entries claim more bytes than the file has");
    require(local < content_.size() && number(local, 4) == 0x04034B50, "an entry is not where its directory says");
    const std::string_view bytes = part(local + local_bytes + number(local + 26, 2) + number(local + 28, 2), size);
    check<FormatError>(Crc32().add(bytes).value() == number(place + 16, 4), where.c_str(),
                       "is damaged: its checksum differs");
    check<FormatError>(entries_.emplace(name, bytes).second, where.c_str(), "stands there twice");
    return place + entry_bytes + name_bytes + extra_bytes + number(place + 32, 2);
  }

  /// Takes the numbers that did not fit from the extra field of ZIP64, in its order.
  void widen(std::string_view extra, std::initializer_list<std::uint64_t*> numbers) const {
    while (extra.size() >= 4) {
      const std::size_t kind = little_endian(extra, 0, 2), bytes = little_endian(extra, 2, 2);
      require(extra.size() - 4 >= bytes, "an extra field is cut off");
      std::string_view field = extra.substr(4, bytes);
      extra.remove_prefix(4 + bytes);
      if (kind != 1) continue;
      for (std::uint64_t* const value : numbers) {
        if (*value != 0xFFFFFFFF) continue;
        require(field.size() >= 8, "an extra field of ZIP64 is too short");
        *value = little_endian(field, 0, 4) | std::uint64_t{little_endian(field, 4, 4)} << 32;
        field.remove_prefix(8);
      }
    }
  }

  std::string_view content_;
  const std::string& origin_;
  std::map<std::string, std::string_view> entries_;
  std::uint64_t held_ = 0;
};

}  // namespace detail

/// Whether a file begins as a ZIP archive.
inline bool is_zip(std::string_view content) {
  return content.starts_with("PK\x03\x04");
}

/// The entries of a ZIP archive (PKWARE's APPNOTE, with ZIP64) by name; they point into `content`. Throws FormatError
/// that starts with `origin` when the archive is cut or damaged, or an entry is compressed.
inline std::map<std::string, std::string_view> parse_stored_zip(std::string_view content, const std::string& origin) {
  return detail::StoredZip(content, origin).take();
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
