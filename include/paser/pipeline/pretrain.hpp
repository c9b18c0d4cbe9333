#pragma once

#include <cmath>
#include <numeric>

#include "paser/data/batch.hpp"
#include "paser/metrics/iou.hpp"
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
  /// Validation after every so many epochs; the best network on validation is the one that is kept.
  Index validate_every = 1;
};

/// Logits of all patches of a grid, put back together: (N, H, W, C) -> (N, H, W, K).
template <class T>
Tensor<T, 4> predict_logits_on_grid(const models::Segmenter<T>& model, const Tensor<T, 4>& images,
                                    const data::PatchGrid& grid, Index micro_batch) {
  if (grid.patches() == 1) return predict_logits(model, images, micro_batch);
  return data::assemble_patches(predict_logits(model, data::extract_patches(images, grid), micro_batch), grid);
}

/// Mean over images of the macro IoU, without noise, patch by patch of the grid. Source: see pretrain.
template <class T, class Source>
double validation_iou(const models::Segmenter<T>& model, const Source& source, const data::PatchGrid& grid,
                      metrics::ClassMean class_mean, Index micro_batch, std::optional<std::int32_t> ignored = {}) {
  double sum = 0;
  for_each_run(source.size(), 128, [&](Index begin, Index end) {
    const auto batch = source.range(begin, end);
    const Tensor<T, 4> logits = predict_logits_on_grid(model, batch.images, grid, micro_batch);
    const auto iou = metrics::mean_iou<double>(
        metrics::image_confusion(argmax_channels(logits), batch.labels, logits.shape().c(), ignored), class_mean);
    sum = std::accumulate(iou.data(), iou.data() + iou.numel(), sum);
  });
  return sum / static_cast<double>(std::max<Index>(source.size(), 1));
}

/// One Adam step on one batch, on the patches of the options' grid. The loss is that of the reassembled images.
/// Distillation needs the teacher, or its logits on the batch (N, H, W, K).
template <class T>
SupervisedResult<T> supervised_step(models::Segmenter<T>& model, optim::Adam<T>& adam, const Tensor<T, 4>& images,
                                    const Labels& labels, const Ids& ids, Key key, const PretrainOptions<T>& options,
                                    const models::Segmenter<T>* teacher = nullptr, Tensor<T, 4> target = {}) {
  const Index patches = options.grid.patches();
  Ids patch_ids;
  for (const std::uint64_t id : ids)
    for (Index p = 0; p < patches; ++p)
      patch_ids.push_back(id * static_cast<std::uint64_t>(patches) + static_cast<std::uint64_t>(p));
  if (options.supervised.distillation) {
    check<ValueError>(teacher != nullptr || !target.empty(), "supervised_step", "distillation needs a teacher");
    if (target.empty())
      target = predict_logits_on_grid(*teacher, images, options.teacher_grid, options.supervised.micro_batch);
    if (patches > 1) target = data::extract_patches(target, options.grid);
  }
  auto result = patches > 1 ? supervised_gradients(model, data::extract_patches(images, options.grid),
                                                   data::extract_patches(labels, options.grid), patch_ids, key,
                                                   options.supervised, target)
                            : supervised_gradients(model, images, labels, patch_ids, key, options.supervised, target);
  adam.step(model, result.gradients);
  return result;
}

namespace detail {

/// Stores under `name` how a batch of at most `images` images is cut into parts, which decides how gradients are
/// rounded.
template <class T>
void put_parts(io::Checkpoint& c, const char* name, const SupervisedOptions<T>& options, Index images) {
  c.info[name] = std::min(images_per_part(options), images);
}

/// Throws FormatError when that is stored and is another number than these options give.
template <class T>
void require_same_parts(const io::Checkpoint& c, const char* name, const SupervisedOptions<T>& options, Index images) {
  const Index expected = std::min(images_per_part(options), images);
  const Index stored = c.info.value(name, expected);
  check<FormatError>(stored == expected, c.origin.c_str(), "the gradients of this training are added over parts of ",
                     stored, " images, now over parts of ", expected, ", which rounds differently: set part_images to ",
                     stored, ", or train anew");
}

/// Keeps a teacher's logits on the images of a set.
template <class T, class Source>
class KeptLogits {
 public:
  KeptLogits(const models::Segmenter<T>& teacher, const Source& source, const PretrainOptions<T>& options)
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
  const models::Segmenter<T>& teacher_;
  const Source& source_;
  const PretrainOptions<T>& options_;
  std::vector<Tensor<T, 4>> logits_;
};

}  // namespace detail

