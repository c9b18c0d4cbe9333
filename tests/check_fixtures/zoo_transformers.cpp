#include "paser/models/zoo/efficientvit.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/models/zoo/segformer_names.hpp"
#include "zoo.hpp"

namespace fixtures {

using paser::Index;

template <class T>
ZooNetwork<T> make_segformer(const nlohmann::json& config, const std::vector<std::string>& keys) {
  using namespace paser::models;
  SegFormerSpec spec{.in = config.at("num_channels").get<Index>(), .classes = config.at("num_labels").get<Index>()};
  const auto begins = [&keys](const char* prefix) {
    return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return key.starts_with(prefix); });
  };
  const bool is_hugging_face = begins("segformer."), is_smp = begins("encoder.");
  if (!is_hugging_face) spec.convention = SegFormerConvention::nvlabs;
  const std::pair<const char*, std::vector<Index>*> lists[] = {{"depths", &spec.depths},
                                                               {"hidden_sizes", &spec.widths},
                                                               {"num_attention_heads", &spec.heads},
                                                               {"sr_ratios", &spec.reductions},
                                                               {"mlp_ratios", &spec.mlp_ratios}};
  for (const auto& [name, list] : lists)
    if (const auto found = config.find(name); found != config.end()) *list = found->template get<std::vector<Index>>();
  spec.decoder_width = config.value("decoder_hidden_size", spec.decoder_width);
  paser::io::PublishedNames names;
  if (is_smp)
    names = segformer_smp_names(spec);
  else if (!is_hugging_face)
    names = segformer_nvlabs_names(spec, begins("backbone.") ? "backbone." : "");
  return {SegFormer<T>(spec, paser::Key{1}), names};
}

template <class T>
ZooNetwork<T> make_efficientvit(const nlohmann::json& config, const std::vector<std::string>&) {
  using namespace paser::models;
  EfficientViTSpec spec{.in = config.at("in_channels").get<Index>(), .classes = config.at("n_classes").get<Index>()};
  spec.family = config.at("family") == "L" ? EfficientViTFamily::l : EfficientViTFamily::b;
  spec.widths = config.at("width_list").get<std::vector<Index>>();
  spec.depths = config.at("depth_list").get<std::vector<Index>>();
  spec.head_features = config.at("dim").get<Index>();
  spec.expand = config.value("expand_ratio", spec.expand);
  spec.head_width = config.at("head_width").get<Index>();
  spec.head_depth = config.at("head_depth").get<Index>();
  spec.head_expand = config.at("head_expand").get<Index>();
  const auto expand = config.find("final_expand");
  spec.final_expand = expand == config.end() || expand->is_null() ? 0 : expand->get<Index>();
  return {EfficientViT<T>(spec, paser::Key{1})};
}

template ZooNetwork<float> make_segformer(const nlohmann::json&, const std::vector<std::string>&);
template ZooNetwork<double> make_segformer(const nlohmann::json&, const std::vector<std::string>&);
template ZooNetwork<float> make_efficientvit(const nlohmann::json&, const std::vector<std::string>&);
template ZooNetwork<double> make_efficientvit(const nlohmann::json&, const std::vector<std::string>&);

}  // namespace fixtures
