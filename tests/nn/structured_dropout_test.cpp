#include "paser/nn/structured_dropout.hpp"

#include <catch2/catch.hpp>

#include "support/same_bits.hpp"

using namespace paser;

namespace structured_dropout_test {

/// How many of the images' channels are zero; the others must be x / (1 - p).
Index dropped_channels(const Tensor<float, 4>& x, const Tensor<float, 4>& y, double p) {
  Index dropped = 0;
  for (Index n = 0; n < x.shape().n(); ++n)
    for (Index c = 0; c < x.shape().c(); ++c) {
      const bool zero = y(n, 0, 0, c) == 0;
      dropped += zero ? 1 : 0;
      for (Index h = 0; h < x.shape().h(); ++h)
        for (Index w = 0; w < x.shape().w(); ++w)
          CHECK(y(n, h, w, c) == (zero ? 0.F : x(n, h, w, c) * static_cast<float>(1 / (1 - p))));
    }
  return dropped;
}

}  // namespace structured_dropout_test

TEST_CASE("Dropout2d drops whole channels, each image its own, and nothing in inference") {
  const auto x = uniform<float>(Key{1}, Shape{3, 2, 3, 200}, 1, 2);
  const nn::Dropout2d drop(0.25);
  EvalContext<float> ctx(run::mc_dropout, Key{5}), quiet(run::inference);
  const auto y = drop(ctx, x);
  const Index dropped = structured_dropout_test::dropped_channels(x, y, 0.25);
  CHECK((dropped > 100 && dropped < 200));
  CHECK(!same_bits(slice_rows(y, 0, 1), slice_rows(y, 1, 2)));
  CHECK(same_bits(drop(quiet, x), x));
  EvalContext<float> again(run::mc_dropout, Key{5});
  CHECK(same_bits(drop(again, x), y));
  CHECK_THROWS_AS(nn::Dropout2d(1.5), ValueError);
}

TEST_CASE("Dropout2d of a repeated map drops for every repetition, and takes a mask of the run") {
  const auto x = uniform<float>(Key{1}, Shape{2, 2, 2, 30}, 1, 2);
  EvalContext<float> ctx(run::mc_dropout, Key{5});
  for (std::uint64_t i = 0; i < 6; ++i) ctx.sample_keys.push_back(Key{7}.fold(i));
  const auto y = materialize(nn::Dropout2d(0.5)(ctx, DeferredNorm<Tensor<float, 4>>(x).repeated(3)));
  CHECK(y.shape() == Shape<4>{6, 2, 2, 30});
  CHECK(structured_dropout_test::dropped_channels(slice_rows(x, 0, 1), slice_rows(y, 4, 5), 0.5) > 0);
  EvalContext<float> masked(run::mc_dropout);
  masked.masks = [](int call, const Shape<4>& shape) {
    CHECK((call == 0 && shape == Shape<4>{2, 1, 1, 30}));
    auto mask = Tensor<float, 4>::full(shape, 1);
    mask.mutable_data()[31] = 0;
    return mask;
  };
  const auto z = nn::Dropout2d(0.5)(masked, x);
  CHECK(structured_dropout_test::dropped_channels(x, z, 0.5) == 1);
  CHECK(z(1, 0, 0, 1) == 0);
}

TEST_CASE("DropPath drops the branch of whole images in training alone") {
  const auto x = uniform<float>(Key{1}, Shape{400, 1, 2, 3}, 1, 2);
  const nn::DropPath drop(0.3);
  TapeContext<float> training(run::training, Key{5}), still(run::inference, Key{5});
  const auto y = drop(training, Var(x)).value();
  Index dropped = 0;
  for (Index n = 0; n < 400; ++n) {
    const bool zero = y(n, 0, 0, 0) == 0;
    dropped += zero ? 1 : 0;
    for (Index i = 0; i < 6; ++i)
      CHECK(y.data()[n * 6 + i] == (zero ? 0.F : x.data()[n * 6 + i] * static_cast<float>(1 / 0.7)));
  }
  CHECK((dropped > 90 && dropped < 150));
  CHECK(same_bits(drop(still, Var(x)).value(), x));
  EvalContext<float> passes(run::mc_dropout, Key{5});
  CHECK(same_bits(drop(passes, x), x));
  CHECK(passes.next_dropout() == 0);
  CHECK_THROWS_AS(nn::DropPath(1), ValueError);
}
