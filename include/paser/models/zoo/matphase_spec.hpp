#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/models/unet.hpp"

namespace paser::models {

/// What a MatPhase is made of. Its authors published neither code nor a description that settles any of these: see
/// MatPhase.
struct MatPhaseSpec {
  Index in = 1;            ///< channels of the image
  Index classes = 3;       ///< 3 or more: the first one against the others, then the others
  Index width = 64;        ///< of both UNets, as UNetSpec
  Index depth = 4;         ///< of both UNets
  double dropout = 0.5;    ///< of both UNets
  double threshold = 0.5;  ///< entropy, of that of equal probabilities, above which a pixel is unsure; 0 .. 1
  Index patch = 15;        ///< pixels of a side of what the patch network sees; odd, 11 .. 63
  std::array<Index, 3> features{32, 64, 128};  ///< channels of its convolutions

  /// Network 0 tells the first class from the others, network 1 the others from each other.
  UNetSpec unet(std::size_t k) const {
    return {.in = in, .classes = k == 0 ? 2 : classes - 1, .width = width, .depth = depth, .dropout = dropout};
  }

  /// Sides of what the patch network has left after two convolutions, a pooling by 2 and a convolution.
  Index last_side() const { return (patch - 4) / 2 - 2; }

  /// Parameters, in closed form.
  Index parameters() const {
    const auto conv = [](Index from, Index to, Index taps) { return from * to * taps + to; };
    Index count = conv(in + classes, features[0], 9) + conv(features[0], features[1], 9) +
                  conv(features[1], features[2], 9) + conv(features[2], classes, 1);
    for (const std::size_t k : {0u, 1u}) count += unet_parameters(in, unet(k).classes, width, depth);
    return count;
  }

  /// Throws ValueError on numbers that make no network.
  void check_numbers() const {
    constexpr const char* where = "MatPhase";
    constexpr Index most = 65536;
    check<ValueError>(in >= 1 && in <= most && classes >= 3 && classes <= most, where, "no network has ", in,
                      " image channels and ", classes, " classes; expected 1 .. ", most, " channels and 3 .. ", most,
                      " classes");
    check<ValueError>(width >= 2 && width <= most && width % 2 == 0 && depth >= 1 && depth <= 10, where,
                      "its UNets have width ", width, " and depth ", depth, "; expected an even width of 2 .. ", most,
                      " and a depth of 1 .. 10");
    check<ValueError>(dropout >= 0 && dropout < 1, where, "its dropout is ", dropout, ", expected 0 .. 1 (excluded)");
    check<ValueError>(threshold >= 0 && threshold <= 1, where, "its threshold is ", threshold, ", expected 0 .. 1");
    check<ValueError>(patch >= 11 && patch <= 63 && patch % 2 == 1, where, "its patches have ", patch,
                      " pixels a side, expected an odd number of 11 .. 63");
    for (const Index f : features)
      check<ValueError>(f >= 1 && f <= most, where, "a convolution of its patch network has ", f,
                        " features, expected 1 .. ", most);
  }

  /// The same for the registry, where it is called "matphase".
  operator ModelSpec() const {
    return {"matphase", message("{\"in\":", in, ",\"classes\":", classes, ",\"width\":", width, ",\"depth\":", depth,
                                ",\"dropout\":", exact_number(dropout), ",\"threshold\":", exact_number(threshold),
                                ",\"patch\":", patch, ",\"features\":", json_array(features), "}")};
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
