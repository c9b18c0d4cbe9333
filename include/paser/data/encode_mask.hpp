#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/data/label_encoding.hpp"

namespace paser::data {

/// What a palette mask is taken for.
enum class PaletteUse {
  numbers,  ///< the numbers of the colours, as Pillow gives them
  colours   ///< the colours
};

/// A value or colour of a mask that stands for no class.
struct UnknownValue {
  std::string value;  ///< "7" or "(128,64,0)"
  Index pixels = 0;
  Index row = 0, column = 0;  ///< of the first such pixel
};

/// How many values without a class are kept with their pixels, of a mask and in the report on a folder; further ones
/// are counted. A picture that is taken for a mask has millions.
inline constexpr std::size_t most_unknown_values = 1000;

/// A mask as classes.
struct EncodedMask {
  Labels labels;                          ///< (1, H, W); pixels of unknown values are ignored_label, too
  std::map<std::uint16_t, Index> values;  ///< pixels of each stored number; empty for colours
  std::vector<Index> pixels;              ///< of each class up to the last that occurs
  Index ignored = 0;                      ///< pixels without a class by a rule
  std::vector<UnknownValue> unknown;  ///< in the order of values or colours: the least values, the first colours met
  Index further_unknown = 0;          ///< values or colours that `unknown` leaves out, see most_unknown_values
};

/// "the values 7 (12 pixels, first at row 3, column 4), 9 (...) have no class"; `further` more are not in the list.
template <class Unknown = UnknownValue>
std::string unknown_sentence(const std::vector<Unknown>& unknown, Index further = 0) {
  constexpr std::size_t shown = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(shown, unknown.size()); ++i)
    list += message(i > 0 ? ", " : "", unknown[i].value, " (", unknown[i].pixels,
                    unknown[i].pixels == 1 ? " pixel" : " pixels", ", first at row ", unknown[i].row, ", column ",
                    unknown[i].column, ")");
  if (const Index more = std::ssize(unknown) - Index{shown} + further; more > 0)
    list += message(" and ", more, " more");
  return unknown.size() == 1 ? "the value " + list + " has no class" : "the values " + list + " have no class";
}

