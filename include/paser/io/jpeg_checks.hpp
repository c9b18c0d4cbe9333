#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <optional>

#include "paser/io/bytes.hpp"
#include "paser/io/integer_image.hpp"
#include "paser/io/jpeg_scan.hpp"
#include "paser/io/orientation.hpp"

namespace paser::io::detail {

/// What a JPEG stream says of its picture.
struct JpegFrame {
  Index width = 0, height = 0;
  bool progressive = false;
  std::vector<JpegComponent> components;
  bool jfif = false;
  std::optional<int> adobe;  ///< the colour transform that Adobe's marker names
  int orientation = 1;
};

/// Walks over JPEG streams, marker by marker and code by code. stb_image and libjpeg take damaged streams for whole
/// ones, and some malformed tables make stb_image write outside of its own.
class JpegCheck {
 public:
  JpegCheck(const std::string& origin, const ImageLimits& limits) : origin_(origin), limits_(limits) {}

  /// Takes the tables of a stream without a picture, as TIFF files have them, for the next ones.
  void tables(std::string_view stream) { walk(stream, false); }

  /// Verifies that the stream holds every block of its picture. Throws FormatError.
  const JpegFrame& picture(std::string_view stream) {
    walk(stream, true);
    return *frame_;
  }

 private:
  static constexpr int most_scans = 32;  // of a channel; libjpeg makes 6, and mozjpeg some 10

  template <class... Parts>
  void require(bool ok, const Parts&... parts) const {
    check<FormatError>(ok, origin_.c_str(), "the JPEG data are damaged: ", parts...);
  }

  void walk(std::string_view stream, bool picture) {
    frame_.reset();
    restart_ = 0;
    jfif_ = false;
    adobe_.reset();
    orientation_.reset();
    check<FormatError>(stream.starts_with("\xFF\xD8"), origin_.c_str(), "the JPEG data have no start");
    const auto inside = [&](bool ok) {
      check<FormatError>(ok, origin_.c_str(), "the JPEG file is cut off at byte ", stream.size());
    };
    for (std::size_t at = 2;;) {
      // Between segments there may be fill bytes.
      at = stream.find('\xFF', at);
      inside(at != stream.npos && at + 1 < stream.size());
      const auto marker = static_cast<unsigned char>(stream[++at]);
      if (marker == 0xFF) continue;
      ++at;
      if (marker == 0xD9) break;
      if (marker <= 1 || (marker >= 0xD0 && marker <= 0xD8)) continue;
      inside(at + 2 <= stream.size());
      const std::size_t length = big_endian(stream, at, 2);
      require(length >= 2, "a segment has length ", length);
      inside(at + length <= stream.size());
      const std::string_view segment = stream.substr(at + 2, length - 2);
      at += length;
      if (marker == 0xDA)
        at = scan(stream, at, segment);
      else
        take(marker, segment);
    }
    if (!picture) return;
    require(frame_.has_value(), "there is no picture");
    for (const JpegComponent& c : frame_->components)
      require(std::ranges::all_of(c.lowest, [](int bit) { return bit == 0; }),
              "scans are missing, so the picture is incomplete");
    frame_->jfif = jfif_;
    frame_->adobe = adobe_;
    frame_->orientation = orientation_.value_or(1);
  }

  void take(unsigned char marker, std::string_view segment) {
    using namespace std::string_view_literals;
    if (marker == 0xC4) huffman_tables(segment);
    if (marker == 0xDB) quantization_tables(segment);
    if (marker == 0xDD) {
      require(segment.size() == 2, "the restart interval is malformed");
      restart_ = big_endian(segment, 0, 2);
    }
    if (marker == 0xE0 && segment.starts_with("JFIF\0"sv)) jfif_ = true;
    if (marker == 0xE1 && segment.starts_with("Exif\0\0"sv) && !orientation_)
      orientation_ = exif_orientation(segment.substr(6));
    if (marker == 0xEE && segment.starts_with("Adobe"sv) && segment.size() >= 12)
      adobe_ = static_cast<unsigned char>(segment[11]);
    const bool coding = (marker & 0xF0) == 0xC0 && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (coding) start_frame(marker, segment);
  }

