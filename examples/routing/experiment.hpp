#pragma once

#include <algorithm>
#include <map>

#include "paser/data/shifted.hpp"
#include "paser/experiment/folder_comparison.hpp"
#include "paser/experiment/pretrain_stage.hpp"
#include "paser/experiment/start.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/expert_images.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/routing/router_examples.hpp"
#include "routing/settings.hpp"

/// The networks of a run, trained so that routers learn from images which the networks have not seen.
namespace routing {

namespace pipeline = paser::pipeline;
using paser::Key;
using Folder = experiment::Folder;
using experiment::class_mean;
using Paser = pipeline::Paser<float>;

/// The reward of a table's patches, (N, P, M - 1), as the setting `gain` names it.
inline paser::Tensor<double, 3> gains_of(const pipeline::RoutingTable& table, const std::string& gain,
                                         paser::metrics::ClassMean mean) {
  using paser::metrics::GainReference;
  if (gain == "patch") return pipeline::patch_iou_gains(table, mean);
  return pipeline::true_gains(table, gain == "image" ? GainReference::image : GainReference::set, mean);
}

/// Which tiles are of one file: numbers from 0 in the order in which the files appear.
inline std::vector<Index> files_of(const Folder& folder) {
  std::map<std::string, Index> number;
  std::vector<Index> files;
  for (Index i = 0; i < folder.size(); ++i)
    files.push_back(number.emplace(folder.info(i).image.string(), static_cast<Index>(number.size())).first->second);
  return files;
}

/// How task models answer and are trained, see the settings of these names.
struct TaskModels {
  bool corrected = true, shifts = false;
  Index halo = 0;
  bool twin = false;        ///< other random numbers throughout
  bool batch_norm = false;  ///< by the statistics of all patches, whatever the settings say

  static TaskModels of(const Settings& s) { return {s.corrected, s.shifts, s.halo}; }
};

/// What networks do on images that they have not seen.
struct Unseen {
  pipeline::RoutingTable table;
  std::vector<Index> files;  ///< of every image of the table, see files_of
  Folder images;
  Paser networks;
};

/// Data, networks and tables of a run. Every training can be stopped and resumed.
class Experiment {
 public:
  Experiment(const Settings& settings, const std::filesystem::path& out, const experiment::RunChoice& choice)
      : settings_(checked(settings)),
        data_(settings, false, settings.initial.named()),
        description_((require_files(), describe(TaskModels::of(settings)))),
        fresh_(start()),  // before anything is written: whether the sizes and the files to start from fit
        folder_((require_parts(), out), settings, choice, needs()) {}

  const Settings& settings() const { return settings_; }
  const experiment::FolderData& data() const { return data_; }
  const pipeline::PaserDescription& description() const { return description_; }
  experiment::RunFolder& folder() { return folder_; }
  /// The root of one stream of random numbers. 1: weights; 2: networks; 3: routers; 4: bootstrap; 5: folds; 6: the
  /// estimator, where it draws; 7: resplits; 8: shifts; 9: random routing; 10: the paper's policy; 11: noise; 12, 13:
  /// twins.
  Key key(std::uint64_t stream) const { return Key{settings_.seed}.fold(stream); }
  /// The networks that the run ships, with a policy that keeps f1's answer.
  const Paser& networks() const { return *networks_; }
  std::string describe_split() const { return split_; }

