#pragma once

#include "paser/experiment/run_folder.hpp"
#include "paser/pipeline/evaluate.hpp"
#include "paser/report/method_row.hpp"
#include "segmentation/options.hpp"
#include "segmentation/plan.hpp"

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
  return c;
}

/// What "f2" or NAME:JSON, a network of the registry, is made from. Its "in" and "classes" are those of the data.
/// Throws ValueError when it is neither.
inline paser::models::ModelSpec network_spec(const Config& c, Index channels, Index classes) {
  if (const auto k = place_of(c))
    return paser::models::UNetSpec{
        .in = channels, .classes = classes, .width = c.widths[*k], .depth = c.depths[*k], .dropout = c.dropout};
  const auto colon = c.network.find(':');
  const std::string name = c.network.substr(0, colon);
  (void)paser::models::model_maker<float>(name);  // throws with the names that there are
  auto settings = colon == std::string::npos ? nlohmann::json::object()
                                             : paser::io::parse_json(c.network.substr(colon + 1), "--network");
  paser::check<paser::ValueError>(settings.is_object(), "--network", "'", c.network,
                                  "', expected f1, f2, ... or NAME:{...} with the settings of the network");
  if (name == "unet") {
    const nlohmann::json usual{
        {"in", channels}, {"classes", classes}, {"dropout", c.dropout}, {"upsampling", "bilinear"}};
    for (const auto& [key, value] : usual.items())
      if (!settings.contains(key)) settings[key] = value;
  }
  return {name, settings.dump()};
}

/// The training of a network alone, which ends as a PaSeR of one model.
class SingleNetwork {
 public:
  SingleNetwork(const Config& config, const std::filesystem::path& out, const experiment::RunChoice& choice)
      : config_(checked(config)),
        data_(read_data(config)),
        description_(describe()),
        paser_(pipeline::make_paser<float>(description_, Key{config.seed}.fold(1))),
        folder_(out, config, choice, needs()) {
    paser_.micro_batch = config.micro_batch;
    paser_.policy = pipeline::Constant{0};
  }

  const Data& data() const { return data_; }
  experiment::RunFolder& folder() { return folder_; }

  void print_plan(std::ostream& out) const {
    segmentation::print_plan(out, config_, data_, {{name(), paser_.models[0], options()}}, "");
  }

  /// Throws Interrupted after Ctrl-C.
  void train() {
    folder_.run("train " + name(), "network", [&](const pipeline::Stage& stage) {
      return pipeline::pretrain(paser_.models[0], data_.varied(1), data_.validation(), options(), stage,
                                Key{config_.seed}.fold(2));
    });
    pipeline::save_paser(folder_.checkpoint_to_write("paser"), paser_, description_);
  }

  /// What it scores on the test images.
  report::Results results(const std::string& command) const {
    const Folder test = data_.test();
    const pipeline::EvaluationOptions options{.classes = data_.classes(),
                                              .models = 1,
                                              .kinds = 1,
                                              .class_mean = experiment::class_mean(config_),
                                              .batch = 1,
                                              .ignored = paser::data::ignored_label};
    const auto method = pipeline::method(paser_, paser_.policy, Key{config_.seed}.fold(7), description_.image());
    const auto found = experiment::shown("test " + name(), "images", [&](const pipeline::HowFar& how_far) {
      auto shown = options;
      shown.how_far = how_far;
      return pipeline::evaluate_method(method, test, shown);
    });
    report::Results r;
    r.title = name() + " on " + std::filesystem::path(config_.source()).filename().string();
    r.command = command;
    r.preset = config_.preset;
    r.seed = config_.seed;
    r.data = paser::message(config_.source(), ": ", data_.varied(1).size(), " training images, ", data_.validation().size(),
                            " for validation, ", test.size(),
                            data_.has_test() ? " for the test" : " of validation in place of a test");
    r.iou_convention = paser::message("macro IoU of ", data_.classes(), " classes, mean over images");
    r.mac_convention = report::mac_convention;
    r.models = {name()};
    r.kinds = {"all images"};
    r.rows.push_back(report::method_row(name(), "single", found, "alone, one pass over the whole image"));
    r.parameters[name()] = paser::nn::count_parameters(paser_.models[0]);
    r.classes = data_.class_names();
    r.class_tables[name()] = report::class_table(found.confusion);
    for (Index i = 0; i < test.size(); ++i)
      r.images.push_back({test.info(i).name,
                          {{name(),
                            {.iou = found.image_iou[static_cast<std::size_t>(i)],
                             .share = found.image_share[static_cast<std::size_t>(i)]}}}});
    r.stages = folder_.stage_costs();
    r.settings = config_;
    r.environment = report::environment();
    return r;
  }

 private:
  std::string name() const { return config_.network.substr(0, config_.network.find(':')); }
  pipeline::PretrainOptions<float> options() const {
    return pretrain_options(config_, data_, place_of(config_).value_or(0));
  }

  pipeline::PaserDescription describe() const {
    pipeline::PaserDescription d;
    d.channels = data_.channels();
    d.class_names = data_.class_names();
    d.networks = {network_spec(config_, data_.channels(), data_.classes())};
    d.grid = {1, 1};
    d.height = data_.height();
    d.width = data_.width();
    d.estimator = paser::uncertainty::McDropout{config_.samples}.spec();
    d.policy = pipeline::Constant{0}.spec();
    d.value_range = experiment::value_range(config_);
    d.info["settings"] = experiment::without_folders(config_);
    d.info["name"] = config_.network;
    return d;
  }

  experiment::RunNeeds needs() const {
    const experiment::RunSize size{.networks = experiment::bytes_of(paser::io::state_dict(paser_.models[0])),
                                   .kept = 1};
    return {
        "train_segmentation", experiment::bytes_of(size), data_.files(), {"results.json", "methods.csv", "images.csv"}};
  }

  Config config_;
  Data data_;
  pipeline::PaserDescription description_;
  Paser paser_;
  experiment::RunFolder folder_;
};

}  // namespace segmentation
