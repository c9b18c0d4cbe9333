#include <catch2/catch.hpp>

#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/routing_table.hpp"
#include "pipeline/toy.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

const WorkCosts costs{.estimate = 2e9, .decide = 2e9, .coarse = 1e9, .patch = {0, 10e9, 100e9}};
constexpr Index images = 9, patches = 4;

EvaluationOptions options() {
  return {.classes = 2, .models = 3, .kinds = 3, .batch = 4};
}

Paser<float> paser_on_four_patches() {
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  paser.grid = {2, 2};
  return paser;
}

std::vector<Index> drawn_choices(Key key) {
  std::vector<Index> choices;
  for (Index i = 0; i < images * patches; ++i) choices.push_back(key.uniform_int(static_cast<std::uint64_t>(i), 3));
  return choices;
}

std::vector<Index> kinds() {
  std::vector<Index> result;
  for (Index i = 0; i < images; ++i) result.push_back(i % 3);
  return result;
}

/// The labels when each patch is answered as chosen, composed by the networks themselves.
Labels composed(const Paser<float>& paser, const toy::Batch& batch, const std::vector<Index>& choices) {
  Actions actions({images, patches});
  std::copy(choices.begin(), choices.end(), actions.mutable_data());
  return apply_experts(paser, batch.images, predict(paser.models[0], batch.images), actions);
}

/// Mean IoU of the two classes in a window, pixel by pixel; a class that is nowhere is left out.
double plain_iou(const Labels& answer, const Labels& truth, Index image, Index top, Index left, Index h, Index w) {
  double sum = 0;
  int present = 0;
  for (const int c : {0, 1}) {
    int both = 0, either = 0;
    for (Index y = top; y < top + h; ++y)
      for (Index x = left; x < left + w; ++x) {
        const bool a = answer(image, y, x) == c, b = truth(image, y, x) == c;
        both += a && b;
        either += a || b;
      }
    if (either == 0) continue;
    ++present;
    sum += static_cast<double>(both) / either;
  }
  return sum / present;
}

}  // namespace

TEST_CASE("evaluate_choices: what is read off the table is what the networks say") {
  const auto paser = paser_on_four_patches();
  const toy::Set set(images);
  const auto batch = set.range(0, images);
  const auto table = tabulate_routing(paser, set, 2, Key{4});
  for (const std::uint64_t seed : {1u, 2u}) {
    const auto choices = drawn_choices(Key{seed});
    const Labels labels = composed(paser, batch, choices);
    const auto got = evaluate_choices(table, choices, costs, kinds(), options());
    REQUIRE(got.image_iou.size() == images);
    double mean = 0, squares = 0, macs = 0;
    std::vector<double> share(3, 0.0);
    for (Index i = 0; i < images; ++i) {
      const double iou = plain_iou(labels, batch.labels, i, 0, 0, 8, 8);
      CHECK(got.image_iou[static_cast<std::size_t>(i)] == Approx(iou));
      mean += iou / images;
      squares += iou * iou / images;
      std::vector<double> of_image(3, 0.0);
      macs += 2 * 1 + 2;  // two samples of f1, and the policy
      for (Index p = 0; p < patches; ++p) {
        const auto model = static_cast<std::size_t>(choices[static_cast<std::size_t>(i * patches + p)]);
        of_image[model] += 0.25;
        share[model] += 1.0 / (images * patches);
        macs += model == 0 ? 0 : model == 1 ? 10 : 100;
      }
      CHECK(got.image_share[static_cast<std::size_t>(i)] == of_image);
    }
    CHECK(got.iou == Approx(mean));
    CHECK(got.iou_std == Approx(std::sqrt(squares - mean * mean)));
    CHECK(got.gmac == Approx(macs / images));
    for (std::size_t k = 0; k < 3; ++k) CHECK(got.share[k] == Approx(share[k]));
    const auto confusion = metrics::confusion(labels, batch.labels, 2);
    for (Index i = 0; i < 4; ++i) CHECK(got.confusion.data()[i] == confusion.data()[i]);
    double patches_of_kinds = 0;
    for (std::size_t kind = 0; kind < 3; ++kind)
      for (const double n : got.assignment[kind]) patches_of_kinds += n;
    CHECK(patches_of_kinds == images * patches);
  }
  CHECK_THROWS_WITH(evaluate_choices(table, {0, 1}, costs, kinds(), options()),
                    Catch::Contains("2 choices for 9 images of 4 patches"));
}

TEST_CASE("greedy_choices: the largest additive gain of every patch, the cheapest of equals") {
  const auto paser = paser_on_four_patches();
  const toy::Set set(images);
  const auto batch = set.range(0, images);
  const auto table = tabulate_routing(paser, set, 2, Key{4});
  const auto best = greedy_choices(table, metrics::ClassMean::present);
  REQUIRE(best.size() == images * patches);
  std::vector<Labels> answers;
  for (const Index k : {0, 1, 2})
    answers.push_back(composed(paser, batch, std::vector<Index>(static_cast<std::size_t>(images * patches), k)));
  for (Index i = 0; i < images; ++i)
    for (Index p = 0; p < patches; ++p) {
      Index expected = 0;
      std::vector<double> iou;
      for (const Labels& answer : answers)
        iou.push_back(plain_iou(answer, batch.labels, i, p / 2 * 4, p % 2 * 4, 4, 4));
      for (const Index k : {1, 2})
        if (iou[static_cast<std::size_t>(k)] > iou[static_cast<std::size_t>(expected)] + 1e-12) expected = k;
      CHECK(best[static_cast<std::size_t>(i * patches + p)] == expected);
    }
  // No other choice does better.
  const double bound = evaluate_oracle(table, costs, kinds(), options()).iou;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    CHECK(evaluate_choices(table, drawn_choices(Key{seed}), costs, kinds(), options()).iou <= bound + 1e-12);
}

