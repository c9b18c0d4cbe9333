#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/data/batch.hpp"
#include "paser/distributed/rows.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/optim/schedule.hpp"
#include "paser/pipeline/stage.hpp"
#include "paser/pipeline/supervised.hpp"

namespace paser::pipeline {

/// Settings of stage 1, the supervised training of one network.
template <class T>
struct PretrainOptions {
  Index epochs = 200;
  Index batch = 128;
  double learning_rate = 1e-4;
  double final_rate = 1;  ///< the share of the learning rate that is left at the last step; linear. 1: it stays
  /// The network is trained on the patches of this grid; 1x1 is the whole image.
  data::PatchGrid grid{1, 1};
  /// The teacher's view when distilling.
  data::PatchGrid teacher_grid{1, 1};
  /// Runs the teacher once on every training image and keeps its logits in memory. The images are then used as they
  /// are, without a variation for each epoch.
  bool keep_teacher_logits = false;
  SupervisedOptions<T> supervised{};
  metrics::ClassMean class_mean = metrics::ClassMean::present;
  /// Validation after every so many epochs, at least 1, and after the last; the best network on validation is the one
  /// that is kept.
  Index validate_every = 1;
  /// Ends the stage once so many validations in a row were no better than the best. 0: it runs to its last step.
  Index patience = 0;
};

/// Logits of all patches of a grid, put back together: (N, H, W, C) -> (N, H, W, K).
template <class T>
Tensor<T, 4> predict_logits_on_grid(const models::AnySegmenter<T>& model, const Tensor<T, 4>& images,
                                    const data::PatchGrid& grid, Index micro_batch) {
  const Tensor<T, 4> patches = data::extract_patches(images, grid, model.margin());
  return data::assemble_patches(predict_logits(model, patches, micro_batch), grid);
}

/// Mean over images of the macro IoU, without noise, patch by patch of the grid. An image without a pixel that counts
/// is left out; NaN when all are. The processes of a team share the images.
template <class T, data::Source S>
double validation_iou(const models::AnySegmenter<T>& model, const S& source, const data::PatchGrid& grid,
                      metrics::ClassMean class_mean, Index micro_batch, std::optional<std::int32_t> ignored = {},
                      const distributed::Team& team = {}) {
  std::vector<double> ious;
  const Index chunk = distributed::images_at_once(micro_batch, grid.patches(), 128);
  const PartRange own = distributed::own_images(team, source.size(), grid.patches(), micro_batch, chunk);
  for_each_chunk(own.end - own.begin, chunk, [&](Index begin, Index end) {
    const auto batch = source.range(own.begin + begin, own.begin + end);
    const Tensor<T, 4> logits = predict_logits_on_grid(model, batch.images, grid, micro_batch);
    const auto iou = metrics::mean_iou<double>(
        metrics::image_confusion(argmax_channels(logits), batch.labels, logits.shape().c(), ignored), class_mean);
    ious.insert(ious.end(), iou.data(), iou.data() + iou.numel());
  });
  return metrics::KnownValues(team.join(std::span<const double>(ious), "validation")).mean;
}

/// One Adam step on one batch, on the patches of the options' grid. The loss is that of the reassembled images.
/// Distillation needs the teacher, or its logits on the batch (N, H, W, K).
template <class T>
SupervisedResult<T> supervised_step(models::AnySegmenter<T>& model, optim::Adam<T>& adam, const Tensor<T, 4>& images,
                                    const Labels& labels, const ImageIds& ids, Key key,
                                    const PretrainOptions<T>& options, const models::AnySegmenter<T>* teacher = nullptr,
                                    Tensor<T, 4> target = {}) {
  const Index patches = options.grid.patches();
  ImageIds patch_ids;
  for (const std::uint64_t id : ids)
    for (Index p = 0; p < patches; ++p)
      patch_ids.push_back(id * static_cast<std::uint64_t>(patches) + static_cast<std::uint64_t>(p));
  if (options.supervised.distillation) {
    check<ValueError>(teacher != nullptr || !target.empty(), "supervised_step", "distillation needs a teacher");
    if (target.empty())
      target = predict_logits_on_grid(*teacher, images, options.teacher_grid, options.supervised.micro_batch);
    if (patches > 1) target = data::extract_patches(target, options.grid);
  }
  auto result =
      supervised_gradients(model, data::extract_patches(images, options.grid, model.margin()),
                           data::extract_patches(labels, options.grid), patch_ids, key, options.supervised, target);
  adam.step(model, result.gradients);
  return result;
}

/// Throws what a step on so many images, (N, H, W, C), would throw about how its batch is cut into parts: a batch norm
/// refuses those whose statistics are not the batch's. Computes nothing.
template <class T>
void check_parts(const models::AnySegmenter<T>& model, const PretrainOptions<T>& options, const Shape<4>& images) {
  const Index n = images.n() * options.grid.patches(), part = images_per_part(options.supervised);
  if (n == 0) return;
  for (const Index begin : {Index{0}, (n - 1) / part * part}) {
    Operations operations;
    CountContext<T> ctx(operations, options.supervised.mode);
    ctx.part = {begin, std::min(n, begin + part), n};
    const Shape<4> run{ctx.part.end - begin, images.h() / options.grid.rows + 2 * model.margin(),
                       images.w() / options.grid.columns + 2 * model.margin(), images.c()};
    model(ctx, Counted<4>(run, operations));
  }
}

namespace detail {

/// Remembers under `name` how a batch of at most `images` images is cut into parts, which decides how gradients are
/// rounded. A state with another number is refused by FormatError.
template <class T>
void keep_parts(TrainingState& state, const char* name, const SupervisedOptions<T>& options, Index images) {
  const Index part = std::min(images_per_part(options), images);
  state.part([name, part](io::Checkpoint& c) { c.info[name] = part; },
             [name, part, images](const io::Checkpoint& c) {
               Index stored = part;
               if (c.info.contains(name)) read_stored(c.info, c.origin, name, stored, Index{1}, images);
               check<FormatError>(stored == part, c.origin.c_str(), "the gradients of this training are added over ",
                                  "parts of ", stored, " images, now over parts of ", part,
                                  ", which rounds differently: set part_images to ", stored, ", or train anew");
             });
}

/// A teacher's logits on the images of a set, each computed when it is first needed.
template <class T, data::Source S>
class TeacherCache {
 public:
  TeacherCache(const models::AnySegmenter<T>& teacher, const S& source, const PretrainOptions<T>& options)
      : teacher_(teacher), source_(source), options_(options), logits_(static_cast<std::size_t>(source.size())) {}

