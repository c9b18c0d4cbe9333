#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <bit>
#include <optional>
#include <type_traits>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/io/bytes.hpp"
#include "paser/io/decoded_image.hpp"
#include "paser/io/file.hpp"

/// NPY files, in which NumPy keeps one array (numpy.lib.format, versions 1 to 3).
namespace paser::io {

/// Whether the content starts as an NPY file.
inline bool is_npy(std::string_view bytes) {
  return bytes.starts_with("\x93NUM");
}

/// An open NPY file as pages of an image file: an array (H, W) or (H, W, 1 or 3) is one page, (N, H, W) and (N, H, W, 1
/// or 3) are N. Whole numbers of 8 and 16 bits without a sign, and truth values (as 0 and 1 of one bit), are kept as
/// they are; other numbers are real.
class NpyFile {
 public:
  /// Throws IoError when the file cannot be read, FormatError on arrays of other shapes or kinds, and on fewer bytes
  /// than the array has.
  explicit NpyFile(const Path& path, const ImageLimits& limits = {})
      : name_(path.string()), limits_(limits), file_(path) {
    const std::string header = read_header();
    const std::string kind = quoted_behind(header, "'descr':");
    const auto known = [&](char byte) { return std::string_view("biuf").find(byte) != std::string_view::npos; };
    check<FormatError>(kind.size() == 3 && known(kind[1]) && kind[2] >= '1' && kind[2] <= '8', name_.c_str(),
                       "holds an array of kind '", kind, "', expected whole or real numbers or truth values");
    swapped_ = kind[0] == (std::endian::native == std::endian::little ? '>' : '<');
    kind_ = kind[1];
    bytes_ = kind[2] - '0';
    const bool legal = kind_ == 'b'   ? bytes_ == 1
                       : kind_ == 'f' ? bytes_ == 4 || bytes_ == 8
                                      : std::has_single_bit(unsigned(bytes_));
    check<FormatError>(legal, name_.c_str(), "holds numbers of kind '", kind, "', which are not read");
    check<FormatError>(header.find("'fortran_order': False") != header.npos, name_.c_str(),
                       "holds an array in Fortran's order; save it by numpy.ascontiguousarray");
    take_shape(shape_in(header));
  }

  Index pages() const { return pages_; }  ///< The pages of a stack, or 1.

  /// Page k, from 0. Throws ValueError when there is no such page, IoError when the file has become shorter,
  /// FormatError on finite numbers that are too large for float.
  DecodedImage page(Index k) {
    check<ValueError>(k >= 0 && k < pages_, name_.c_str(), "has ", pages_, " pages, there is no page ", k);
    std::string raw(static_cast<std::size_t>(shape_.numel() * bytes_), '\0');
    file_.read_at(begin_ + k * static_cast<Index>(raw.size()), raw.data(), static_cast<Index>(raw.size()));
    if (swapped_ && bytes_ > 1)
      for (auto at = raw.begin(); at != raw.end(); at += bytes_) std::reverse(at, at + bytes_);
    DecodedImage page;
    page.bits = kind_ == 'b' ? 1 : 8 * static_cast<int>(bytes_);
    if (kind_ == 'b' || (kind_ == 'u' && bytes_ <= 2))
      page.integers = {numbers<std::uint16_t>(raw), (std::uint32_t{1} << page.bits) - 1};
    else
      page.reals = numbers<float>(raw);
    return page;
  }

 private:
  std::string read_header() {
    std::string start(12, '\0');
    check<FormatError>(file_.size() >= 12, name_.c_str(), "is no NPY file, it ends in its header");
    file_.read_at(0, start.data(), 12);
    check<FormatError>(start.starts_with("\x93NUMPY") && start[6] >= 1 && start[6] <= 3, name_.c_str(),
                       "is no NPY file of version 1, 2 or 3");
    const std::size_t length = start[6] == 1 ? 2 : 4;
    const Index size = detail::little_endian(start, 8, length);
    begin_ = 8 + static_cast<Index>(length) + size;
    check<FormatError>(size <= 65536 && begin_ <= file_.size(), name_.c_str(), "its NPY header of ", size,
                       " bytes is not in the file");
    std::string header(static_cast<std::size_t>(size), '\0');
    file_.read_at(begin_ - size, header.data(), size);
    return header;
  }

  static std::string quoted_behind(const std::string& text, std::string_view name) {
    const auto at = text.find(name);
    const auto begin = at == text.npos ? at : text.find('\'', at + name.size());
    const auto end = begin == text.npos ? begin : text.find('\'', begin + 1);
    return end == text.npos ? std::string() : text.substr(begin + 1, end - begin - 1);
  }

