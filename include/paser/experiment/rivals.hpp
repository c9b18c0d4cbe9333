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
  /// `beside`: the PaSeR that they are compared with; they answer for its images and classes, and like it micro_batch
  /// images at once. as_published: see fitted(). Throws as fitted(), make_paser() and check_rivals().
  Rivals(const RivalSettings& settings, const pipeline::PaserDescription& beside, double dropout, Index micro_batch,
         Key key, bool as_published = true)
      : settings_(settings) {
    check_rivals(settings_);
    const ImageKind images{beside.channels, beside.classes(), beside.height, beside.width};
    for (std::size_t k = 0; k < settings_.rivals.size(); ++k) {
      auto description = beside;
      description.grid = {1, 1};
      description.networks = {fitted(settings_.rivals[k], images, dropout, as_published)};
      description.estimator = uncertainty::SoftmaxEntropy{}.spec();
      description.policy = pipeline::Constant{0}.spec();
      const std::string name = free_name(name_of(settings_.rivals[k]));
      description.info["name"] = name;
      auto paser = as(name, [&] { return pipeline::make_paser<float>(description, key.fold(k)); });
      paser.micro_batch = micro_batch;
      rivals_.push_back({name, std::move(description), std::move(paser)});
    }
  }

  /// Of the weights of each.
  std::vector<std::size_t> bytes() const {
    std::vector<std::size_t> bytes;
    for (const Rival& rival : rivals_) bytes.push_back(bytes_of(io::state_dict(rival.paser.models[0])));
    return bytes;
  }
  /// How many trained files they leave.
  std::size_t size() const { return rivals_.size(); }
  /// What their rows are called.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Rival& rival : rivals_) names.push_back(rival.name);
    return names;
  }
  /// The names of their stages: "rival1", ...
  static std::vector<std::string> stage_names(const RivalSettings& settings) {
    std::vector<std::string> names;
    for (std::size_t k = 0; k < settings.rivals.size(); ++k) names.push_back(stage_name(k));
    return names;
  }

  /// Throws ValueError where there are some and several processes train.
  void require_alone(const distributed::Team& team) const {
    check<ValueError>(rivals_.empty() || team.alone(), "rivals",
                      "are trained by one process; set rivals=[], or start without mpirun or srun");
  }

  /// Throws ValueError, which names the rival and the setting, where batch norms of one cannot run with its batches of
  /// such `images`, all that it learns from; `common` as in add_stages().
  void require_parts(const Shape<4>& images, const pipeline::PretrainOptions<float>& common) const {
    for (std::size_t k = 0; k < rivals_.size(); ++k)
      experiment::require_parts(rivals_[k].paser.models[0], "rival " + rivals_[k].name, images, options_of(k, common),
                                "rival_batch");
  }

  /// Their trainings: what `common` says of losses, validation and patience, and their own epochs, batches and rates.
  /// The same must outlive the stages as with pretrain_stage(). Throws as require_alone().
  template <class S>
  void add_stages(Stages& stages, RunFolder& folder, const S& train, const std::type_identity_t<S>& validation,
                  const pipeline::PretrainOptions<float>& common, Key key) {
    require_alone(folder.team());
    trained_on_ = train.size();
    for (std::size_t k = 0; k < rivals_.size(); ++k) {
      Rival& rival = rivals_[k];
      const auto options = options_of(k, common);
      const std::string file = stage_name(k);
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

  /// Their rows, in which no network of the PaSeR has a share. They must outlive the comparison.
  template <class Source>
  void add_to(MethodComparison<Source>& comparison, Key key) const {
    for (const Rival& rival : rivals_) {
      const auto run = comparison.run_of(rival.paser, rival.paser.policy, key);
      const auto note = message("trained alone on ", trained_on_, " images, one pass over the whole image");
      ComparedMethod& added =
          as(rival.name, [&]() -> ComparedMethod& { return comparison.add(rival.name, "single", run, note); });
      added.row.share.clear();
    }
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

  pipeline::PretrainOptions<float> options_of(std::size_t k, pipeline::PretrainOptions<float> options) const {
    options.grid = options.teacher_grid = {1, 1};
    options.epochs = settings_.rival_epochs[k];
    options.batch = options.supervised.micro_batch = settings_.rival_batch[k];  // batch norms need their batch whole
    options.supervised.part_images = 0;
    options.supervised.mode.ghost_batch = 0;
    options.supervised.distillation.reset();
    options.learning_rate = settings_.rival_rate[k];
    options.final_rate = 0.1;
    return options;
  }

  static std::string stage_name(std::size_t k) { return message("rival", k + 1); }

  /// What `f` returns. Errors in it, which call the only network of a PaSeR f1, name the rival.
  template <class F>
  static auto as(const std::string& name, const F& f) -> decltype(f()) {
    const auto told = [&](const Error& error) { return message("rival ", name, " (below: f1): ", error.what()); };
    try {
      return f();
    } catch (const ValueError& error) {
      throw ValueError(told(error));
    } catch (const NotFiniteError& error) {
      throw NotFiniteError(told(error));
    }
  }

  /// "segformer B0", "deeplabv3plus resnet50"; of a network that sees resized images "efficientvit B0 at 256 x 256", of
  /// another wrapped one its own name.
  static std::string name_of(const TypedSpec& spec) {
    const auto settings = io::parse_json(spec.json, spec.type);
    std::string name = spec.type == "matphase" ? "MatPhase-like" : spec.type;  // a reconstruction, see models/zoo
    if (!settings.is_object()) return name;
    const auto size = settings.find("size");
    if (const auto inside = settings.find("model"); inside != settings.end()) {
      name = name_of(inside->get<TypedSpec>());
      const bool sized = size != settings.end() && size->is_array() && size->size() == 2;
      return sized ? message(name, " at ", size->at(0).dump(), " x ", size->at(1).dump()) : name;
    }
    for (const char* part : {"size", "backbone"})
      if (const auto said = settings.find(part); said != settings.end() && said->is_string())
        name += " " + said->get<std::string>();
    return name;
  }

  /// The name, with a number where it is taken.
  std::string free_name(const std::string& name) const {
    std::string free = name;
    for (int n = 2; std::ranges::any_of(rivals_, [&](const Rival& r) { return r.name == free; }); ++n)
      free = message(name, " (", n, ")");
    return free;
  }

  RivalSettings settings_;
  std::deque<Rival> rivals_;
  Index trained_on_ = 0;
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
