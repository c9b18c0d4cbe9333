#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

/// The entropy-coded data of JPEG files (ITU-T T.81), walked over without making pixels of them: decoders fill up what
/// is cut off and go on behind what is damaged, and so take a part of a picture for a whole one.
namespace paser::io::detail {

/// A Huffman table of a JPEG file.
class JpegCodes {
 public:
  JpegCodes() = default;

  /// `lengths`: the numbers of codes of 1 .. 16 bits; `symbols`: what they stand for, at most 256. Codes that do not
  /// fit their lengths are left out: none of them is ever found.
  JpegCodes(std::string_view lengths, std::string_view symbols) : symbols_(symbols), known_(true) {
    std::uint32_t code = 0;
    std::int32_t first = 0;
    for (std::size_t length = 1; length <= 16; ++length, code <<= 1) {
      const auto count = static_cast<unsigned char>(lengths[length - 1]);
      first_[length] = first - static_cast<std::int32_t>(code);
      for (int i = 0; i < count && code < (std::uint32_t{1} << length); ++i, ++code, ++first)
        if (length <= fast_bits)
          std::fill_n(fast_.begin() + (code << (fast_bits - length)), std::size_t{1} << (fast_bits - length),
                      static_cast<std::uint16_t>(
                          length << 8 | static_cast<unsigned char>(symbols_[static_cast<std::size_t>(first)])));
      end_[length] = code << (16 - length);
    }
  }

  bool known() const { return known_; }

  /// Length << 8 | symbol of the code that the next 16 bits start with; 0 when it is none.
  std::uint32_t find(std::uint32_t bits) const {
    if (const std::uint32_t found = fast_[bits >> (16 - fast_bits)]; found != 0) return found;
    for (std::uint32_t length = fast_bits + 1; length <= 16; ++length)
      if (bits < end_[length]) {
        const std::int32_t place = first_[length] + static_cast<std::int32_t>(bits >> (16 - length));
        return length << 8 | static_cast<unsigned char>(symbols_[static_cast<std::size_t>(place)]);
      }
    return 0;
  }

 private:
  static constexpr std::uint32_t fast_bits = 9;
  std::string symbols_;
  bool known_ = false;
  std::array<std::uint16_t, std::size_t{1} << fast_bits> fast_{};  // by the first bits; 0 where the code is longer
  std::array<std::uint32_t, 17> end_{};                            // behind the last code of a length, as 16 bits
  std::array<std::int32_t, 17> first_{};  // place of a length's first symbol, less its first code
};

/// A colour channel of a JPEG file.
struct JpegComponent {
  int id = 0, h = 1, v = 1, quantization = 0;
  Index wide = 0, high = 0;            ///< blocks of 8 x 8 in a scan of its own
  std::array<int, 64> lowest{};        ///< bit of each coefficient that has come; -1 before any
  std::vector<std::uint64_t> nonzero;  ///< coefficients of each block, in scans of one band of frequencies
  int scans = 0;                       ///< that have come
};

/// What a scan's header says.
struct JpegScan {
  struct Part {
    JpegComponent* component;
    const JpegCodes *dc, *ac;
    std::array<Index, 64> most{};  ///< size that each coefficient can have in a file that an encoder wrote
    Index mean = 0;                ///< of the block before, the first coefficient
  };
  std::vector<Part> parts;
  bool progressive = false;
  int first = 0, last = 63, high = 0, low = 0;  ///< of the coefficients, and of the bits of successive approximation
  Index wide = 0, high_units = 0;               ///< MCUs
  Index restart = 0;                            ///< MCUs between two restart markers; 0: no markers
};

/// Walks over the data of one scan.
class JpegScanWalk {
 public:
  /// `position` is that of the first byte of data in `file`.
  JpegScanWalk(std::string_view file, std::size_t position, JpegScan& scan, const std::string& origin)
      : file_(file), at_(position), scan_(scan), origin_(origin) {}

