#include "networks.hpp"
#include "paser/models/unet.hpp"

namespace fixtures {

using paser::Index;

namespace {

paser::models::UNet<float> unet_of(const std::string& arch, Index channels, Index classes, bool bilinear,
                                   double drop_rate) {
  const auto [width, depth] = unet_size(arch);
  const auto upsampling = bilinear ? paser::models::Upsampling::bilinear : paser::models::Upsampling::transposed;
  return {{channels, classes, width, depth, upsampling, drop_rate}, paser::Key{}};
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
  return {unet_of(arch, channels, classes, bilinear, drop_rate), paser::io::unet_names(static_cast<int>(depth)),
          std::move(sites)};
}

paser::Operations count_unet(const std::string& arch, Index classes, bool bilinear, const paser::Shape<4>& images) {
  return paser::count_operations(unet_of(arch, images.c(), classes, bilinear, 0.5), images);
}

}  // namespace fixtures
