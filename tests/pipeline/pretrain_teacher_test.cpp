#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "pipeline/toy.hpp"
#include "support/in_pieces.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

using Net = models::StaticUNet<2, 2, 4, 1>;

/// The toy set; when varied, its images are turned upside down in odd epochs.
struct TurningSet : toy::Set {
  bool varied;
  explicit TurningSet(Index n, bool vary = false) : toy::Set(n), varied(vary) {}
  using toy::Set::rows;

  toy::Batch rows(std::span<const Index> which, Index epoch) const {
    toy::Batch b = toy::Set::rows(which);
    if (!varied || epoch % 2 == 0) return b;
    const toy::Batch plain = b;
    for (Index r = 0; r < static_cast<Index>(which.size()) * 8; ++r) {
      const Index from = r - r % 8 + 7 - r % 8;
      std::copy_n(plain.images.data() + from * 16, 16, b.images.mutable_data() + r * 16);
      std::copy_n(plain.labels.data() + from * 8, 8, b.labels.mutable_data() + r * 8);
    }
    return b;
  }
};

/// A teacher without weights; how many images it was shown.
struct Teacher {
  toy::Model model{2, toy::Skill::one_kind_each};
  Index* shown;

  template <class Self, class F>
  static void visit(Self&, F&&) {}
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    *shown += value_of(image).shape().n();
    return model(ctx, image);
  }
};

PretrainOptions<float> teacher_options(bool keep, data::PatchGrid teacher_grid = {1, 1}) {
  PretrainOptions<float> o;
  o.epochs = 3;
  o.batch = 4;
  o.learning_rate = 1e-2;
  o.validate_every = 3;  // the last state is the one that is kept
  o.keep_teacher_logits = keep;
  o.teacher_grid = teacher_grid;
  o.supervised.distillation = DistillationOptions{.alpha = 0.5};
  return o;
}

models::AnySegmenter<float> trained(const TurningSet& train, const PretrainOptions<float>& o,
                                    const models::AnySegmenter<float>* teacher) {
  models::AnySegmenter<float> model = Net(Key{1});
  REQUIRE(pretrain(model, train, TurningSet(6), o, Stage{.name = "f1"}, Key{5}, teacher));
  return model;
}

}  // namespace

TEST_CASE("a teacher's logits that are kept teach the same bits, and the teacher runs once per image") {
  Index shown = 0;
  const models::AnySegmenter<float> teacher = Teacher{.shown = &shown};
  const TurningSet set(10);
  for (const data::PatchGrid grid : {data::PatchGrid{1, 1}, data::PatchGrid{2, 2}}) {
    shown = 0;
    const auto fresh = trained(set, teacher_options(false, grid), &teacher);
    CHECK(shown == 3 * 10 * grid.patches());
    shown = 0;
    const auto kept = trained(set, teacher_options(true, grid), &teacher);
    CHECK(shown == 10 * grid.patches());
    CHECK(same_state(kept, fresh));
    auto alone = teacher_options(true, grid);
    alone.supervised.distillation.reset();
    CHECK_FALSE(same_state(trained(set, alone, nullptr), fresh));
  }
}

TEST_CASE("with a teacher's logits kept the images are used as they are") {
  Index shown = 0;
  const models::AnySegmenter<float> teacher = Teacher{.shown = &shown};
  const auto plain = trained(TurningSet(10), teacher_options(false), &teacher);
  CHECK(same_state(trained(TurningSet(10, true), teacher_options(true), &teacher), plain));
  CHECK_FALSE(same_state(trained(TurningSet(10, true), teacher_options(false), &teacher), plain));
}

TEST_CASE("distillation without a teacher is refused under the name of the stage") {
  for (const bool keep : {false, true}) {
    models::AnySegmenter<float> model = Net(Key{1});
    CHECK_THROWS_WITH(pretrain(model, toy::Set(4), toy::Set(4), teacher_options(keep), Stage{.name = "f1"}, Key{5}),
                      Catch::Contains("distillation needs a teacher"));
  }
}

TEST_CASE("a learning rate that falls to nothing leaves the last step without effect") {
  const TurningSet set(10);
  PretrainOptions<float> o = teacher_options(false);
  o.supervised.distillation.reset();
  o.batch = 10;
  o.epochs = o.validate_every = 1;
  const auto one_step = trained(set, o, nullptr);
  o.epochs = o.validate_every = 2;
  CHECK_FALSE(same_state(trained(set, o, nullptr), one_step));
  o.final_rate = 0;
  CHECK(same_state(trained(set, o, nullptr), one_step));
}
