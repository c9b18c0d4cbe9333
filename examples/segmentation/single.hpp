#pragma once

#include "paser/experiment/pretrain_stage.hpp"
#include "segmentation/options.hpp"

/// One network, trained and used without routing.
namespace segmentation {

/// The place in the settings' lists of f1, f2, ...; nothing for the name of another network.
inline std::optional<std::size_t> place_of(const Config& c) {
  for (std::size_t k = 0; k < c.models(); ++k)
    if (c.network == paser::message("f", k + 1)) return k;
  return std::nullopt;
}

/// The settings for a network alone: it sees whole images, all of them in its one stage, and learns from no other.
inline Config alone(Config c, const std::string& network) {
  c.network = network;
  c.split = "all";
  c.distillation = "none";
  if (place_of(c) != std::size_t{0})  // as many pixels at once as with patches
    c.micro_batch = std::max<Index>(1, c.micro_batch / (c.grid[0] * c.grid[1]));
  c.grid = {1, 1};
  static_cast<experiment::RivalSettings&>(c) = {};
  return c;
}

/// What "f2" or NAME:JSON, a network of the registry, is made from; see experiment::fitted. Throws ValueError when it
/// is neither.
inline paser::models::ModelSpec network_spec(const Config& c, const Data& data) {
  if (const auto k = place_of(c)) return experiment::network_of(data, c, *k);
  const auto colon = c.network.find(':');
  const paser::models::ModelSpec said{c.network.substr(0, colon),
                                      colon == std::string::npos ? "{}" : c.network.substr(colon + 1)};
  (void)paser::models::model_maker<float>(said.type);  // throws with the names that there are
  paser::check<paser::ValueError>(paser::io::parse_json(said.json, "--network").is_object(), "--network", "'",
                                  c.network, "', expected ", experiment::listed(experiment::network_names(c.models())),
                                  ", or NAME:{...} with the settings of the network");
  return experiment::fitted(said, experiment::kind_of(data), c.dropout, c.answers_as_published());
}

/// The training of a network alone, which ends as a PaSeR of one model.
class SingleNetwork {
 public:
  SingleNetwork(const Config& config, const std::filesystem::path& out, const experiment::RunChoice& choice)
      : config_(checked(config)),
        data_(read_data(config)),
        description_(describe()),
        paser_(fresh_paser(config, description_)),
        folder_((require_parts(), out), config, choice, needs()) {
    paser_.policy = pipeline::Constant{0};
  }

  const Data& data() const { return data_; }
  experiment::RunFolder& folder() { return folder_; }

  /// Its training alone, at whose end it is saved.
  experiment::Stages stages() {
    auto training =
        experiment::pretrain_stage(folder_, {"train " + name(), "network"}, paser_.models[0], data_.varied(1),
                                   data_.validation(), options(), Key{config_.seed}.fold(2));
    training.name = name();
    training.run = [this, train = training.run] {
      train();
      pipeline::save_paser(folder_.checkpoint_to_write("paser"), paser_, description_);
    };
    return {training};
  }

  /// What it scores on the test images.
  void compare(report::Results& r) const {
    experiment::FolderComparison alone(data_, config_, paser_, description_, 1, {name()});
    alone.add(name(), "single", alone.run_of(paser_, paser_.policy, Key{config_.seed}.fold(7)),
              "alone, one pass over the whole image");
    r.time_convention = alone.time(1, 5);
    alone.describe(r, config_, paser::message(data_.varied(1).size(), " training images"));
    r.title = name() + " on " + experiment::own_name(config_.source());
  }

 private:
  std::string name() const { return config_.network.substr(0, config_.network.find(':')); }

  pipeline::PretrainOptions<float> options() const {
    return pretrain_options(config_, data_, place_of(config_).value_or(0));
  }
  void require_parts() const {
    experiment::require_parts(paser_.models[0], name(), data_.shape_of(data_.varied(1).size()), options(),
                              "pretrain_batch");
  }

  pipeline::PaserDescription describe() const {
    auto d = experiment::description_of(data_, config_);
    d.networks = {network_spec(config_, data_)};
    d.grid = {1, 1};
    d.estimator = paser::uncertainty::McDropout{config_.samples}.spec();
    d.policy = pipeline::Constant{0}.spec();
    d.info["name"] = config_.network;
    return d;
  }

  experiment::RunNeeds needs() const {
    const experiment::RunSize size{.networks = experiment::bytes_of(paser::io::state_dict(paser_.models[0])),
                                   .kept = 1};
    return {"train_segmentation",
            experiment::bytes_of(size),
            data_.files(),
            {"results.json", "methods.csv", "images.csv"},
            data_.inputs()};
  }

  Config config_;
  Data data_;
  pipeline::PaserDescription description_;
  Paser paser_;
  experiment::RunFolder folder_;
};

}  // namespace segmentation
