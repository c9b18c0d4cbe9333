#pragma once

#include "paser/io/torch_names.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/models/wrappers.hpp"
#include "paser/models/zoo/segformer_names.hpp"
#include "paser/models/zoo/segformer_spec.hpp"
#include "paser/pipeline/paser_file.hpp"

/// Published weights of the networks of the registry, under the names of one of the public codes.
namespace command {

/// A network and what its tensors are called.
class Published {
 public:
  using Network = paser::models::AnySegmenter<float>;

  /// said: one of known(of.type), empty for the first of them, or of a SegFormer for those of its convention. A
  /// SegFormer without a convention gets that of the names. Throws ValueError on other names and on those of another
  /// convention, and what the maker of the network throws.
  Published(const paser::models::ModelSpec& of, const std::string& said)
      : names(chosen(of, said)),
        spec(of_convention(of, names)),
        network(paser::models::make_segmenter<float>(spec, paser::Key{1})) {
    if (spec.type == "unet") {
      const auto made = paser::io::parse_json(network.spec().json, "model 'unet'");
      const auto depth = made.at("depth").get<int>();
      const bool released = depth <= 4 && made.value("norm", "instance") == "instance";
      paser::check<paser::ValueError>(names != "released" || released, "--names",
                                      "'released' are the names of UNets of up to 4 levels with instance norms, and ",
                                      "this one has ", depth, " levels, norm ", made.value("norm", "instance"),
                                      "; expected --names paser");
      if (names == "released") unet_ = paser::io::unet_names(depth);
    } else if (spec.type == "segformer") {
      const auto read = paser::models::SegFormerMaker<float>::read(spec.json);
      if (names == "nvlabs") names_ = paser::models::segformer_nvlabs_names(read);
      if (names == "smp") names_ = paser::models::segformer_smp_names(read);
    }
  }

  /// The names that checkpoints of this kind of network are known under; the first is the usual one.
  static std::vector<std::string> known(const std::string& type) {
    if (type == "unet") return {"released", "paser"};
    if (type == "segformer") return {"hugging_face", "nvlabs", "smp"};
    return {"checkpoint"};
  }

  /// Gives the network the tensors of a checkpoint. Strict, and all or nothing; throws FormatError that starts with
  /// `origin` and lists what does not fit.
  void load(const paser::io::StateDict& tensors, const std::string& origin) {
    if (!unet_) return paser::io::load_published(network, tensors, names_, origin);
    try {
      paser::io::load_torch_state_dict(network, tensors, *unet_, origin);
    } catch (const paser::FormatError& error) {
      const std::string text = error.what();
      throw paser::FormatError(text.starts_with(origin) ? text : origin + ": " + text);
    }
  }

  /// How the code of these names resizes the network's answer to an image.
  paser::models::Answer answer() const {
    return names == "smp" ? paser::models::Answer::corners : paser::models::published_answer(spec.type);
  }

  /// The network as a checkpoint.
  paser::io::Safetensors checkpoint() const {
    paser::io::Safetensors content;
    content.tensors = unet_ ? paser::io::state_to_torch(paser::io::state_dict(network), *unet_)
                            : paser::io::published_state(network, names_);
    content.metadata = {{"format", "pt"}};  // what Hugging Face's readers ask for
    return content;
  }

  std::string names;              ///< one of known()
  paser::models::ModelSpec spec;  ///< of the network
  Network network;

 private:
  static std::string chosen(const paser::models::ModelSpec& spec, const std::string& said) {
    const auto all = known(spec.type);
    if (said.empty()) return spec.type == "segformer" ? convention_of(spec) : all.front();
    if (std::ranges::find(all, said) == all.end()) throw paser::ValueError(paser::unknown_name("names", said, all));
    return said;
  }
  static std::string convention_of(const paser::models::ModelSpec& segformer) {
    using namespace paser::models;
    return segformer_convention_name(SegFormerMaker<float>::read(segformer.json).convention);
  }
  /// Weights do not tell in which code's network they were trained, and its function differs; their names do.
  static paser::models::ModelSpec of_convention(paser::models::ModelSpec spec, const std::string& names) {
    if (spec.type != "segformer") return spec;
    const std::string said = convention_of(spec), expected = names == "hugging_face" ? names : "nvlabs";
    auto settings = paser::io::parse_json(spec.json, "model 'segformer'");
    if (!settings.contains("convention")) {
      settings["convention"] = expected;
      spec.json = paser::io::json_text(settings);
      return spec;
    }
    paser::check<paser::ValueError>(said == expected, "--names", names, " are those of networks with the convention ",
                                    expected, ", and this network has the convention ", said,
                                    ", which makes another function of the same weights; expected names of its own");
    return spec;
  }

  paser::io::PublishedNames names_;
  std::optional<paser::io::NameTable> unet_;
};

/// A network of a model file without the wrappers around it.
struct Bare {
  paser::models::ModelSpec spec;
  std::string prefix;  ///< of its tensors' names in the whole
};

inline Bare without_wrappers(paser::models::ModelSpec spec) {
  Bare bare{std::move(spec), ""};
  for (;;) {
    const auto settings = paser::io::parse_json(bare.spec.json, "the settings of '" + bare.spec.type + "'");
    if (!settings.is_object() || !settings.contains("model")) return bare;
    bare.spec = settings["model"].get<paser::models::ModelSpec>();
    bare.prefix += "model.";
  }
}

}  // namespace command
