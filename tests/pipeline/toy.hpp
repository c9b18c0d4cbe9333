#pragma once

#include "paser/models/any_segmenter.hpp"
#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/segment.hpp"

/// A world in which the right routing is known: images of three kinds, and three models without weights whose skill on
/// each kind is given.
namespace toy {

using namespace paser;

/// What the three models can do.
enum class Skill {
  all_alike,      ///< every model is right everywhere
  large_is_best,  ///< model 2 is right, the others are half wrong
  one_kind_each   ///< model k is right on images of kind k, and half wrong on the others
};

/// Images (N, 8, 8, 2): channel 0 the true class of a pixel, channel 1 the kind of the image.
struct Batch {
  Tensor<float, 4> images;
  Labels labels;
  ImageIds ids;
  std::vector<Index> kinds;
};

struct Set {
  Index count;
  explicit Set(Index n) : count(n) {}
  Index size() const { return count; }

  Batch rows(std::span<const Index> which) const {
    const Index n = static_cast<Index>(which.size());
    Batch b{Tensor<float, 4>({n, 8, 8, 2}), Labels({n, 8, 8}), {}, {}};
    float* image = b.images.mutable_data();
    std::int32_t* label = b.labels.mutable_data();
    for (const Index id : which) {
      const int kind = static_cast<int>(id % 3);
      for (Index i = 0; i < 64; ++i) {
        const Index row = i / 8, column = i % 8;
        *label = Key{77}.fold(static_cast<std::uint64_t>(id)).uniform(0) < 0.5 ? row < 4 : column < 4;
        *image++ = static_cast<float>(*label++);
        *image++ = static_cast<float>(kind);
      }
      b.ids.push_back(static_cast<std::uint64_t>(id));
      b.kinds.push_back(id % 3);
    }
    return b;
  }
  Batch range(Index begin, Index end) const {
    std::vector<Index> which;
    for (Index i = begin; i < end; ++i) which.push_back(i);
    return rows(which);
  }
};

/// Two logits a pixel. Its confidence falls with the kind, so that the entropy tells the kinds apart.
struct Model {
  int number;
  Skill skill;

  template <class Self, class F>
  static void visit(Self&, F&&) {}

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    const Tensor<float, 4>& x = value_of(image);
    Tensor<float, 4> logits({x.shape().n(), x.shape().h(), x.shape().w(), 2});
    float* out = logits.mutable_data();
    for (Index i = 0; i < logits.numel() / 2; ++i) {
      const float truth = x.data()[2 * i], kind = x.data()[2 * i + 1];
      const bool right = skill == Skill::all_alike || (skill == Skill::large_is_best && number == 2) ||
                         (skill == Skill::one_kind_each && static_cast<int>(kind) == number);
      const float answer = right || i % 2 == 0 ? truth : 1 - truth;
      const float confidence = 4 / (1 + 2 * kind);
      out[2 * i] = confidence * (1 - answer);
      out[2 * i + 1] = confidence * answer;
    }
    return ctx.constant(std::move(logits));
  }
  Counted<4> operator()(CountContext<float>&, const Counted<4>& x) const {
    return x.free(Shape<4>{x.shape().n(), x.shape().h(), x.shape().w(), 2});
  }
};

inline pipeline::Paser<float> paser(Key key, Skill skill) {
  return {.models = {Model{0, skill}, Model{1, skill}, Model{2, skill}},
          .policy = pipeline::NetPolicy<float>{models::PolicyNet<float>(3, key)},
          .grid = {1, 1},
          .estimator = uncertainty::McDropout{.samples = 2}};
}

}  // namespace toy