namespace detail {

/// Real samples as whole numbers.
inline io::IntegerImage whole_numbers(const io::DecodedImage& page, const char* origin) {
  io::IntegerImage integers{Tensor<std::uint16_t, 3>(page.shape()), 65535};
  std::uint16_t* out = integers.pixels.mutable_data();
  for (const float v : page.reals.values()) {
    check<FormatError>(v >= 0 && v <= 65535 && v == std::floor(v), origin, "the mask holds ", v,
                       ", expected whole numbers of 0 .. 65535");
    *out++ = static_cast<std::uint16_t>(v);
  }
  return integers;
}

/// The channel of an RGB picture whose channels are equal.
inline io::IntegerImage one_channel(const io::IntegerImage& rgb, const char* origin) {
  io::IntegerImage gray{Tensor<std::uint16_t, 3>({rgb.height(), rgb.width(), 1}), rgb.maximum};
  std::uint16_t* out = gray.pixels.mutable_data();
  const std::uint16_t* in = rgb.pixels.data();
  for (Index i = 0; i < gray.pixels.numel(); ++i, in += 3) {
    if (in[0] != in[1] || in[0] != in[2])
      check<FormatError>(false, origin, "the mask is in colour, first at row ", i / rgb.width(), ", column ",
                         i % rgb.width(), ": (", in[0], ",", in[1], ",", in[2],
                         "); expected gray values or palette numbers, or a class file with its colours");
    out[i] = in[0];
  }
  return gray;
}

/// The numbers of a mask that a map of values or an index refers to, (H, W, 1).
template <class Map>
io::IntegerImage mask_numbers(const io::DecodedImage& page, const Map& map, std::optional<PaletteUse> palette,
                              const char* origin) {
  io::IntegerImage integers = page.real() ? whole_numbers(page, origin) : page.integers;
  if (!page.palette.empty()) {
    check<FormatError>(
        palette || !map.has_rest(), origin,
        "is a palette image, and the label encoding has a rule for all other values; say whether it means the "
        "numbers of the colours or the colours made gray");
    if (palette == PaletteUse::colours) return io::to_gray(io::look_up(page));
  } else if (integers.maximum > 255 && !page.real() && map.has_rest()) {
    check<FormatError>(map.largest_value() > 255, origin, "is a mask of ", page.bits,
                       " bits, and the label encoding has rules for values up to ", map.largest_value(),
                       " and one for all others; expected rules for its own values, such as 0:0,65535:1,*:2");
  } else if (map.coding() == MaskCoding::values && page.bits < 8 && !page.real()) {
    integers.maximum = 255;  // gray of few bits as every program shows it: white is 255
    std::uint16_t* out = integers.pixels.mutable_data();
    for (Index i = 0; i < integers.pixels.numel(); ++i)
      out[i] = static_cast<std::uint16_t>(out[i] * 255 / ((1 << page.bits) - 1));
  }
  return integers.channels() == 3 ? one_channel(integers, origin) : integers;
}

inline void count_label(EncodedMask& mask, std::int32_t label, Index pixels) {
  if (label == ignored_label) {
    mask.ignored += pixels;
    return;
  }
  const auto k = static_cast<std::size_t>(label);
  if (k >= mask.pixels.size()) mask.pixels.resize(k + 1, 0);
  mask.pixels[k] += pixels;
}

template <class Map>
EncodedMask encode_numbers(const io::IntegerImage& numbers, const Map& map) {
  EncodedMask mask;
  std::vector<Index> histogram(std::size_t{65536}, 0), first(histogram.size(), 0);
  Index place = 0;
  for (const std::uint16_t v : numbers.pixels.values()) {
    if (histogram[v]++ == 0) first[v] = place;
    ++place;
  }
  std::vector<std::int32_t> label(histogram.size(), ignored_label);
  for (std::size_t v = 0; v < histogram.size(); ++v) {
    if (histogram[v] == 0) continue;
    const auto value = static_cast<std::uint16_t>(v);
    mask.values[value] = histogram[v];
    if (const std::int32_t k = map.of_value(value); k != LabelEncoding::unknown) {
      label[v] = k;
      count_label(mask, k, histogram[v]);
      continue;
    }
    if (mask.unknown.size() < most_unknown_values)
      mask.unknown.push_back({std::to_string(v), histogram[v], first[v] / numbers.width(), first[v] % numbers.width()});
    else
      ++mask.further_unknown;
  }
  mask.labels = Labels({1, numbers.height(), numbers.width()});
  std::ranges::transform(numbers.pixels.values(), mask.labels.mutable_data(),
                         [&](std::uint16_t v) { return label[v]; });
  return mask;
}

/// The colours of a mask with their classes and pixels. Of those without a class it keeps only so many, and of the
/// others a bit each.
template <class Map>
class SeenColours {
 public:
  struct Seen {
    std::int32_t label;
    Index pixels, first;
  };
  explicit SeenColours(const Map& map) : map_(map) {}

  /// The label of the pixel with this colour at place i.
  std::int32_t count(const io::Colour& colour, Index i) {
    // Neighbours are mostly of one colour.
    if (last_ == seen_.end() || last_->first != colour) last_ = seen_.find(colour);
    if (last_ == seen_.end()) last_ = added(colour, i);
    if (last_ == seen_.end()) return LabelEncoding::unknown;
    ++last_->second.pixels;
    return last_->second.label;
  }
  const std::map<io::Colour, Seen>& seen() const { return seen_; }
  Index further_unknown() const { return further_; }