  /// Trains all networks, and returns the tables of training images by networks that have not seen them: with folds one
  /// table per fold, else one of the images set apart.
  std::vector<Unseen> train() {
    std::vector<Unseen> tables;
    const std::vector<Index> files = files_of(data_.plain(1));
    const Index count = 1 + *std::max_element(files.begin(), files.end());
    const auto rows = [&](const auto& wanted) { return rows_at(files, wanted); };
    if (settings_.folds == 0) {
      const Index apart = files_apart(count);
      const auto seen = rows([&](Index p) { return p >= apart; }), unseen = rows([&](Index p) { return p < apart; });
      split_ = paser::message(count - apart, " training files for the networks, ", apart, " others for the routers");
      networks_ = trained("", seen);
      network_rows_ = seen;
      tables.push_back(unseen_by(*networks_, "the routers' images", unseen, files));
      return tables;
    }
    const Index folds = settings_.folds;
    split_ = paser::message(folds, " folds of ", count, " training files: networks of a fold judge its images alone");
    for (Index f = 0; f < folds; ++f) {
      const Paser fold = trained(paser::message("fold", f + 1, "_"), rows([&](Index p) { return p % folds != f; }));
      tables.push_back(
          unseen_by(fold, paser::message("fold ", f + 1), rows([&](Index p) { return p % folds == f; }), files));
    }
    network_rows_ = rows([](Index) { return true; });
    networks_ = trained("", network_rows_);
    return tables;
  }

  /// Task models of another kind, trained on the images of the shipped ones, beside the same f1.
  Paser with(const std::string& prefix, const TaskModels& kind) {
    return trained(prefix, network_rows_, kind, &*networks_);
  }

  /// The images on which the shipped networks were trained.
  Folder network_images() const { return data_.plain(1).only(network_rows_); }

  /// Every network on every patch.
  template <class Source>
  pipeline::RoutingTable table(const std::string& what, const Source& source, const Paser& networks) const {
    return experiment::shown("every network on " + what, "images", [&](const pipeline::HowFar& how_far) {
      return pipeline::tabulate_routing(networks, source, data_.classes(), key(6), paser::data::ignored_label, how_far,
                                        true);
    });
  }

  /// Networks trained on these images alone; `prefix` names their stages. Task models may be of another kind than the
  /// settings'; f1 is then that of `base`.
  Paser trained(const std::string& prefix, const std::vector<Index>& rows) {
    return trained(prefix, rows, TaskModels::of(settings_), nullptr);
  }
  Paser trained(const std::string& prefix, const std::vector<Index>& rows, const TaskModels& kind, const Paser* base) {
    Paser paser = base ? pipeline::make_paser<float>(describe(kind), kind.twin ? key(12) : key(1)) : fresh_;
    paser.micro_batch = settings_.micro_batch;
    const Folder varied = data_.varied(1).only(rows);
    for (std::size_t k = 0; k < settings_.models(); ++k) {
      if (k == 0 && base) {
        paser.models[0] = base->models[0];
        continue;
      }
      const std::string name = paser::message(prefix, "f", k + 1);
      folder_.run(name, name, [&](const pipeline::Stage& stage) {
        auto options = network_options(k);
        if (kind.batch_norm && settings_.ghost_batch == 0) options.supervised.mode.ghost_batch = settings_.micro_batch;
        const auto on = [&](const auto& train, const auto& validation) {
          return pipeline::pretrain(paser.models[k], train, validation, options, stage,
                                    (kind.twin ? key(13) : key(2)).fold(k));
        };
        if (k == 0) return on(varied, data_.validation());
        const auto on_patches = [&](const auto& train, const auto& validation) {
          if (!kind.shifts) return on(train, validation);
          const Index high = data_.height() / settings_.grid[0], wide = data_.width() / settings_.grid[1];
          return on(paser::data::Shifted(train, high, wide, key(8)),
                    paser::data::Shifted(validation, high, wide, key(8)));
        };
        if (!kind.corrected) return on_patches(varied, data_.validation());
        return on_patches(pipeline::WithPrediction<float, Folder>(paser, varied, key(2)),
                          pipeline::WithPrediction<float, Folder>(paser, data_.validation(), key(2)));
      });
    }
    return paser;
  }

 private:
  /// The networks as the trainings of all folds begin.
  Paser start() const {
    Paser paser = pipeline::make_paser<float>(description_, key(1));
    experiment::start_from(settings_.initial, paser, description_);
    return paser;
  }

