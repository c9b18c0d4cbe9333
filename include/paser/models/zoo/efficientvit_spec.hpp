#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/models/model_spec.hpp"

namespace paser::models {

/// EfficientViT's two families of networks.
enum class EfficientViTFamily {
  b,  ///< inverted residuals, hardswish
  l   ///< plain and fused convolutions in the early stages, GELU by the tangent
};

/// The name in settings and files.
inline const char* efficientvit_family_name(EfficientViTFamily f) {
  return f == EfficientViTFamily::b ? "B" : "L";
}

/// What an EfficientViT for segmentation is made of, by default B0 for Cityscapes. Lists have an entry per stage, of
/// which the first is the stem.
struct EfficientViTSpec {
  Index in = 3;
  Index classes = 2;
  EfficientViTFamily family = EfficientViTFamily::b;
  std::vector<Index> widths{8, 16, 32, 64, 128};  ///< channels
  std::vector<Index> depths{1, 2, 2, 2, 2};       ///< blocks, as the authors count them
  Index head_features = 16;                       ///< channels of one head of attention
  Index expand = 4;                               ///< of the blocks of the B family
  Index head_width = 32, head_depth = 1, head_expand = 4;
  Index final_expand = 4;  ///< channels of the layer before the last per channel of the head; 0: no such layer
  double dropout = 0;      ///< of whole channels before the last layer

  /// "B0" .. "B3", "L1" and "L2", with the head of "cityscapes" or "ade20k". Throws ValueError on other names, and for
  /// B0 with the head of ADE20K, which was never published.
  static EfficientViTSpec of_size(const std::string& size, Index in, Index classes,
                                  const std::string& head = "cityscapes");

  /// Throws ValueError on numbers that make no network.
  void check_numbers() const;

  bool is_l() const { return family == EfficientViTFamily::l; }  ///< Whether it is of the family L.
  double norm_eps() const { return is_l() ? 1e-7 : 1e-5; }       ///< What its batch norms add to variances.
  /// Trained values.
  Index parameters() const;

