#pragma once
#include "paser/core/macros_off.inc"

#include "paser/pipeline/paser.hpp"

namespace paser::pipeline {

/// What a network costs whatever machine it runs on: f1 per image, the others per patch.
struct NetworkSize {
  Index parameters = 0;
  Index weight_bytes = 0;  ///< of all weights and running statistics in memory
  double macs = 0;         ///< multiply-accumulates of the published form, the paper's convention
  double done_macs = 0;    ///< those that are done, where paser computes the same with fewer
  Index sent_bytes = 0;    ///< to the model if it runs elsewhere, and back: a byte per image value and label, four per
                           ///< probability of f1 that it corrects; 0 of f1, which runs where the image is
};

/// Sizes of all networks for images of this shape, (1, height, width, channels). Throws what a run would throw about
/// shapes.
template <class T>
std::vector<NetworkSize> network_sizes(const Paser<T>& paser, const Shape<4>& image) {
  std::vector<NetworkSize> sizes;
  for (Index k = 0; k < paser.actions(); ++k) {
    const models::AnySegmenter<T>& model = paser.models[static_cast<std::size_t>(k)];
    const Shape<4> taken = k == 0 ? image : expert_shape(paser, k, image);
    NetworkSize size{.parameters = nn::count_parameters(model),
                     .macs = static_cast<double>(model.count(taken).total()),
                     .done_macs = static_cast<double>(model.count(taken, run::inference, false).total())};
    nn::walk_once(model, [&](const std::string&, const auto& member) {
      size.weight_bytes += member.value.numel() * static_cast<Index>(sizeof(T));
    });
    if (k > 0) {
      const Index pixels = taken.h() * taken.w();
      const Index labels = paser.grid.height_of(image.h()) * paser.grid.width_of(image.w());
      size.sent_bytes = pixels * image.c() + labels + 4 * pixels * (taken.c() - image.c());
    }
    sizes.push_back(size);
  }
  return sizes;
}

/// For nlohmann::json.
template <class Json>
void to_json(Json& j, const NetworkSize& s) {
  j = {{"parameters", s.parameters},
       {"weight_bytes", s.weight_bytes},
       {"gmac", 1e-9 * s.macs},
       {"done_gmac", 1e-9 * s.done_macs},
       {"sent_bytes", s.sent_bytes}};
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