 private:
  using Colours = std::map<io::Colour, Seen>;
  typename Colours::iterator added(const io::Colour& colour, Index i) {
    const std::int32_t label = map_.of_colour(colour);
    if (label != LabelEncoding::unknown) return seen_.try_emplace(colour, Seen{label, 0, i}).first;
    if (unknown_ < most_unknown_values) {
      ++unknown_;
      return seen_.try_emplace(colour, Seen{label, 0, i}).first;
    }
    if (others_.empty()) others_.resize(std::size_t{1} << 24);
    auto other = others_[std::size_t{colour[0]} << 16 | std::size_t{colour[1]} << 8 | std::size_t{colour[2]}];
    further_ += other ? 0 : 1;
    other = true;
    return seen_.end();
  }

  const Map& map_;
  Colours seen_;
  typename Colours::iterator last_ = seen_.end();
  std::size_t unknown_ = 0;
  Index further_ = 0;
  std::vector<bool> others_;
};

template <class Map>
EncodedMask encode_colours(const io::IntegerImage& rgb, const Map& map) {
  SeenColours colours(map);
  EncodedMask mask;
  mask.labels = Labels({1, rgb.height(), rgb.width()});
  std::int32_t* out = mask.labels.mutable_data();
  const std::uint16_t* in = rgb.pixels.data();
  for (Index i = 0; i < mask.labels.numel(); ++i, in += 3) {
    const io::Colour colour{static_cast<std::uint8_t>(in[0]), static_cast<std::uint8_t>(in[1]),
                            static_cast<std::uint8_t>(in[2])};
    const std::int32_t label = colours.count(colour, i);
    out[i] = label == LabelEncoding::unknown ? ignored_label : label;
  }
  mask.further_unknown = colours.further_unknown();
  for (const auto& [colour, s] : colours.seen()) {
    if (s.label != LabelEncoding::unknown)
      count_label(mask, s.label, s.pixels);
    else
      mask.unknown.push_back({message("(", int{colour[0]}, ",", int{colour[1]}, ",", int{colour[2]}, ")"), s.pixels,
                              s.first / rgb.width(), s.first % rgb.width()});
  }
  return mask;
}

}  // namespace detail

/// The classes of a mask's pixels, with what was found. Unknown values are counted, not refused.
///
/// For an index or a map of values, RGB with three equal channels is gray, a palette mask counts by `palette` (its
/// numbers unless said otherwise; with a rule for all other values it must be said), gray of 1, 2 or 4 bits counts as
/// stored for an index, and stretched to 0 .. 255 for a map of values. `origin` names the mask in messages. Throws
/// FormatError when the mask is of another kind: in colour where values are expected, fractions, colours of more than 8
/// bits.
template <class Map = LabelEncoding>
EncodedMask encode_mask(const io::DecodedImage& page, const Map& map, const std::string& origin,
                        std::optional<PaletteUse> palette = {}) {
  if (map.coding() != MaskCoding::colours)
    return detail::encode_numbers(detail::mask_numbers(page, map, palette, origin.c_str()), map);
  check<FormatError>(!page.real() && page.bits <= 8, origin.c_str(), "is a ", page.kind(),
                     " mask, expected colours of 8 bits as the class file has them");
  io::IntegerImage rgb = io::to_rgb(io::look_up(page));
  if (rgb.maximum != 255) {
    std::uint16_t* out = rgb.pixels.mutable_data();
    for (Index i = 0; i < rgb.pixels.numel(); ++i)
      out[i] = static_cast<std::uint16_t>(std::uint32_t{out[i]} * 255 / rgb.maximum);
  }
  return detail::encode_colours(rgb, map);
}

/// The labels of a mask, (1, H, W), each 0 .. classes - 1 or ignored_label. Throws as encode_mask, and FormatError with
/// the values, their numbers of pixels and the first place when some have no class.
template <class Map = LabelEncoding>
Labels mask_labels(const io::DecodedImage& page, const Map& map, const std::string& origin,
                   std::optional<PaletteUse> palette = {}) {
  EncodedMask mask = encode_mask(page, map, origin, palette);
  if (!mask.unknown.empty())
    throw FormatError(message(origin, ": ", unknown_sentence(mask.unknown, mask.further_unknown),
                              "; give a label encoding such as 0:0,255:1"));
  return std::move(mask.labels);
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