  /// Returns the position of the marker behind the scan. Throws FormatError unless the data hold all MCUs and no more.
  std::size_t run() {
    const Index units = scan_.wide * scan_.high_units;
    const bool single = scan_.parts.size() == 1;
    for (unit_ = 0; unit_ < units;) {
      const Index end = scan_.restart > 0 ? std::min(units, unit_ + scan_.restart) : units;
      band_end_ = 0;
      for (auto& part : scan_.parts) part.mean = 0;
      while (unit_ < end) {
        if (single) {
          block(scan_.parts[0], unit_);
        } else {
          for (auto& part : scan_.parts)
            for (int i = 0; i < part.component->h * part.component->v; ++i) block(part, 0);
        }
        ++unit_;
        if (skips_ && band_end_ > 0) {  // blocks of which nothing is stored
          const Index skipped = std::min(band_end_, end - unit_);
          unit_ += skipped;
          band_end_ -= skipped;
        }
      }
      check<FormatError>(band_end_ == 0, origin_.c_str(), damaged,
                         "a run of empty blocks goes past the end of its scan");
      end_segment();
      if (unit_ < units) restart_marker();
    }
    return at_;
  }

 private:
  static constexpr const char* damaged = "the JPEG data are damaged or cut off: ";

  void require(bool ok, const char* what) const {
    check<FormatError>(ok, origin_.c_str(), damaged, what, " at byte ", at_, ", in MCU ", unit_, " of ",
                       scan_.wide * scan_.high_units);
  }

  void fill() {
    while (count_ <= 56 && at_ < file_.size()) {
      const auto byte = static_cast<unsigned char>(file_[at_]);
      if (byte == 0xFF && (at_ + 1 >= file_.size() || file_[at_ + 1] != 0)) return;
      bits_ |= std::uint64_t{byte} << (56 - count_);
      count_ += 8;
      at_ += byte == 0xFF ? 2 : 1;
    }
  }

  void drop(int count) {
    require(count <= count_, "they end before the last MCU");
    bits_ <<= count;
    count_ -= count;
  }

  std::uint32_t take(int count) {
    if (count == 0) return 0;
    if (count_ < count) fill();
    const auto value = static_cast<std::uint32_t>(bits_ >> (64 - count));
    drop(count);
    return value;
  }

  std::uint32_t symbol(const JpegCodes& codes) {
    if (count_ < 16) fill();
    const std::uint32_t found = codes.find(static_cast<std::uint32_t>(bits_ >> 48));
    require(found != 0 || count_ >= 16, "they end before the last MCU");
    require(found != 0, "there is no such Huffman code");
    drop(static_cast<int>(found >> 8));
    return found & 255;
  }

  void block(JpegScan::Part& part, Index number) {
    if (!scan_.progressive || scan_.first == 0) dc(part);
    if (!scan_.progressive)
      ac_sequential(part);
    else if (scan_.first > 0 && scan_.high == 0)
      ac_first(part, part.component->nonzero[static_cast<std::size_t>(number)]);
    else if (scan_.first > 0)
      ac_refine(part, part.component->nonzero[static_cast<std::size_t>(number)]);
  }

  void dc(JpegScan::Part& part) {
    if (scan_.high > 0) {
      take(1);
      return;
    }
    const auto size = static_cast<int>(symbol(*part.dc));
    require(size <= 11, "a difference has too many bits");
    part.mean += signed_value(size);
    require(std::abs(part.mean) << scan_.low <= part.most[0], "the mean of a block is out of range");
  }

  /// The next `size` bits as JPEG codes numbers of that size: the smaller half is negative.
  Index signed_value(int size) {
    const Index value = take(size), half = size > 0 ? Index{1} << (size - 1) : 0;
    return value >= half ? value : value - 2 * half + 1;
  }