  /// How many images each training of networks has, and which if not those of the shipped networks, each number once.
  std::vector<std::pair<Index, std::string>> training_sizes() const {
    const std::vector<Index> files = files_of(data_.plain(1));
    const Index count = 1 + *std::max_element(files.begin(), files.end()), folds = settings_.folds;
    const auto images = [&](const auto& wanted) { return static_cast<Index>(rows_at(files, wanted).size()); };
    if (folds == 0) return {{images([apart = files_apart(count)](Index p) { return p >= apart; }), ""}};
    std::vector<std::pair<Index, std::string>> sizes{{static_cast<Index>(files.size()), ""}};
    for (Index f = 0; f < folds; ++f) {
      const Index n = images([=](Index p) { return p % folds != f; });
      if (std::ranges::none_of(sizes, [&](const auto& known) { return known.first == n; }))
        sizes.emplace_back(n, paser::message(", images outside of fold ", f + 1));
    }
    return sizes;
  }

  /// Whether the networks' batches may run as the settings say.
  void require_parts() const {
    for (const auto& [images, which] : training_sizes())
      for (std::size_t k = 0; k < settings_.models(); ++k)
        experiment::require_parts(fresh_.models[k], paser::message("f", k + 1, which), data_.shape_of(images),
                                  network_options(k), "batch");
  }

  experiment::RunNeeds needs() const {
    const auto bytes = [](const auto& part) { return experiment::bytes_of(paser::io::state_dict(part)); };
    std::size_t networks = 0;
    for (const auto& model : fresh_.models) networks += bytes(model);
    const auto kinds = static_cast<std::size_t>(std::max<Index>(settings_.folds, 0) + 1 +
                                                (settings_.ablations ? 4 : 0) + (settings_.references ? 1 : 0));
    // A router reads less than a thousand numbers of a patch.
    const auto width = static_cast<std::size_t>(settings_.router_width * settings_.router_members);
    experiment::RunSize size{.networks = kinds * networks, .policy = sizeof(float) * width * (width + 1000), .kept = 3};
    if (settings_.references) {
      size.policies = 5;
      size.policy = std::max(size.policy, bytes(pipeline::make_policy<float>(
                                              pipeline::net_policy_spec(),
                                              {description_.grid, static_cast<Index>(settings_.models())}, Key{})));
    }
    return {"train_router",
            experiment::bytes_of(size),
            data_.files(),
            {"results.json", "curve.svg", "curve.csv", "report.html"},
            data_.inputs()};
  }

  /// Training files that the networks do not see. Throws ValueError when there are too few.
  Index files_apart(Index count) const {
    const auto asked = static_cast<Index>(std::lround(settings_.router_share * static_cast<double>(count)));
    paser::check<paser::ValueError>(count >= 3, "data", "there are ", count,
                                    " training files; expected one for the networks and two others for the routers");
    return std::clamp<Index>(asked, 2, count - 1);
  }

  /// Throws ValueError unless the data has all that a comparison needs, and files enough for what is asked.
  void require_files() const {
    using paser::check;
    using paser::ValueError;
    check<ValueError>(
        data_.has_validation() && data_.has_test(), settings_.source().c_str(), "there are no ",
        data_.has_test()         ? "validation"
        : data_.has_validation() ? "test"
                                 : "validation and test",
        " images, which nothing is trained on: make folders validation_images, validation_label, "
        "test_images and test_label beside train_images; or put all images into images and all masks into "
        "masks, which are then divided by their names");
    const std::vector<Index> files = files_of(data_.plain(1));
    const Index count = 1 + *std::max_element(files.begin(), files.end());
    check<ValueError>(count >= settings_.folds, "folds", count, " training files do not make ", settings_.folds,
                      " folds");
    if (settings_.folds > 0) return;
    const Index apart = files_apart(count);
    require_counted(rows_at(files, [&](Index p) { return p >= apart; }), count - apart, "networks");
    require_counted(rows_at(files, [&](Index p) { return p < apart; }), apart, "routers");
  }