  void huffman_tables(std::string_view segment) {
    while (!segment.empty()) {
      std::size_t codes = 0;
      if (segment.size() >= 17)
        for (std::size_t length = 1; length <= 16; ++length) codes += static_cast<unsigned char>(segment[length]);
      const auto place = static_cast<unsigned char>(segment[0]);
      require(segment.size() >= 17 && codes <= 256 && segment.size() >= 17 + codes && (place & 0xEF) < 4,
              "a Huffman table is malformed");
      codes_[place >> 4][place & 3] = JpegCodes(segment.substr(1, 16), segment.substr(17, codes));
      segment.remove_prefix(17 + codes);
    }
  }

  void quantization_tables(std::string_view segment) {
    while (!segment.empty()) {
      const auto place = static_cast<unsigned char>(segment[0]);
      const std::size_t bytes = place >> 4 ? 2 : 1;
      require((place & 0xEF) < 4 && segment.size() >= 1 + 64 * bytes, "a quantization table is malformed");
      for (std::size_t k = 0; k < 64; ++k) {
        steps_[place & 3][k] = big_endian(segment, 1 + k * bytes, bytes);
        require(steps_[place & 3][k] > 0, "a quantization step is 0");
      }
      segment.remove_prefix(1 + 64 * bytes);
    }
  }

  void start_frame(unsigned char marker, std::string_view s) {
    check<FormatError>(marker <= 0xC2, origin_.c_str(), "is a JPEG file of a rare coding (lossless, hierarchical or ",
                       "arithmetic; SOF marker ", marker - 0xC0, "); expected baseline or progressive");
    require(!frame_, "there are two frames");
    require(s.size() >= 6 && s.size() == 6 + 3 * std::size_t{static_cast<unsigned char>(s[5])},
            "the header is malformed");
    check<FormatError>(s[0] == 8, origin_.c_str(), "is a JPEG file of ", int{s[0]}, " bits, expected 8");
    JpegFrame f;
    f.progressive = marker == 0xC2;
    f.height = big_endian(s, 1, 2);
    f.width = big_endian(s, 3, 2);
    require(f.width > 0 && f.height > 0, "its size is ", f.width, " x ", f.height);
    require_pixels(f.width, f.height, limits_, origin_);
    const auto byte = [&](std::size_t i) { return static_cast<int>(static_cast<unsigned char>(s[i])); };
    for (std::size_t i = 6; i < s.size(); i += 3) {
      JpegComponent c{byte(i), byte(i + 1) >> 4, byte(i + 1) & 15, byte(i + 2), 0, 0, {}, {}, 0};
      require(c.h >= 1 && c.h <= 4 && c.v >= 1 && c.v <= 4 && c.quantization < 4, "a component is malformed");
      for (const JpegComponent& other : f.components) require(other.id != c.id, "two components are of one name");
      c.lowest.fill(-1);
      h_most_ = f.components.empty() ? c.h : std::max(h_most_, c.h);
      v_most_ = f.components.empty() ? c.v : std::max(v_most_, c.v);
      f.components.push_back(c);
    }
    const auto shared = [](Index whole, Index part, Index parts) { return (whole * part + parts - 1) / parts; };
    for (JpegComponent& c : f.components) {
      c.wide = shared(shared(f.width, c.h, h_most_), 1, 8);
      c.high = shared(shared(f.height, c.v, v_most_), 1, 8);
    }
    frame_ = std::move(f);
  }