  /// The sizes between the brackets behind the name 'shape'. Throws FormatError when they are no whole numbers between
  /// commas.
  std::vector<Index> shape_in(const std::string& text) const {
    constexpr std::string_view name = "'shape':";
    const auto at = text.find(name), begin = at == text.npos ? at : text.find('(', at + name.size()),
               end = begin == text.npos ? begin : text.find(')', begin);
    const auto refuse = [&] {
      check<FormatError>(false, name_.c_str(), "its NPY header has no 'shape' of whole numbers, as (480, 640)");
    };
    if (end == text.npos) refuse();
    std::vector<Index> sizes;
    std::string_view rest = std::string_view(text).substr(begin + 1, end - begin - 1);
    while (rest.find_first_not_of(' ') != rest.npos) {
      const auto comma = std::min(rest.find(','), rest.size());
      std::string_view size = rest.substr(0, comma);
      size.remove_prefix(std::min(size.find_first_not_of(' '), size.size()));
      size = size.substr(0, size.find_last_not_of(' ') + 1);
      if (size.empty() || size.size() > 12 || size.find_first_not_of("0123456789") != size.npos) refuse();
      Index value = 0;
      for (const char digit : size) value = 10 * value + (digit - '0');
      sizes.push_back(value);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return sizes;
  }

  void take_shape(std::vector<Index> s) {
    const auto channels = [](Index last) { return last == 1 || last == 3; };
    const bool coloured = s.size() == 4 || (s.size() == 3 && channels(s.back()));
    check<FormatError>(s.size() >= 2 && s.size() <= 4 && (s.size() < 4 || channels(s.back())), name_.c_str(),
                       "holds an array of ", s.size(), " dimensions",
                       s.empty() ? std::string() : message(", the last of ", s.back()),
                       "; expected (H, W), (H, W, 1 or 3), (N, H, W) or (N, H, W, 1 or 3)");
    const bool channels_last = s.size() == 3 && (s.back() == 2 || s.back() == 4) && s.front() > 4;
    check<FormatError>(!channels_last, name_.c_str(), "holds an array of ", s.front(), " x ", s[1], " x ", s.back(),
                       ": an image of ", s.back(),
                       " channels, or so many narrow ones; expected 1 or 3 channels, and "
                       "others as images of their own");
    if (!coloured) s.push_back(1);
    pages_ = s.size() == 4 ? s.front() : 1;
    const std::size_t first = s.size() - 3;
    check<FormatError>(pages_ >= 1 && s[first] >= 1 && s[first + 1] >= 1, name_.c_str(), "holds an empty array");
    require_pixels(s[first], s[first + 1], limits_, name_);
    shape_ = {s[first], s[first + 1], s[first + 2]};
    const Index held = file_.size() - begin_, page = shape_.numel() * bytes_;
    check<FormatError>(pages_ <= held / page, name_.c_str(), "claims ", pages_, " pages of ", shape_,
                       " numbers, and is cut off");
    check<FormatError>(pages_ * page == held, name_.c_str(), "holds ", held - pages_ * page,
                       " bytes behind its array; expected one array per file");
  }

  template <class Sample>
  Tensor<Sample, 3> numbers(const std::string& raw) const {
    Tensor<Sample, 3> values(shape_);
    const auto as = [&]<class T>(T value) {
      Sample* to = values.mutable_data();
      for (Index i = 0; i < values.numel(); ++i) {
        std::memcpy(&value, raw.data() + i * static_cast<Index>(sizeof(T)), sizeof(T));
        if constexpr (std::is_same_v<T, double>)
          check<FormatError>(stays_finite<float>(value), name_.c_str(), "number ", i, " of the page is ", value,
                             ", which is too large for numbers of 32 bits");
        // Integers below 0 are read as floating-point samples alone.
        if constexpr (std::is_floating_point_v<Sample> || std::is_unsigned_v<T>) to[i] = static_cast<Sample>(value);
      }
    };
    if (kind_ == 'f')
      bytes_ == 4 ? as(float{}) : as(double{});
    else if (kind_ == 'i')
      bytes_ == 1   ? as(std::int8_t{})
      : bytes_ == 2 ? as(std::int16_t{})
      : bytes_ == 4 ? as(std::int32_t{})
                    : as(std::int64_t{});
    else
      bytes_ == 1   ? as(std::uint8_t{})
      : bytes_ == 2 ? as(std::uint16_t{})
      : bytes_ == 4 ? as(std::uint32_t{})
                    : as(std::uint64_t{});
    return values;
  }

  std::string name_;
  ImageLimits limits_;
  InputFile file_;
  char kind_ = 'u';
  Index bytes_ = 1, begin_ = 0, pages_ = 1;
  bool swapped_ = false;
  Shape<3> shape_{};
};

}  // namespace paser::io
#include "paser/core/macros_on.inc"