  /// Throws ValueError unless a pixel of these training images counts: who learns from them could not.
  void require_counted(const std::vector<Index>& rows, Index files, const char* whose) const {
    for (const Index i : rows) {
      const auto labels = data_.plain(1).rows(std::span<const Index>(&i, 1)).labels;
      if (std::any_of(labels.data(), labels.data() + labels.numel(),
                      [](std::int32_t label) { return label != paser::data::ignored_label; }))
        return;
    }
    throw paser::ValueError(paser::message("data: no pixel of the ", files, " training files for the ", whose,
                                           " counts; expected files with classes, and --seed deals them otherwise"));
  }

  /// Numbers of the training images whose files have a wanted place, the files being dealt.
  template <class Wanted>
  std::vector<Index> rows_at(const std::vector<Index>& files, const Wanted& wanted) const {
    const auto order = paser::permutation(key(5), 1 + *std::max_element(files.begin(), files.end()));
    std::vector<Index> numbers;
    for (std::size_t i = 0; i < files.size(); ++i)
      if (wanted(order[static_cast<std::size_t>(files[i])])) numbers.push_back(static_cast<Index>(i));
    return numbers;
  }

  Unseen unseen_by(const Paser& networks, const std::string& what, const std::vector<Index>& rows,
                   const std::vector<Index>& files) const {
    const Folder images = data_.plain(1).only(rows);
    Unseen unseen{table(what, images, networks), {}, images, networks};
    for (const Index i : rows) unseen.files.push_back(files[static_cast<std::size_t>(i)]);
    return unseen;
  }

  pipeline::PaserDescription describe(const TaskModels& kind) const {
    auto d = experiment::description_of(data_, settings_);
    Settings s = settings_;
    if (kind.batch_norm) {
      s.norms.resize(s.models(), "instance");
      std::fill(s.norms.begin() + 1, s.norms.end(), "batch");
    }
    d.info["settings"] =
        experiment::without_folders<experiment::FolderSettings>(settings_);  // by it others read images
    for (std::size_t k = 0; k < settings_.models(); ++k) {
      paser::models::ModelSpec network = experiment::network_of(data_, s, k, kind.halo);
      if (k > 0 && kind.corrected) network = {"corrected", "{\"model\":" + network.text() + "}"};
      if (k > 0 && kind.halo > 0)
        network = {"halo", paser::message("{\"margin\":", kind.halo, ",\"model\":", network.text(), "}")};
      d.networks.push_back(network);
    }
    d.estimator = paser::uncertainty::SoftmaxEntropy{}.spec();
    d.policy = pipeline::Constant{0}.spec();
    d.info["router_settings"] = experiment::without_folders(settings_);
    return d;
  }

  pipeline::PretrainOptions<float> network_options(std::size_t k) const {
    pipeline::PretrainOptions<float> options;
    options.epochs = settings_.epochs[k];
    options.batch = settings_.batch[k];
    options.learning_rate = settings_.rate[k];
    options.final_rate = settings_.final_rate;
    options.class_mean = class_mean(settings_);
    options.validate_every = std::max<Index>(1, settings_.epochs[k] / 15);
    options.patience = settings_.patience;
    options.supervised.class_weights = data_.weights().weights;
    options.supervised.ignored = paser::data::ignored_label;
    options.supervised.micro_batch = settings_.micro_batch;
    options.supervised.mode.ghost_batch = settings_.ghost_batch;
    if (k > 0) options.grid = {settings_.grid[0], settings_.grid[1]};
    return options;
  }

  Settings settings_;
  experiment::FolderData data_;
  pipeline::PaserDescription description_;
  Paser fresh_;
  experiment::RunFolder folder_;
  std::optional<Paser> networks_;
  std::vector<Index> network_rows_;
  std::string split_;
};

}  // namespace routing
