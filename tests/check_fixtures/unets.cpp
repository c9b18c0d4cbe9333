#include "networks.hpp"
#include "paser/models/unet.hpp"

namespace fixtures {

using paser::Index;

namespace {

/// Calls f with a network of this architecture.
template <Index In, Index Classes, class F>
auto with_unet(const std::string& arch, bool bilinear, double drop_rate, const F& f) {
  using paser::models::UNet;
  const auto upsampling = bilinear ? paser::models::Upsampling::bilinear : paser::models::Upsampling::transposed;
  const paser::Key key{};
  const auto [width, depth] = unet_size(arch);
  if (width == 8 && depth == 2) return f(UNet<In, Classes, 8, 2>(key, drop_rate, upsampling));
  if (width == 8 && depth == 3) return f(UNet<In, Classes, 8, 3>(key, drop_rate, upsampling));
  if (width == 8) return f(UNet<In, Classes, 8, 4>(key, drop_rate, upsampling));
  if (width == 16) return f(UNet<In, Classes, 16, 4>(key, drop_rate, upsampling));
  return f(UNet<In, Classes, 64, 4>(key, drop_rate, upsampling));
}

/// Calls f with a network of these channels and classes, of the numbers that this program is compiled for.
template <class F>
auto with_unet(const std::string& arch, Index channels, Index classes, bool bilinear, double drop_rate, const F& f) {
  if (channels == 1 && classes == 2) return with_unet<1, 2>(arch, bilinear, drop_rate, f);
  if (channels == 1 && classes == 3) return with_unet<1, 3>(arch, bilinear, drop_rate, f);
  if (channels == 3 && classes == 2) return with_unet<3, 2>(arch, bilinear, drop_rate, f);
  if (channels == 3 && classes == 3) return with_unet<3, 3>(arch, bilinear, drop_rate, f);
  throw paser::ValueError(
      paser::message("this program is not compiled for UNets of ", channels, " channels and ", classes, " classes"));
}

}  // namespace

UNetSize unet_size(const std::string& arch) {
  if (arch == "tiny_two_block") return {8, 2};
  if (arch == "tiny_three_block") return {8, 3};
  if (arch == "tiny") return {8, 4};
  if (arch == "small") return {16, 4};
  if (arch == "unet") return {64, 4};
  throw paser::ValueError("unknown architecture '" + arch + "'");
}

NamedSegmenter make_unet(const std::string& arch, Index channels, Index classes, bool bilinear, double drop_rate) {
  const Index depth = unet_size(arch).depth;
  std::vector<std::string> sites;
  for (Index level = 1; level <= depth; ++level) sites.push_back("drop" + std::to_string(level));
  sites.push_back("drop5");
  return {with_unet(arch, channels, classes, bilinear, drop_rate,
                    [](auto network) { return paser::models::AnySegmenter<float>(std::move(network)); }),
          paser::io::unet_names(static_cast<int>(depth)), std::move(sites)};
}

paser::Operations count_unet(const std::string& arch, Index classes, bool bilinear, const paser::Shape<4>& images) {
  return with_unet(arch, images.c(), classes, bilinear, 0.5,
                   [&images](const auto& network) { return paser::count_operations(network, images); });
}

}  // namespace fixtures