  /// Logits of these images, (N, H, W, K).
  Tensor<T, 4> rows(std::span<const Index> numbers) {
    Tensor<T, 4> all;
    T* out = nullptr;
    for (const Index i : numbers) {
      Tensor<T, 4>& one = logits_[static_cast<std::size_t>(i)];
      if (one.empty())
        one = predict_logits_on_grid(teacher_, source_.rows(std::span<const Index>(&i, 1)).images,
                                     options_.teacher_grid, options_.supervised.micro_batch);
      if (out == nullptr) {
        Shape<4> shape = one.shape();
        shape[0] = static_cast<Index>(numbers.size());
        all = Tensor<T, 4>(shape);
        out = all.mutable_data();
      }
      out = std::copy_n(one.data(), one.numel(), out);
    }
    return all;
  }

 private:
  const models::AnySegmenter<T>& teacher_;
  const S& source_;
  const PretrainOptions<T>& options_;
  std::vector<Tensor<T, 4>> logits_;
};

}  // namespace detail

namespace detail {

/// Stage 1 as it goes on.
template <class T, data::Source S>
class Pretraining {
 public:
  Pretraining(models::AnySegmenter<T>& model, const S& train, const S& validation, const PretrainOptions<T>& options,
              Stage& stage, Key key, const models::AnySegmenter<T>* teacher)
      : model_(model),
        train_(train),
        validation_(validation),
        options_(options),
        stage_(stage),
        key_(key),
        teacher_(teacher),
        order_(key.fold(0), train.size(), options.batch),
        adam_({.learning_rate = options.learning_rate}),
        best_{model},
        early_stop_(options.patience) {
    check<ValueError>(options.epochs >= 1, stage.name.c_str(), "needs at least one epoch");
    check<ValueError>(options.validate_every >= 1, stage.name.c_str(), "validates after every ", options.validate_every,
                      " epochs, expected at least 1");
    stage.steps = options.epochs * order_.per_epoch();
    adam_.bind(model);
    if (!options.keep_teacher_logits || !options.supervised.distillation) return;
    check<ValueError>(teacher != nullptr, stage.name.c_str(), "distillation needs a teacher");
    teacher_cache_.emplace(*teacher, train, options);
  }