  void coefficient(const JpegScan::Part& part, int k, int size) {
    require(size <= 10 && std::abs(signed_value(size)) << scan_.low <= part.most[static_cast<std::size_t>(k)],
            "a coefficient is out of range");
  }

  void ac_sequential(const JpegScan::Part& part) {
    for (int k = 1; k < 64; ++k) {
      const std::uint32_t s = symbol(*part.ac);
      if (s == 0) return;
      const auto run = static_cast<int>(s >> 4), size = static_cast<int>(s & 15);
      k += run;
      require(k < 64, "a block has more than 64 coefficients");
      require(size > 0 || run == 15, "a coefficient is malformed");
      if (size > 0) coefficient(part, k, size);
    }
  }

  /// A run of blocks without more coefficients in this band; this block is the first of them.
  void end_band(int size) { band_end_ = (Index{1} << size) - 1 + take(size); }

  void ac_first(JpegScan::Part& part, std::uint64_t& nonzero) {
    skips_ = true;
    for (int k = scan_.first; k <= scan_.last; ++k) {
      const std::uint32_t s = symbol(*part.ac);
      const auto run = static_cast<int>(s >> 4), size = static_cast<int>(s & 15);
      if (size == 0 && run < 15) return end_band(run);
      k += run;
      require(k <= scan_.last, "a block has more coefficients than its band");
      if (size == 0) continue;
      coefficient(part, k, size);
      nonzero |= std::uint64_t{1} << k;
    }
  }

  void ac_refine(JpegScan::Part& part, std::uint64_t& nonzero) {
    int k = scan_.first;
    bool ended = band_end_ > 0;
    if (ended) --band_end_;
    for (; !ended && k <= scan_.last; ++k) {
      const std::uint32_t s = symbol(*part.ac);
      auto run = static_cast<int>(s >> 4);
      const auto size = static_cast<int>(s & 15);
      if (size == 0 && run < 15) {
        end_band(run);
        ended = true;
        break;
      }
      require(size <= 1, "a coefficient is malformed");
      take(size);  // the sign comes before the bits of the coefficients that are passed over
      for (; k <= scan_.last; ++k) {
        if (nonzero >> k & 1)
          take(1);
        else if (run-- == 0)
          break;
      }
      require(k <= scan_.last, "a block has more coefficients than its band");
      if (size > 0) nonzero |= std::uint64_t{1} << k;
    }
    if (ended)
      for (; k <= scan_.last; ++k)
        if (nonzero >> k & 1) take(1);
  }

  /// Less than a byte may be left before the next marker. (Some cameras write zeros behind the last MCU.)
  void end_segment() {
    fill();
    bits_ <<= count_ % 8;
    bool zeros = bits_ == 0;
    std::size_t left = static_cast<std::size_t>(count_ / 8);
    for (; at_ + 1 < file_.size() && !(file_[at_] == '\xFF' && file_[at_ + 1] != 0); ++at_, ++left)
      zeros = zeros && file_[at_] == 0;
    check<FormatError>(zeros, origin_.c_str(), damaged, left, " bytes are left over after MCU ", unit_, " of ",
                       scan_.wide * scan_.high_units);
    bits_ = 0;
    count_ = 0;
  }

  void restart_marker() {
    while (at_ + 1 < file_.size() && file_[at_ + 1] == '\xFF') ++at_;  // fill bytes
    require(at_ + 1 < file_.size() && static_cast<unsigned char>(file_[at_ + 1]) == 0xD0 + next_restart_,
            "expected a restart marker");
    next_restart_ = (next_restart_ + 1) % 8;
    at_ += 2;
  }

  std::string_view file_;
  std::size_t at_;
  JpegScan& scan_;
  const std::string& origin_;
  std::uint64_t bits_ = 0;  // the next bits, from the top
  int count_ = 0;
  Index unit_ = 0, band_end_ = 0;
  bool skips_ = false;
  int next_restart_ = 0;
};

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
