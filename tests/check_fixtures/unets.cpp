#include "networks.hpp"
#include "paser/metrics/count_operations.hpp"
#include "paser/models/unet.hpp"

namespace fixtures {

using paser::Index;

namespace {

template <Index In, Index Classes>
NamedSegmenter make_unet(const std::string& arch, bool bilinear, double drop_rate) {
  using paser::models::UNet;
  const auto upsampling = bilinear ? paser::models::Upsampling::bilinear : paser::models::Upsampling::transposed;
  const auto named = [&]<Index Width, Index Depth>(UNet<In, Classes, Width, Depth> network) {
    std::vector<std::string> sites;
    for (Index level = 1; level <= Depth; ++level) sites.push_back("drop" + std::to_string(level));
    sites.push_back("drop5");
    return NamedSegmenter{std::move(network), paser::io::unet_names(static_cast<int>(Depth)), std::move(sites)};
  };
  const paser::Key key{};
  if (arch == "tiny_two_block") return named(UNet<In, Classes, 8, 2>(key, drop_rate, upsampling));
  if (arch == "tiny_three_block") return named(UNet<In, Classes, 8, 3>(key, drop_rate, upsampling));
  if (arch == "tiny") return named(UNet<In, Classes, 8, 4>(key, drop_rate, upsampling));
  if (arch == "small") return named(UNet<In, Classes, 16, 4>(key, drop_rate, upsampling));
  if (arch == "unet") return named(UNet<In, Classes, 64, 4>(key, drop_rate, upsampling));
  throw paser::ValueError("unknown architecture '" + arch + "'");
}

}  // namespace

NamedSegmenter make_unet(const std::string& arch, Index channels, Index classes, bool bilinear, double drop_rate) {
  if (channels == 1 && classes == 2) return make_unet<1, 2>(arch, bilinear, drop_rate);
  if (channels == 1 && classes == 3) return make_unet<1, 3>(arch, bilinear, drop_rate);
  if (channels == 3 && classes == 2) return make_unet<3, 2>(arch, bilinear, drop_rate);
  if (channels == 3 && classes == 3) return make_unet<3, 3>(arch, bilinear, drop_rate);
  throw paser::ValueError(
      paser::message("this program is not compiled for UNets of ", channels, " channels and ", classes, " classes"));
}

}  // namespace fixtures
