#pragma once
#include "paser/core/macros_off.inc"

#include "paser/experiment/folder_data.hpp"
#include "paser/experiment/stages.hpp"
#include "paser/pipeline/pretrain.hpp"

/// Stage 1 as a part of an experiment.
namespace paser::experiment {

/// A training in a run's files: its name in the log and before its progress, and that of its checkpoint.
struct StageNames {
  std::string stage, file;
};

/// Throws ValueError, with the settings that would do, when stage 1 would refuse how the batches of a network are cut
/// into parts: so that a run of networks with batch norms is refused before anything is written. `images` are all that
/// it learns from; `batch_setting` is what the setting of the batch is called.
inline void require_parts(const models::AnySegmenter<float>& network, const std::string& name, const Shape<4>& images,
                          const pipeline::PretrainOptions<float>& options, const char* batch_setting) {
  const Index channels = network.channels() > 0 ? network.channels() : images.c();
  const Index whole = std::min(images.n(), options.batch);
  for (const Index n : {whole, images.n() % options.batch}) {
    try {
      pipeline::check_parts(network, options, {n, images.h(), images.w(), channels});
    } catch (const ValueError& error) {
      const Index part = pipeline::images_per_part(options.supervised);
      const bool alone = n * options.grid.patches() == 1 || options.supervised.mode.ghost_batch == part;
      const std::string advice =
          images.n() == 1 ? "There is one training image: a batch norm needs more, or a network without it"
          : alone         ? message("Of ", images.n(), " images a step with ", batch_setting, "=", options.batch,
                                    " leaves one alone. In settings: another ", batch_setting)
                  : message("In settings: ghost_batch=", part, ", or micro_batch=", whole * options.grid.patches());
      throw ValueError(message(name, ": ", error.what(), ". ", advice));
    }
  }
}

/// Seconds of one step of pretraining, on a copy of the network: the quicker of two, since the first one makes what
/// later ones find made. None when it cannot be made; the training itself will say why.
template <class S>
std::optional<double> seconds_per_step(models::AnySegmenter<float> network, const S& images,
                                       const pipeline::PretrainOptions<float>& options,
                                       const models::AnySegmenter<float>* teacher = nullptr) {
  try {
    optim::Adam<float> adam({.learning_rate = options.learning_rate});
    adam.bind(network);
    const auto batch = images.rows(data::numbers_from(0, std::min(images.size(), options.batch)));
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 2; ++i) {
      const double start = report::monotonic_seconds();
      pipeline::supervised_step(network, adam, batch.images, batch.labels, batch.ids, Key{1}, options, teacher);
      least = std::min(least, report::monotonic_seconds() - start);
    }
    return least;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The training of a network by itself, named after its checkpoint. Its time is that of the steps, by two of them just
/// made; validation comes on top. The folder, the networks and what the sources refer to must outlive the stage; copies
/// of sources should be cheap.
template <class S>
RunStage pretrain_stage(RunFolder& folder, const StageNames& names, models::AnySegmenter<float>& network,
                        const S& train, const std::type_identity_t<S>& validation,
                        const pipeline::PretrainOptions<float>& options, Key key,
                        const models::AnySegmenter<float>* teacher = nullptr) {
  const Index steps = (train.size() + options.batch - 1) / options.batch;
  return {names.file,
          message(nn::count_parameters(network), " parameters, ", options.epochs,
                  options.epochs == 1 ? " epoch of " : " epochs of ", steps, steps == 1 ? " step" : " steps"),
          [=, &folder, &network] {
            folder.run(names.stage, names.file, [&](const pipeline::Stage& stage) {
              return pipeline::pretrain(network, train, validation, options, stage, key, teacher);
            });
          },
          [=, &network]() -> std::optional<double> {
            const auto step = seconds_per_step(network, train, options, teacher);
            return step ? std::optional(*step * static_cast<double>(options.epochs * steps)) : std::nullopt;
          }};
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
