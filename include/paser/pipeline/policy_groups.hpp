#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <deque>

#include "paser/core/rows.hpp"
#include "paser/distributed/rows.hpp"
#include "paser/distributed/sum_gradients.hpp"
#include "paser/pipeline/policy.hpp"
#include "paser/pipeline/training_state.hpp"

/// A batch of the policy, group by group: those images that have common batch statistics run together, and the
/// processes of a team own whole groups.
namespace paser::pipeline {

/// Loss of a policy on a batch and its gradient, or the share of some of its images in these.
template <class T>
struct PolicyResult {
  double loss = 0;
  Gradients<T> gradients;

  /// The sums beside the gradients.
  std::array<double*, 1> numbers() { return {&loss}; }
  std::array<const double*, 1> numbers() const { return {&loss}; }

  PolicyResult& operator+=(const PolicyResult& other) {
    loss += other.loss;
    gradients += other.gradients;
    return *this;
  }
};

namespace detail {

/// Images begin .. end-1 of what a policy that has not answered yet knows.
template <class T>
PolicyState<T> state_of_images(const PolicyState<T>& state, Index begin, Index end) {
  if (begin == 0 && end == state.images()) return state;
  PolicyState<T> part{.grid = state.grid, .models = state.models};
  if (!state.map.empty()) part.map = slice_rows(state.map, begin, end);
  if (!state.statistics.empty()) part.statistics = slice_rows(state.statistics, begin, end);
  if (!state.ids.empty()) part.ids.assign(state.ids.begin() + begin, state.ids.begin() + end);
  return part;
}

/// A group of a batch on a tape of its own, between its logits and its loss.
template <class T>
class GroupRun {
 public:
  GroupRun(const Policy<T>& policy, const PolicyState<T>& batch, Mode mode, Key key, PartRange images)
      : images_(images),
        ctx_(mode, key),
        logits_(policy.record(told_of(images, batch.images()), state_of_images(batch, images.begin, images.end))) {}

  const Tensor<T, 2>& logits() const { return logits_.value(); }

  template <class LossOf>
  PolicyResult<T> differentiate(const LossOf& loss_of) {
    const Var<T, 1> loss = loss_of(logits_, images_.begin, images_.end);
    check_finite_value("policy_gradients_by_groups", loss.value().data()[0], "the loss");
    return {static_cast<double>(loss.value().data()[0]), ctx_.backward(loss, Tensor<T, 1>::full({1}, T(1)))};
  }

 private:
  /// The context, when layers find in it which images of the batch these are.
  TapeContext<T>& told_of(PartRange images, Index batch) {
    ctx_.part = {images.begin, images.end, batch};
    for (Index i = images.begin; i < images.end; ++i)
      ctx_.sample_keys.push_back(ctx_.key.fold(static_cast<std::uint64_t>(i)));
    return ctx_;
  }

  PartRange images_;
  TapeContext<T> ctx_;
  Var<T, 2> logits_;
};

/// The logits of all groups, one after the other; empty when there is none.
template <class T>
Tensor<T, 2> logits_of(const std::deque<GroupRun<T>>& groups) {
  if (groups.empty()) return {};
  Shape<2> shape = groups.front().logits().shape();
  shape[0] = 0;
  for (const auto& group : groups) shape[0] += group.logits().shape()[0];
  Tensor<T, 2> all(shape);
  T* out = all.mutable_data();
  for (const auto& group : groups) out = std::copy_n(group.logits().data(), group.logits().numel(), out);
  return all;
}

/// Remembers how many images of a batch of at most `batch` have common statistics, where these are not all. A state
/// with another number is refused by FormatError.
inline void keep_groups(TrainingState& state, const Mode& mode, Index batch) {
  const Index images = mode.ghost_batch > 0 ? std::min(mode.ghost_batch, batch) : batch;
  state.part(
      [=](io::Checkpoint& c) {
        if (images < batch) c.info["policy_group"] = images;
      },
      [=](const io::Checkpoint& c) {
        Index stored = batch;
        if (c.info.contains("policy_group")) read_stored(c.info, c.origin, "policy_group", stored, Index{1}, batch);
        check<FormatError>(stored == images, c.origin.c_str(), "the policy of this training has the statistics of ",
                           stored, " images at once, now of ", images, ": set policy_group to ", stored,
                           ", or train anew");
      });
}

}  // namespace detail

/// Loss and gradient of a policy on one batch. So many consecutive images as mode.ghost_batch says have common batch
/// statistics, and run by themselves; the processes of the team own whole groups of them, and all get the sum, with the
/// same bits for every number of processes. ghost_batch 0: the batch is one group, which every process runs.
///
/// key: of the layers' noise, another one for each image. judge: called once, at every process, with the logits of the
/// whole batch, (N, P * models). It returns loss_of(logits, begin, end), a Var<T, 1>: what images begin .. end-1, whose
/// recorded logits these are, add to the loss. Throws NotFiniteError when a loss is not finite.
template <class T, class Judge>
PolicyResult<T> policy_gradients_by_groups(const Policy<T>& policy, const PolicyState<T>& state, Mode mode, Key key,
                                           const distributed::Team& team, Judge&& judge) {
  const FlushDenormals flush;
  const Index images = state.images(), size = mode.ghost_batch > 0 ? mode.ghost_batch : std::max<Index>(images, 1);
  const Index groups = (images + size - 1) / size;
  const distributed::Team sharing = groups > 1 ? team : distributed::Team();
  const PartRange own = sharing.share(groups);
  std::deque<detail::GroupRun<T>> runs;
  for (Index g = own.begin; g < own.end; ++g)
    runs.emplace_back(policy, state, mode, key, PartRange{g * size, std::min(images, (g + 1) * size)});
  const auto loss_of = judge(distributed::join_rows(sharing, detail::logits_of(runs), "logits of the policy"));
  TreeSum<PolicyResult<T>> sum(own.begin);
  for (; !runs.empty(); runs.pop_front()) sum.add(runs.front().differentiate(loss_of));
  return distributed::sum_gradients<T>(sharing, std::move(sum), policy);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