/// Stage 1: trains `model` and leaves it at its best validation IoU. `stage.steps` is set here. Returns false when
/// interrupted. Source: size(), range(begin, end) and rows(span of Index), which give a batch with images (N, H, W, C),
/// labels and ids; rows(numbers, epoch), if there is one, gives the varied images to train on.
template <class T, class Source>
bool pretrain(models::Segmenter<T>& model, const Source& train, const Source& validation,
              const PretrainOptions<T>& options, Stage stage, Key key, const models::Segmenter<T>* teacher = nullptr) {
  check<ValueError>(train.size() >= 1 && options.batch >= 1 && options.epochs >= 1, stage.name.c_str(),
                    "needs at least one image, one epoch and a batch of one");
  const Index per_epoch = (train.size() + options.batch - 1) / options.batch;
  stage.steps = options.epochs * per_epoch;
  optim::Adam<T> adam({.learning_rate = options.learning_rate});
  adam.bind(model);
  std::optional<detail::KeptLogits<T, Source>> kept;
  if (options.keep_teacher_logits && options.supervised.distillation) {
    check<ValueError>(teacher != nullptr, stage.name.c_str(), "distillation needs a teacher");
    kept.emplace(*teacher, train, options);
  }
  models::Segmenter<T> best = model;
  double best_iou = -1, epoch_loss = 0;
  const Index batch_images = options.batch * options.grid.patches();
  const bool finished = run_stage(
      stage,
      [&](io::Checkpoint& c) {
        c.put("model", model);
        c.put("best", best);
        c.put("adam", adam);
        c.info["best_iou"] = best_iou;
        c.info["epoch_loss"] = epoch_loss;
        detail::put_parts(c, "part_images", options.supervised, batch_images);
      },
      [&](const io::Checkpoint& c) {
        detail::require_same_parts(c, "part_images", options.supervised, batch_images);
        c.get("model", model);
        c.get("best", best);
        c.get("adam", adam);
        best_iou = c.info.at("best_iou").get<double>();
        epoch_loss = c.info.at("epoch_loss").get<double>();
      },
      [&](Index step) {
        const Index epoch = step / per_epoch, place = step % per_epoch;
        const auto order = permutation(key.fold(0).fold(static_cast<std::uint64_t>(epoch)), train.size());
        const Index begin = place * options.batch, end = std::min(train.size(), begin + options.batch);
        const auto numbers = std::span<const Index>(order).subspan(static_cast<std::size_t>(begin),
                                                                   static_cast<std::size_t>(end - begin));
        adam.set_learning_rate(options.learning_rate *
                               optim::linear_schedule(1.0, options.final_rate, stage.steps)(step));
        const auto batch = kept ? train.rows(numbers) : data::epoch_rows(train, numbers, epoch);
        const auto result = supervised_step(model, adam, batch.images, batch.labels, batch.ids,
                                            key.fold(1).fold(static_cast<std::uint64_t>(step)), options, teacher,
                                            kept ? kept->rows(numbers) : Tensor<T, 4>());
        check<ValueError>(std::isfinite(result.loss), stage.name.c_str(), "the loss of step ", step, " is ",
                          result.loss, "; a smaller learning rate than ", options.learning_rate, " may help");
        epoch_loss = (place == 0 ? 0 : epoch_loss) + result.loss * static_cast<double>(end - begin);
        nlohmann::json record{{"loss", result.loss}};
        std::string note = message("loss ", result.loss);
        const bool last = step + 1 == stage.steps;
        if (last || (place + 1 == per_epoch && (epoch + 1) % options.validate_every == 0)) {
          const double iou = validation_iou(model, validation, options.grid, options.class_mean,
                                            options.supervised.micro_batch, options.supervised.ignored);
          if (iou > best_iou) {
            best_iou = iou;
            best = model;
          }
          record["validation_iou"] = iou;
          record["epoch_loss"] = epoch_loss / static_cast<double>(end);
          record["epoch"] = epoch + 1;
          note += message(", IoU ", iou);
        }
        stage.log(step + 1, record);
        return note;
      });
  if (finished) model = best;
  return finished;
}

}  // namespace paser::pipeline
