#include "paser/models/zoo/deeplabv3plus.hpp"
#include "zoo.hpp"

namespace fixtures {

template <class T>
ZooNetwork<T> make_deeplabv3plus(const nlohmann::json& config, const std::vector<std::string>& keys) {
  using namespace paser::models;
  const paser::Index divided_by = config.value("width_div", paser::Index{1});
  DeepLabV3PlusSpec spec{.in = config.at("in_channels").get<paser::Index>(),
                         .classes = config.at("num_classes").get<paser::Index>(),
                         .output_stride = config.at("output_stride").get<paser::Index>()};
  const bool is_smp =
      std::any_of(keys.begin(), keys.end(), [](const auto& key) { return key.starts_with("encoder."); });
  spec.convention = is_smp ? DeepLabConvention::smp : DeepLabConvention::vainf;
  const std::string backbone = config.at("backbone").get<std::string>();
  for (const auto known : {DeepLabBackbone::resnet34, DeepLabBackbone::resnet50, DeepLabBackbone::resnet101,
                           DeepLabBackbone::mobilenetv2}) {
    spec.backbone = known;
    if (backbone == deeplab_backbone_name(known)) break;
  }
  paser::check<paser::FormatError>(backbone == deeplab_backbone_name(spec.backbone), "fixture", "unknown backbone '",
                                   backbone, "'");
  if (const auto rates = config.find("atrous_rates"); rates != config.end() && !rates->is_null())
    spec.rates = rates->get<std::array<paser::Index, 3>>();
  spec.separable = config.value("separable", false);
  spec.width = spec.used_width() / divided_by;
  spec.head_width /= divided_by;
  spec.low_width /= divided_by;
  return {DeepLabV3Plus<T>(spec, paser::Key{1})};
}

template ZooNetwork<float> make_deeplabv3plus(const nlohmann::json&, const std::vector<std::string>&);
template ZooNetwork<double> make_deeplabv3plus(const nlohmann::json&, const std::vector<std::string>&);

}  // namespace fixtures