  /// Walks over one scan, whose data begin at `at`; returns the position behind them.
  std::size_t scan(std::string_view stream, std::size_t at, std::string_view s) {
    require(frame_.has_value(), "a scan comes before the header");
    const auto byte = [&](std::size_t i) { return static_cast<int>(static_cast<unsigned char>(s[i])); };
    const std::size_t count = s.empty() ? 0 : static_cast<std::size_t>(byte(0));
    require(count >= 1 && count <= 4 && s.size() == 4 + 2 * count, "a scan's header is malformed");
    JpegScan scan;
    scan.progressive = frame_->progressive;
    scan.restart = restart_;
    if (scan.progressive) {
      scan.first = byte(1 + 2 * count);
      scan.last = byte(2 + 2 * count);
      scan.high = byte(3 + 2 * count) >> 4;
      scan.low = byte(3 + 2 * count) & 15;
      require(scan.first == 0 ? scan.last == 0 : scan.first <= scan.last && scan.last < 64 && count == 1,
              "a scan has coefficients ", scan.first, " .. ", scan.last);
      require(scan.low <= 13 && (scan.high == 0 || scan.high == scan.low + 1), "a scan has bits ", scan.high, " .. ",
              scan.low);
    }
    Index blocks = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto found = std::ranges::find(frame_->components, byte(1 + 2 * i), &JpegComponent::id);
      const auto tables = static_cast<std::size_t>(byte(2 + 2 * i));
      require(found != frame_->components.end() && (tables & 0xCC) == 0, "a scan's header is malformed");
      for (const auto& part : scan.parts) require(part.component != &*found, "a component is twice in a scan");
      scan.parts.push_back({&*found, &codes_[0][tables >> 4], &codes_[1][tables & 15]});
      prepare(scan, scan.parts.back());
      blocks += Index{found->h} * found->v;
    }
    require(count == 1 || blocks <= 10, "an MCU has ", blocks, " blocks");
    const auto shared = [](Index whole, Index part) { return (whole + part - 1) / part; };
    scan.wide = count == 1 ? scan.parts[0].component->wide : shared(frame_->width, Index{8} * h_most_);
    scan.high_units = count == 1 ? scan.parts[0].component->high : shared(frame_->height, Index{8} * v_most_);
    return JpegScanWalk(stream, at, scan, origin_).run();
  }

  /// Verifies that the scan's tables are there and that its bits are the next ones of its component.
  void prepare(const JpegScan& scan, JpegScan::Part& part) {
    JpegComponent& c = *part.component;
    // A scan of a few bytes may go over all blocks, and a channel may have 64 x 14 scans.
    check<FormatError>(++c.scans <= most_scans, origin_.c_str(), "has more than ", most_scans,
                       " scans of one channel, as no ordinary writer makes them; save it anew as a plain JPEG file");
    const bool dc = scan.first == 0, ac = scan.last > 0;
    require((!dc || scan.high > 0 || part.dc->known()) && (!ac || part.ac->known()), "a scan has no Huffman table");
    const auto& steps = steps_[static_cast<std::size_t>(c.quantization)];
    require(steps[0] > 0, "a component has no quantization table");
    // Samples of -128 .. 127 have no coefficient over 1024; half as much again for encoders that overshoot.
    for (std::size_t k = 0; k < 64; ++k) part.most[k] = 1536 / steps[k] + 1;
    require(dc || c.lowest[0] >= 0, "a scan of details comes before that of the means");
    for (int k = scan.first; k <= scan.last; ++k) {
      int& lowest = c.lowest[static_cast<std::size_t>(k)];
      require(scan.high == 0 ? lowest < 0 : lowest == scan.high, "scans are missing, doubled or out of order");
      lowest = scan.low;
    }
    if (scan.progressive && ac && c.nonzero.empty()) c.nonzero.resize(static_cast<std::size_t>(c.wide * c.high));
  }

  const std::string& origin_;
  ImageLimits limits_;
  std::array<std::array<JpegCodes, 4>, 2> codes_;
  std::array<std::array<Index, 64>, 4> steps_{};  // of the quantization tables
  std::optional<JpegFrame> frame_;
  int h_most_ = 1, v_most_ = 1;
  Index restart_ = 0;
  bool jfif_ = false;
  std::optional<int> adobe_;
  std::optional<int> orientation_;
};

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
