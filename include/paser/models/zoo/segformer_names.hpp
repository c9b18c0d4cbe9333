#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/published_names.hpp"
#include "paser/models/zoo/segformer_spec.hpp"

/// What SegFormer's tensors are called in checkpoints that do not have Hugging Face's names, which are ours.
namespace paser::models {

namespace detail {

/// The authors' encoder, as mmseg's files have it and smp's too.
inline void add_mix_transformer_names(io::PublishedNames& names, const SegFormerSpec& spec, const std::string& prefix) {
  const std::string encoder = "segformer.encoder.";
  for (std::size_t i = 0; i < spec.depths.size(); ++i) {
    const std::string ours = std::to_string(i), theirs = std::to_string(i + 1);
    const std::string embedding = encoder + "patch_embeddings." + ours;
    names.rename(prefix + "patch_embed" + theirs + ".proj", embedding + ".proj");
    names.rename(prefix + "patch_embed" + theirs + ".norm", embedding + ".layer_norm");
    names.rename(prefix + "norm" + theirs, encoder + "layer_norm." + ours);
    for (Index j = 0; j < spec.depths[i]; ++j) {
      const std::string number = "." + std::to_string(j) + ".";
      const std::string block = encoder + "block." + ours + number, published = prefix + "block" + theirs + number;
      const std::pair<const char*, const char*> pairs[] = {{"norm1", "layer_norm_1"},
                                                           {"norm2", "layer_norm_2"},
                                                           {"attn.q", "attention.self.query"},
                                                           {"attn.sr", "attention.self.sr"},
                                                           {"attn.norm", "attention.self.layer_norm"},
                                                           {"attn.proj", "attention.output.dense"},
                                                           {"mlp.fc1", "mlp.dense1"},
                                                           {"mlp.dwconv.dwconv", "mlp.dwconv.dwconv"},
                                                           {"mlp.fc2", "mlp.dense2"}};
      for (const auto& [theirs_in, ours_in] : pairs) names.rename(published + theirs_in, block + ours_in);
      names.rows(published + "attn.kv", {block + "attention.self.key", block + "attention.self.value"});
    }
  }
}

}  // namespace detail

/// The authors' names (NVlabs/SegFormer, mmseg before 1.0). `prefix` stands before the encoder's.
inline io::PublishedNames segformer_nvlabs_names(const SegFormerSpec& spec, const std::string& prefix = "backbone.") {
  io::PublishedNames names;
  detail::add_mix_transformer_names(names, spec, prefix);
  for (std::size_t i = 0; i < spec.depths.size(); ++i)
    names.rename("decode_head.linear_c" + std::to_string(i + 1) + ".proj",
                 "decode_head.linear_c." + std::to_string(i) + ".proj");
  names.rename("decode_head.linear_fuse.conv", "decode_head.linear_fuse");
  names.rename("decode_head.linear_fuse.bn", "decode_head.batch_norm");
  names.rename("decode_head.linear_pred", "decode_head.classifier");
  names.ignore("decode_head.conv_seg");
  return names;
}

/// The names of segmentation_models.pytorch, whose decoder counts the stages from the coarsest.
inline io::PublishedNames segformer_smp_names(const SegFormerSpec& spec) {
  io::PublishedNames names;
  detail::add_mix_transformer_names(names, spec, "encoder.");
  const std::size_t stages = spec.depths.size();
  for (std::size_t i = 0; i < stages; ++i)
    names.rename("decoder.mlp_stage." + std::to_string(stages - 1 - i) + ".linear",
                 "decode_head.linear_c." + std::to_string(i) + ".proj");
  names.rename("decoder.fuse_stage.0", "decode_head.linear_fuse");
  names.rename("decoder.fuse_stage.1", "decode_head.batch_norm");
  names.rename("segmentation_head.0", "decode_head.classifier");
  return names;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
