#pragma once
#include "paser/core/macros_off.inc"

#include <deque>

#include "paser/experiment/comparison.hpp"
#include "paser/experiment/networks.hpp"
#include "paser/experiment/pretrain_stage.hpp"
#include "paser/experiment/rival_settings.hpp"

/// Other networks beside those of a PaSeR: each is trained alone on the same images and has a row of its own in the
/// comparison, as DeepLabV3+, SegFormer and EfficientViT have in the paper's Table 1.
namespace paser::experiment {

/// The rivals of a run, whose files are rival1, paser_rival1, ...
class Rivals {
 public:
  /// `beside`: the PaSeR that they are compared with; they answer for its images and classes. Throws as fitted() and
  /// check_rivals().
  Rivals(const RivalSettings& settings, const pipeline::PaserDescription& beside, double dropout, Key key)
      : settings_(settings) {
    check_rivals(settings_);
    const ImageKind images{beside.channels, beside.classes(), beside.height, beside.width};
    for (std::size_t k = 0; k < settings_.rivals.size(); ++k) {
      auto description = beside;
      description.grid = {1, 1};
      description.networks = {fitted(settings_.rivals[k], images, dropout)};
      description.estimator = uncertainty::SoftmaxEntropy{}.spec();
      description.policy = pipeline::Constant{0}.spec();
      const std::string name = name_of(settings_.rivals[k]);
      description.info["name"] = name;
      auto paser = pipeline::make_paser<float>(description, key.fold(k));
      paser.micro_batch = settings_.rival_batch[k];
      rivals_.push_back({name, std::move(description), std::move(paser)});
    }
  }

  /// Of all weights.
  std::size_t bytes() const {
    std::size_t bytes = 0;
    for (const Rival& rival : rivals_) bytes += bytes_of(io::state_dict(rival.paser.models[0]));
    return bytes;
  }
  /// How many trained files they leave.
  std::size_t size() const { return rivals_.size(); }

  /// Their trainings: what `common` says of losses and validation, and their own epochs, batches and rates. The same
  /// must outlive the stages as with pretrain_stage(). Throws ValueError where several processes train.
  template <class S>
  void add_stages(Stages& stages, RunFolder& folder, const S& train, const std::type_identity_t<S>& validation,
                  const pipeline::PretrainOptions<float>& common, Key key) {
    check<ValueError>(rivals_.empty() || folder.team().alone(), "rivals",
                      "are trained by one process; set rivals=[], or start without mpirun or srun");
    for (std::size_t k = 0; k < rivals_.size(); ++k) {
      Rival& rival = rivals_[k];
      auto options = common;
      options.grid = options.teacher_grid = {1, 1};
      options.epochs = settings_.rival_epochs[k];
      options.batch = options.supervised.micro_batch = settings_.rival_batch[k];  // batch norms need their batch whole
      options.supervised.part_images = 0;
      options.supervised.mode.ghost_batch = 0;
      options.supervised.distillation.reset();
      options.learning_rate = settings_.rival_rate[k];
      options.final_rate = 0.1;
      const std::string file = message("rival", k + 1);
      auto stage = pretrain_stage(folder, {"rival " + rival.name, file}, rival.paser.models[0], train, validation,
                                  options, key.fold(k));
      stage.what = message(rival.name, ", to compare with: ", stage.what);
      stage.run = [&folder, &rival, file, training = stage.run] {
        training();
        pipeline::save_paser(folder.checkpoint_to_write("paser_" + file), rival.paser, rival.description);
      };
      stages.push_back(std::move(stage));
    }
  }

  /// Their rows. They must outlive the comparison.
  template <class Source>
  void add_to(MethodComparison<Source>& comparison, Key key) const {
    for (const Rival& rival : rivals_)
      comparison.add(rival.name, "single", comparison.run_of(rival.paser, rival.paser.policy, key),
                     "trained alone, one pass over the whole image");
  }
  /// Their parameters, for the page.
  void describe(report::Results& r) const {
    for (const Rival& rival : rivals_) r.parameters[rival.name] = nn::count_parameters(rival.paser.models[0]);
  }

 private:
  struct Rival {
    std::string name;
    pipeline::PaserDescription description;
    pipeline::Paser<float> paser;
  };

  /// "segformer B0", "deeplabv3plus resnet50"; of a wrapped network its own name. A name that is there gets a number.
  std::string name_of(const TypedSpec& spec) const {
    const auto settings = io::parse_json(spec.json, spec.type);
    if (const auto inside = settings.find("model"); settings.is_object() && inside != settings.end())
      return name_of(inside->get<TypedSpec>());
    std::string name = spec.type;
    for (const char* part : {"size", "backbone"})
      if (const auto said = settings.find(part); settings.is_object() && said != settings.end() && said->is_string())
        name += " " + said->get<std::string>();
    const auto alike = std::ranges::count_if(rivals_, [&](const Rival& r) { return r.name.starts_with(name); });
    return alike == 0 ? name : message(name, " (", alike + 1, ")");
  }

  RivalSettings settings_;
  std::deque<Rival> rivals_;
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
