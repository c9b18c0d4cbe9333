#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/config.hpp"
#include "paser/models/registered/deeplabv3plus.hpp"
#include "paser/models/zoo/deeplabv3plus.hpp"

namespace paser::models {

template <class T>
DeepLabV3PlusSpec DeepLabV3PlusMaker<T>::read(const std::string& json) {
  constexpr const char* where = "model 'deeplabv3plus'";
  auto options = io::ConfigReader::from_text(json, where);
  DeepLabV3PlusSpec spec;
  std::string convention, backbone;
  std::array<Index, 3> rates{};
  double dropout = 0;
  options.require("in", spec.in);
  options.require("classes", spec.classes);
  const bool has_convention = options.read("convention", convention);
  const bool has_backbone = options.read("backbone", backbone);
  check<FormatError>(has_convention && has_backbone, where,
                     "expected its \"convention\", \"vainf\" or \"smp\", and its \"backbone\", "
                     "\"resnet34\", \"resnet50\", \"resnet101\" or \"mobilenetv2\", such as deeplabv3plus:{\"in\":",
                     spec.in, ",\"classes\":", spec.classes, ",\"convention\":\"smp\",\"backbone\":\"resnet50\"}");
  options.read("output_stride", spec.output_stride);
  if (options.read("rates", rates)) spec.rates = rates;
  options.read("separable", spec.separable);
  options.read("width", spec.width);
  options.read("head_width", spec.head_width);
  options.read("low_width", spec.low_width);
  if (options.read("dropout", dropout)) spec.dropout = dropout;
  options.read("encoder_momentum", spec.encoder_momentum);
  options.finish();
  const auto chosen = [&](const char* setting, const std::string& name, auto known, auto name_of, auto& value) {
    std::string names;
    for (const auto one : known) {
      value = one;
      if (name == name_of(one)) return;
      names += (names.empty() ? "'" : ", '") + std::string(name_of(one)) + "'";
    }
    throw FormatError(message(where, ": its ", setting, " is '", name, "', expected one of ", names));
  };
  chosen("convention", convention, std::array{DeepLabConvention::vainf, DeepLabConvention::smp},
         deeplab_convention_name, spec.convention);
  chosen("backbone", backbone,
         std::array{DeepLabBackbone::resnet34, DeepLabBackbone::resnet50, DeepLabBackbone::resnet101,
                    DeepLabBackbone::mobilenetv2},
         deeplab_backbone_name, spec.backbone);
  try {
    spec.check_numbers();
  } catch (const ValueError& error) {
    throw FormatError(message(where, ": ", error.what()));
  }
  return spec;
}

template <class T>
AnySegmenter<T> DeepLabV3PlusMaker<T>::make(const std::string& json, Key key) {
  return DeepLabV3Plus<T>(read(json), key);
}

template <class T>
Index DeepLabV3PlusMaker<T>::parameters(const std::string& json) {
  return deeplabv3plus_parameters(read(json));
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