  /// The same for the registry, where it is called "efficientvit".
  operator ModelSpec() const {
    return {"efficientvit",
            message("{\"in\":", in, ",\"classes\":", classes, ",\"family\":\"", efficientvit_family_name(family),
                    "\",\"widths\":", json_array(widths), ",\"depths\":", json_array(depths),
                    ",\"head_features\":", head_features, ",\"expand\":", expand, ",\"head_width\":", head_width,
                    ",\"head_depth\":", head_depth, ",\"head_expand\":", head_expand,
                    ",\"final_expand\":", final_expand, ",\"dropout\":", exact_number(dropout), "}")};
  }
};

inline EfficientViTSpec EfficientViTSpec::of_size(const std::string& size, Index in, Index classes,
                                                  const std::string& head) {
  constexpr const char* where = "EfficientViT";
  check<ValueError>(head == "cityscapes" || head == "ade20k", where, "its head is '", head,
                    "', expected 'cityscapes' or 'ade20k'");
  const bool city = head == "cityscapes";
  EfficientViTSpec s{.in = in, .classes = classes};
  s.final_expand = city ? 4 : 0;
  const auto of_b = [&s](Index first, std::vector<Index> counts, Index features, Index wide) {
    s.widths = {first, 2 * first, 4 * first, 8 * first, 16 * first};
    s.depths = std::move(counts);
    s.head_features = features;
    s.head_width = wide;
    s.head_depth = 3;
    return s;
  };
  const auto of_l = [&](std::vector<Index> counts, Index blocks) {
    of_b(32, std::move(counts), 32, city ? 256 : 128);
    s.family = EfficientViTFamily::l;
    s.head_depth = city ? blocks : 3;
    s.head_expand = city ? 1 : 4;
    s.final_expand = city ? 0 : 8;
    return s;
  };
  if (size == "B0") {
    check<ValueError>(city, where, "B0 has no head for ADE20K; B1 is the smallest that has");
    return s;
  }
  if (size == "B1") return of_b(16, {1, 2, 3, 3, 4}, 16, 64);
  if (size == "B2") return of_b(24, {1, 3, 4, 4, 6}, 32, 96);
  if (size == "B3") return of_b(32, {1, 4, 6, 6, 9}, 32, 128);
  if (size == "L1") return of_l({1, 1, 1, 6, 6}, 3);
  if (size == "L2") return of_l({1, 2, 2, 8, 8}, 5);
  throw ValueError("EfficientViT: its size is '" + size + "', expected B0, B1, B2, B3, L1 or L2");
}

inline void EfficientViTSpec::check_numbers() const {
  constexpr const char* where = "EfficientViT";
  constexpr Index most = 65536;
  check<ValueError>(in >= 1 && in <= most && classes >= 2 && classes <= most, where, "no network has ", in,
                    " image channels and ", classes, " classes; expected 1 .. ", most, " channels and 2 .. ", most,
                    " classes");
  check<ValueError>(widths.size() == 5 && depths.size() == 5, where, "it has ", widths.size(), " widths and ",
                    depths.size(), " depths, expected 5 of each");
  for (std::size_t i = 0; i < 5; ++i)
    check<ValueError>(
        widths[i] >= 1 && widths[i] <= 4096 && depths[i] >= (i == 0 || is_l() ? 0 : 1) && depths[i] <= 1000, where,
        "stage ", i, " has width ", widths[i], " and depth ", depths[i],
        "; expected a width of 1 .. 4096 and a depth of 1 .. 1000");
  const Index least = is_l() ? widths[4] : std::min(widths[3], widths[4]);
  check<ValueError>(head_features >= 1 && head_features <= least, where, "a head of attention has ", head_features,
                    " features, expected 1 .. ", least, ", the channels of its stage");
  check<ValueError>(
      expand >= 1 && expand <= 64 && head_expand >= 1 && head_expand <= 64 && final_expand >= 0 && final_expand <= 64,
      where, "its expand, head_expand and final_expand are ", expand, ", ", head_expand, " and ", final_expand,
      "; expected 1 .. 64, 1 .. 64 and 0 .. 64");
  check<ValueError>(head_width >= 1 && head_width <= 4096 && head_depth >= 0 && head_depth <= 1000, where,
                    "its head has width ", head_width, " and depth ", head_depth, "; expected 1 .. 4096 and 0 .. 1000");
  check<ValueError>(dropout >= 0 && dropout < 1, where, "its dropout is ", dropout, ", expected 0 .. 1 (excluded)");
}

inline Index EfficientViTSpec::parameters() const {
  const auto conv = [](Index from, Index to, Index kernel) {
    return from * to * kernel * kernel + 2 * to;
  };  // and norm
  const auto mbconv = [&](Index from, Index to, Index times, bool fewer_norms) {
    const Index inside = from * times;
    return from * inside + 9 * inside + (fewer_norms ? 2 : 4) * inside + conv(inside, to, 1);
  };
  const auto fused = [&](Index from, Index to, Index times) {
    return conv(from, from * times, 3) + conv(from * times, to, 1);
  };
  const auto attention = [&](Index c) {
    const Index used = c / head_features * head_features;
    return 3 * used * (c + 25 + head_features) + conv(2 * used, c, 1);
  };
  const auto block = [&](Index c, Index times) { return attention(c) + mbconv(c, c, times, true); };
  const std::vector<Index>&w = widths, &d = depths;
  Index count = conv(in, w[0], 3);
  if (is_l()) {
    count += d[0] * 2 * conv(w[0], w[0], 3);
    for (const std::size_t i : {1u, 2u}) count += fused(w[i - 1], w[i], 16) + d[i] * fused(w[i], w[i], 4);
    count += mbconv(w[2], w[3], 16, true) + d[3] * mbconv(w[3], w[3], 4, true);
    count += mbconv(w[3], w[4], 24, true) + d[4] * block(w[4], 6);
  } else {
    count += d[0] * (11 * w[0] + conv(w[0], w[0], 1));
    for (const std::size_t i : {1u, 2u})
      count += mbconv(w[i - 1], w[i], expand, false) + (d[i] - 1) * mbconv(w[i], w[i], expand, false);
    for (const std::size_t i : {3u, 4u}) count += mbconv(w[i - 1], w[i], expand, true) + d[i] * block(w[i], expand);
  }
  for (const std::size_t i : {2u, 3u, 4u}) count += conv(w[i], head_width, 1);
  count += head_depth *
           (is_l() ? fused(head_width, head_width, head_expand) : mbconv(head_width, head_width, head_expand, false));
  const Index wide = head_width * std::max<Index>(1, final_expand);
  return count + (final_expand > 0 ? conv(head_width, wide, 1) : 0) + wide * classes + classes;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