TEST_CASE("greedy_choices: a patch's own IoU is not what counts") {
  // Two patches of 100 pixels, classes 0 and 1. On the first f2 finds the lonely pixel of class 1 that f1 missed and
  // makes 9 errors elsewhere; on the second f1 is right on 50 pixels of class 1 and f2 misses 5 of them.
  RoutingTable table{1, 2, 2, {{0, 0}, {0, 0}}, {}};
  table.confusion = {metrics::Confusion<4>::from({1, 2, 2, 2}, {99, 0, 1, 0, 50, 0, 0, 50}),
                     metrics::Confusion<4>::from({1, 2, 2, 2}, {90, 9, 0, 1, 50, 0, 5, 45})};
  const auto own = [&](std::size_t k) { return metrics::mean_iou<double>(table.confusion[k])(0, 0); };
  CHECK(own(1) > own(0));  // 0.505 against 0.495
  CHECK(greedy_choices(table, metrics::ClassMean::present) == std::vector<Index>{0, 0});
  table.confusion[1].mutable_data()[0] = 99;
  table.confusion[1].mutable_data()[1] = 0;
  CHECK(greedy_choices(table, metrics::ClassMean::present) == std::vector<Index>{1, 0});
  CHECK(greedy_choices(table, metrics::ClassMean::present, metrics::GainReference::set) == std::vector<Index>{1, 0});
  table.confusion.push_back(table.confusion[1]);  // as good, and dearer
  table.entropy.push_back({0, 0});
  CHECK(greedy_choices(table, metrics::ClassMean::present) == std::vector<Index>{1, 0});
  table.confusion[1] = table.confusion[2] = table.confusion[0];  // no better than f1
  CHECK(greedy_choices(table, metrics::ClassMean::present) == std::vector<Index>{0, 0});
}

TEST_CASE("evaluate_method: every image's IoU and shares, and the counts of all pixels") {
  const auto paser = paser_on_four_patches();
  const toy::Set set(images);
  const auto batch = set.range(0, images);
  const auto choices = drawn_choices(Key{6});
  Index next = 0;  // the method sees the images in their order, four at a time
  Method<float> given;
  given.costs = costs;
  given.segment = [&](const Tensor<float, 4>& some, const ImageIds& ids) {
    const Index n = some.shape().n();
    CHECK(static_cast<Index>(ids.size()) == n);
    Actions actions({n, patches});
    std::copy_n(choices.begin() + next * patches, n * patches, actions.mutable_data());
    next += n;
    Segmentation<float> answer;
    answer.labels = apply_experts(paser, some, predict(paser.models[0], some), actions);
    answer.answered_by = actions;
    answer.work = {.estimated = 0, .coarse = 3 * n, .patches = {}};
    return answer;
  };
  const auto got = evaluate_method(given, set, options());
  CHECK(next == images);
  const auto read = evaluate_choices(tabulate_routing(paser, set, 2, Key{4}), choices, costs, kinds(), options());
  const Labels labels = composed(paser, batch, choices);
  REQUIRE(got.image_iou.size() == images);
  REQUIRE(got.image_share.size() == images);
  for (std::size_t i = 0; i < images; ++i) {
    CHECK(got.image_iou[i] == Approx(plain_iou(labels, batch.labels, static_cast<Index>(i), 0, 0, 8, 8)));
    CHECK(got.image_share[i] == read.image_share[i]);
  }
  CHECK(got.iou == Approx(read.iou));
  CHECK(got.iou_std == Approx(read.iou_std));
  CHECK(got.gmac == Approx(3));
  CHECK(got.assignment == read.assignment);
  Index pixels = 0;
  for (Index i = 0; i < 4; ++i) {
    CHECK(got.confusion.data()[i] == read.confusion.data()[i]);
    pixels += got.confusion.data()[i];
  }
  CHECK(pixels == images * 64);

  auto ignoring = options();
  ignoring.ignored = 1;
  next = 0;
  const auto part = evaluate_method(given, set, ignoring);
  CHECK(part.confusion(0, 0) + part.confusion(0, 1) == pixels - got.confusion(1, 0) - got.confusion(1, 1));
  CHECK(part.confusion(1, 0) + part.confusion(1, 1) == 0);
}

TEST_CASE("normalised_to_gain: the most expensive model costs what it gains, the others in proportion") {
  const Costs costs = normalised_to_gain(cost_shares({1, 3, 6}), 0.03);
  CHECK(costs[2] == Approx(0.03));
  CHECK(costs[1] == Approx(0.015));
  CHECK(costs[0] == Approx(0.005));
  CHECK(normalised_to_gain({0, 5}, 1) == Costs{0, 1});
  CHECK_THROWS_WITH(normalised_to_gain({0, 1}, 0), Catch::Contains("the gain must lie in (0,1], got 0"));
  CHECK_THROWS_AS(normalised_to_gain({0, 1}, 1.5), ValueError);
  CHECK_THROWS_WITH(normalised_to_gain({0, 0}, 0.5), Catch::Contains("no model costs anything"));
  CHECK_THROWS_AS(normalised_to_gain({}, 0.5), ValueError);
}