  /// Returns false when interrupted.
  bool run() {
    TrainingState state;
    keep_parts(state, "part_images", options_.supervised, options_.batch * options_.grid.patches());
    state.keep("model", model_).keep("best", best_.state).keep("adam", adam_);
    state.keep_value("best_iou", best_.score, best_.none, 1 + 1e-6);  // means of 1 may round upwards
    state.keep_value("epoch_loss", epoch_loss_, -most_summed, most_summed);
    // A state without the number of pixels has a sum of another kind: the mean of its epoch starts anew.
    state.part([this](io::Checkpoint& c) { c.info["epoch_pixels"] = epoch_pixels_; },
               [this](const io::Checkpoint& c) {
                 const bool stored = c.info.contains("epoch_pixels");
                 epoch_pixels_ = 0;
                 if (stored)
                   read_stored(c.info, c.origin, "epoch_pixels", epoch_pixels_, 0.0, static_cast<double>(most_counted));
                 if (!stored) epoch_loss_ = 0;
               });
    early_stop_.keep_in(state);
    const bool finished = run_stage(stage_, state, [this](Index i) { return step(i); });
    if (finished) model_ = best_.state;
    return finished;
  }

 private:
  std::optional<std::string> step(Index i) {
    if (early_stop_.over()) return std::nullopt;
    const std::span<const Index> images = order_.images(i);
    adam_.set_learning_rate(options_.learning_rate * optim::linear_schedule(1.0, options_.final_rate, stage_.steps)(i));
    const auto batch = teacher_cache_ ? train_.rows(images) : data::epoch_rows(train_, images, order_.epoch(i));
    const auto result = supervised_step(model_, adam_, batch.images, batch.labels, batch.ids,
                                        key_.fold(1).fold(static_cast<std::uint64_t>(i)), options_, teacher_,
                                        teacher_cache_ ? teacher_cache_->rows(images) : Tensor<T, 4>());
    const double pixels = counted(batch.labels);
    if (order_.begins_epoch(i)) epoch_loss_ = epoch_pixels_ = 0;
    epoch_loss_ += result.loss * pixels;
    epoch_pixels_ += pixels;
    nlohmann::json record{{"loss", known(result.loss, pixels)}};
    std::string note = pixels > 0 ? message("loss ", result.loss) : std::string("no pixel of the batch counts");
    const Index epoch = order_.epoch(i) + 1;
    if (i + 1 == stage_.steps || (order_.ends_epoch(i) && epoch % options_.validate_every == 0))
      note += validate(epoch, record);
    stage_.log(i + 1, record);
    return note;
  }

  /// The pixels of a batch that take part in the loss.
  double counted(const Labels& labels) const {
    const auto& ignored = options_.supervised.ignored;
    return static_cast<double>(labels.numel() - (ignored ? std::ranges::count(labels.values(), *ignored) : 0));
  }
  /// For the log: there is no mean over no pixels.
  static nlohmann::json known(double loss, double pixels) { return pixels > 0 ? nlohmann::json(loss) : nullptr; }

  std::string validate(Index epoch, nlohmann::json& record) {
    const double iou =
        validation_iou(model_, validation_, options_.grid, options_.class_mean, options_.supervised.micro_batch,
                       options_.supervised.ignored, options_.supervised.team);
    check<ValueError>(!is_nan(iou), stage_.name.c_str(),
                      "no pixel of the validation images counts, so that nothing tells the best network");
    record["validation_iou"] = iou;
    record["epoch_loss"] = known(epoch_loss_ / epoch_pixels_, epoch_pixels_);
    record["epoch"] = epoch;
    return message(", IoU ", iou) + early_stop_.saw(best_.offer(model_, iou), record);
  }

  models::AnySegmenter<T>& model_;
  const S &train_, &validation_;
  const PretrainOptions<T>& options_;
  Stage& stage_;
  Key key_;
  const models::AnySegmenter<T>* teacher_;
  data::BatchOrder order_;
  optim::Adam<T> adam_;
  BestState<models::AnySegmenter<T>> best_;
  EarlyStop early_stop_;
  std::optional<TeacherCache<T, S>> teacher_cache_;
  double epoch_loss_ = 0, epoch_pixels_ = 0;  ///< sum over the pixels of this epoch that counted, and their number
};

}  // namespace detail

/// Stage 1: trains `model` and leaves it at its best validation IoU. `stage.steps` is set here. Returns false when
/// interrupted. The varied images of an epoch are trained on where the source has such, see data::epoch_rows.
template <class T, class S>
bool pretrain(models::AnySegmenter<T>& model, const S& train, const std::type_identity_t<S>& validation,
              PretrainOptions<T> options, Stage stage, Key key, const models::AnySegmenter<T>* teacher = nullptr) {
  data::require_source<S>();
  options.supervised.team = stage.team;
  return detail::Pretraining<T, S>(model, train, validation, options, stage, key, teacher).run();
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
