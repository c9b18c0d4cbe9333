#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/models/model_spec.hpp"

namespace paser::models {

/// The two public codes of SegFormer. They agree in all weights, and differ in the eps of their layer norms and in what
/// the decoder's dropout drops.
enum class SegFormerConvention {
  hugging_face,  ///< transformers: eps 1e-5 everywhere, dropout of single values
  nvlabs         ///< the authors', mmseg, smp: 1e-6 in the norms of blocks and stages, dropout of whole channels
};

/// What they are called in files.
inline const char* segformer_convention_name(SegFormerConvention c) {
  return c == SegFormerConvention::hugging_face ? "hugging_face" : "nvlabs";
}

/// What a SegFormer is made of, by default B0. Lists have an entry per stage.
struct SegFormerSpec {
  Index in = 3;
  Index classes = 2;
  SegFormerConvention convention = SegFormerConvention::hugging_face;
  std::vector<Index> depths{2, 2, 2, 2};        ///< blocks
  std::vector<Index> widths{32, 64, 160, 256};  ///< channels
  std::vector<Index> heads{1, 2, 5, 8};
  std::vector<Index> reductions{8, 4, 2, 1};  ///< of the map that keys and values come from
  std::vector<Index> mlp_ratios{4, 4, 4, 4};  ///< hidden channels of the feed-forward networks per channel
  Index decoder_width = 256;
  double dropout = 0.1;    ///< before the last layer
  double drop_path = 0.1;  ///< of the last block; that of the first is 0, and it grows evenly between

  /// "B0" .. "B5" of the paper. Throws ValueError on another name.
  static SegFormerSpec of_size(const std::string& size, Index in, Index classes);

  /// Throws ValueError on numbers that make no network.
  void check_numbers() const;

  /// What the layer norms of blocks add to variances.
  double block_eps() const { return convention == SegFormerConvention::hugging_face ? 1e-5 : 1e-6; }
  /// Every stage halves the map, the first one quarters it.
  static Index stride(std::size_t stage) { return Index{4} << stage; }
  /// The least side at which no stage's map is smaller than its reduction.
  Index smallest_size() const;
  /// Trained values.
  Index parameters() const;

  /// The same for the registry, where it is called "segformer".
  operator ModelSpec() const {
    return {"segformer", message("{\"in\":", in, ",\"classes\":", classes, ",\"convention\":\"",
                                 segformer_convention_name(convention), "\",\"depths\":", json_array(depths),
                                 ",\"widths\":", json_array(widths), ",\"heads\":", json_array(heads),
                                 ",\"reductions\":", json_array(reductions), ",\"mlp_ratios\":", json_array(mlp_ratios),
                                 ",\"decoder_width\":", decoder_width, ",\"dropout\":", exact_number(dropout),
                                 ",\"drop_path\":", exact_number(drop_path), "}")};
  }
};

inline SegFormerSpec SegFormerSpec::of_size(const std::string& size, Index in, Index classes) {
  struct Size {
    const char* name;
    std::vector<Index> depths;
  };
  const Size sizes[] = {{"B0", {2, 2, 2, 2}},  {"B1", {2, 2, 2, 2}},  {"B2", {3, 4, 6, 3}},
                        {"B3", {3, 4, 18, 3}}, {"B4", {3, 8, 27, 3}}, {"B5", {3, 6, 40, 3}}};
  for (const Size& known : sizes) {
    if (size != known.name) continue;
    SegFormerSpec spec{.in = in, .classes = classes};
    spec.depths = known.depths;
    if (size != "B0") spec.widths = {64, 128, 320, 512};
    if (size >= "B2") spec.decoder_width = 768;
    return spec;
  }
  throw ValueError("SegFormer: its size is '" + size + "', expected B0, B1, B2, B3, B4 or B5");
}

inline void SegFormerSpec::check_numbers() const {
  constexpr const char* where = "SegFormer";
  constexpr Index most = 65536;
  check<ValueError>(in >= 1 && in <= most && classes >= 2 && classes <= most, where, "no network has ", in,
                    " image channels and ", classes, " classes; expected 1 .. ", most, " channels and 2 .. ", most,
                    " classes");
  const std::size_t stages = widths.size();
  check<ValueError>(stages >= 1 && stages <= 8 && depths.size() == stages && heads.size() == stages &&
                        reductions.size() == stages && mlp_ratios.size() == stages,
                    where, "widths, depths, heads, reductions and mlp_ratios have ", stages, ", ", depths.size(), ", ",
                    heads.size(), ", ", reductions.size(), " and ", mlp_ratios.size(),
                    " entries; expected equally many, 1 .. 8");
  for (std::size_t i = 0; i < stages; ++i)
    check<ValueError>(widths[i] >= 1 && widths[i] <= 8192 && depths[i] >= 1 && depths[i] <= 1000 && heads[i] >= 1 &&
                          widths[i] % heads[i] == 0 && reductions[i] >= 1 && reductions[i] <= 64 &&
                          mlp_ratios[i] >= 1 && mlp_ratios[i] <= 64,
                      where, "stage ", i + 1, " has width ", widths[i], ", depth ", depths[i], ", ", heads[i],
                      " heads, reduction ", reductions[i], " and mlp_ratio ", mlp_ratios[i],
                      "; expected a width of 1 .. 8192 that splits into the heads, a depth of 1 .. 1000, a reduction "
                      "and a ratio of 1 .. 64");
  check<ValueError>(decoder_width >= 1 && decoder_width <= 8192, where, "its decoder_width is ", decoder_width,
                    ", expected 1 .. 8192");
  check<ValueError>(dropout >= 0 && dropout < 1 && drop_path >= 0 && drop_path < 1, where, "its dropout is ", dropout,
                    " and its drop_path ", drop_path, ", expected 0 .. 1 (excluded) of both");
}

inline Index SegFormerSpec::smallest_size() const {
  Index least = 1;
  for (std::size_t i = 0; i < reductions.size(); ++i) least = std::max(least, stride(i) * (reductions[i] - 1) + 1);
  return least;
}

inline Index SegFormerSpec::parameters() const {
  const auto linear = [](Index from, Index to) { return from * to + to; };
  const auto stages = static_cast<Index>(widths.size());
  Index count = stages * decoder_width * decoder_width + 2 * decoder_width + linear(decoder_width, classes);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const Index c = widths[i], from = i == 0 ? in : widths[i - 1], kernel = i == 0 ? 7 : 3, hidden = c * mlp_ratios[i];
    const Index reduction = reductions[i] == 1 ? 0 : linear(reductions[i] * reductions[i] * c, c) + 2 * c;
    const Index block = 4 * linear(c, c) + reduction + linear(c, hidden) + 10 * hidden + linear(hidden, c) + 4 * c;
    count += linear(kernel * kernel * from, c) + 4 * c + depths[i] * block + linear(c, decoder_width);
  }
  return count;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
