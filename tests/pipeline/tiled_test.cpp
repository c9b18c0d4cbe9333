#include "paser/pipeline/tiled.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "paser/models/unet.hpp"
#include "paser/pipeline/net_policy.hpp"
#include "paser/pipeline/simple_policies.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;

namespace {

constexpr Index h = 16, w = 24;
const Key noise{11};
const TiledOptions window{.height = h, .width = w};

/// Three small networks with random weights, whose policy sends patches to all of them.
Paser<float> small_paser() {
  const auto unet = [](Index width, Index depth, std::uint64_t key) {
    return models::UNet<float>({.in = 1, .classes = 3, .width = width, .depth = depth}, Key{key});
  };
  Paser<float> paser{.models = {unet(4, 1, 1), unet(4, 2, 2), unet(6, 2, 3)},
                     .policy = NetPolicy<float>{models::PolicyNet<float>(12, Key{4})},
                     .grid = {2, 2},
                     .estimator = uncertainty::McDropout{.samples = 2}};
  // Scores that random features alone would hardly tell apart are made to differ.
  auto& head = paser.policy.as<NetPolicy<float>>()->net.head.weight.value;
  float* weight = head.mutable_data();
  for (Index i = 0; i < head.numel(); ++i) weight[i] *= 20;
  return paser;
}

Tensor<float, 4> random_image(Index height, Index width) {
  Tensor<float, 4> image({1, height, width, 1});
  float* out = image.mutable_data();
  for (Index i = 0; i < image.numel(); ++i)
    out[i] = static_cast<float>(0.5 + 0.5 * std::sin(0.3 * static_cast<double>(i % width) * static_cast<double>(i)));
  return image;
}

}  // namespace

TEST_CASE("windows cover an axis evenly and overlap as asked") {
  const Index extent = GENERATE(1, 5, 16, 17, 28, 29, 100, 1000), size = GENERATE(16, 25);
  const double overlap = GENERATE(0.0, 0.25, 0.5, 0.9);
  const auto spans = pipeline::detail::window_spans(extent, size, overlap);
  CHECK(spans.front().begin == 0);
  CHECK(spans.front().answer_begin == 0);
  CHECK(spans.back().answer_end == extent);
  CHECK(spans.back().begin == std::max<Index>(extent - size, 0));
  for (std::size_t i = 0; i < spans.size(); ++i) {
    CHECK(spans[i].answer_begin < spans[i].answer_end);
    CHECK(spans[i].answer_begin >= spans[i].begin);
    CHECK(spans[i].answer_end <= spans[i].begin + size);
    if (i == 0) continue;
    CHECK(spans[i].answer_begin == spans[i - 1].answer_end);
    CHECK(static_cast<double>(spans[i - 1].begin + size - spans[i].begin) >= overlap * static_cast<double>(size));
  }
}

TEST_CASE("an image of the trained size is answered as segment() answers it") {
  const auto paser = small_paser();
  const auto image = random_image(h, w);
  const auto tiled = segment_tiled(paser, image, noise, window);
  const auto whole = segment(paser, image, {0}, noise);
  CHECK(same_bits(tiled.maps.labels, whole.labels));
  CHECK(same_bits(tiled.maps.entropy, paser.predict_coarse(image, {0}, noise).entropy));
  CHECK(tiled.summary.windows == 1);
  for (Index y = 0; y < h; ++y)
    for (Index x = 0; x < w; ++x) REQUIRE(tiled.maps.routes(0, y, x) == whole.answered_by(0, y / 8 * 2 + x / 12));
  CHECK(std::accumulate(tiled.summary.patches.begin(), tiled.summary.patches.end(), Index{0}) == 4);
}

TEST_CASE("class probabilities sum to 1, and that of the answer is the map of probability") {
  auto paser = small_paser();
  const auto image = random_image(37, 50);
  TiledOptions options = window;
  options.class_probabilities = true;
  const auto answer = GENERATE(CoarseAnswer::mean, CoarseAnswer::first_sample);
  const bool alone = GENERATE(false, true);  // the last network, no prediction of f1
  paser.coarse_answer = answer;
  const Policy<float> policy = alone ? Policy<float>(pipeline::Constant{2}) : paser.policy;
  const auto tiled = segment_tiled(paser, policy, image, noise, options);
  const auto& each = tiled.maps.class_probabilities;
  REQUIRE(each.shape() == Shape<4>{1, 37, 50, 3});
  for (Index i = 0; i < 37 * 50; ++i) {
    const float* p = each.data() + 3 * i;
    REQUIRE(p[0] + p[1] + p[2] == Approx(1).margin(1e-5));
    REQUIRE(p[tiled.maps.labels.data()[i]] == tiled.maps.probability.data()[i]);
    REQUIRE(*std::max_element(p, p + 3) == tiled.maps.probability.data()[i]);
  }
  CHECK(segment_tiled(paser, policy, image, noise, window).maps.class_probabilities.empty());
}

TEST_CASE("the first sample can stand for f1") {
  auto paser = small_paser();
  paser.coarse_answer = CoarseAnswer::first_sample;
  const auto image = random_image(h, w);
  CHECK(same_bits(segment_tiled(paser, image, noise, window).maps.labels, segment(paser, image, {0}, noise).labels));
}

TEST_CASE("every pixel of an image of any size is answered by the window with the nearest centre") {
  const auto paser = small_paser();
  const auto [height, width] = GENERATE(std::pair<Index, Index>{37, 50}, std::pair<Index, Index>{40, 7});
  const auto image = random_image(height, width);
  TiledOptions options = window;
  options.batch = 1;
  const auto tiled = segment_tiled(paser, image, noise, options);
  const auto rows = pipeline::detail::window_spans(height, h, 0.25),
             columns = pipeline::detail::window_spans(width, w, 0.25);
  std::set<Index> models;
  std::uint64_t id = 0;
  for (const auto& row : rows)
    for (const auto& column : columns) {
      Tensor<float, 4> cut({1, h, w, 1});
      data::copy_window(image, {.row = row.begin, .column = column.begin, .height = h, .width = w}, cut.mutable_data());
      const auto answer = segment(paser, cut, {id++}, noise);
      for (Index y = row.answer_begin; y < row.answer_end; ++y)
        for (Index x = column.answer_begin; x < column.answer_end; ++x) {
          REQUIRE(tiled.maps.labels(0, y, x) == answer.labels(0, y - row.begin, x - column.begin));
          models.insert(tiled.maps.routes(0, y, x));
        }
    }
  CHECK(models.size() > 1);
  CHECK(tiled.summary.windows == static_cast<Index>(id));
}

TEST_CASE("the result depends on neither the batch nor the threads") {
  const auto paser = small_paser();
  const auto image = random_image(37, 70);
  const auto with_batch = [&](Index batch) {
    TiledOptions options = window;
    options.batch = batch;
    return segment_tiled(paser, image, noise, options);
  };
  const auto all = with_batch(0);
  for (const Index batch : {1, 2, 100}) {
    const auto some = with_batch(batch);
    CHECK(same_bits(some.maps.labels, all.maps.labels));
    CHECK(same_bits(some.maps.routes, all.maps.routes));
    CHECK(some.summary.patches == all.summary.patches);
    for (Index i = 0; i < image.numel(); ++i) {
      REQUIRE(some.maps.probability.data()[i] == Approx(all.maps.probability.data()[i]).margin(1e-4));
      REQUIRE(some.maps.entropy.data()[i] == Approx(all.maps.entropy.data()[i]).margin(1e-4));
    }
  }
  CHECK(same_for_all_threads([&] { return with_batch(0).maps.probability; }));
}

TEST_CASE("an image of one pixel is the pixel of a flat window") {
  const auto paser = small_paser();
  const auto pixel = Tensor<float, 4>::full({1, 1, 1, 1}, 0.7f), flat = Tensor<float, 4>::full({1, h, w, 1}, 0.7f);
  const auto one = segment_tiled(paser, pixel, noise, window), all = segment_tiled(paser, flat, noise, window);
  CHECK(one.maps.labels.shape() == Shape<3>{1, 1, 1});
  CHECK(one.maps.labels(0, 0, 0) == all.maps.labels(0, 0, 0));
  CHECK(one.maps.probability(0, 0, 0) == all.maps.probability(0, 0, 0));
}

TEST_CASE("one model alone answers without noise, and says how sure it is") {
  const auto paser = small_paser();
  const auto image = random_image(h, w);
  const auto f1 = segment_tiled(paser, Constant{0}, image, noise, window);
  const auto probabilities = softmax(infer(paser.models[0], image));
  CHECK(same_bits(f1.maps.labels, predict(paser.models[0], image)));
  CHECK(same_bits(f1.maps.entropy, entropy(probabilities)));
  CHECK(f1.maps.probability(0, 3, 5) == probabilities(0, 3, 5, f1.maps.labels(0, 3, 5)));
  const auto f3 = segment_tiled(paser, Constant{2}, image, noise, window);
  CHECK(same_bits(f3.maps.labels, data::assemble_patches(
                                      predict(paser.models[2], data::extract_patches(image, paser.grid)), paser.grid)));
  CHECK(f3.summary.patches == std::vector<Index>{0, 0, 4});
  CHECK(f3.maps.routes(0, 0, 0) == 2);
}

TEST_CASE("a cascade segments an image of any size, each window as it segments the window alone") {
  const auto paser = small_paser();
  const auto image = random_image(37, 50);
  const auto table = segment(paser, random_image(h, w), {0}, noise);
  double mean = 0;
  for (Index i = 0; i < table.entropy.numel(); ++i)
    mean += static_cast<double>(table.entropy.data()[i]) / static_cast<double>(table.entropy.numel());
  const EntropyThreshold cascade{{mean, mean}};
  TiledOptions options = window;
  options.batch = 1;
  const auto tiled = segment_tiled(paser, cascade, image, noise, options);
  const auto rows = pipeline::detail::window_spans(37, h, 0.25), columns = pipeline::detail::window_spans(50, w, 0.25);
  std::set<Index> models;
  Work work;
  std::uint64_t id = 0;
  for (const auto& row : rows)
    for (const auto& column : columns) {
      Tensor<float, 4> cut({1, h, w, 1});
      data::copy_window(image, {.row = row.begin, .column = column.begin, .height = h, .width = w}, cut.mutable_data());
      const auto answer = segment(paser, cascade, cut, {id++}, noise);
      work += answer.work;
      for (const std::int32_t model : answer.answered_by.values()) models.insert(model);
      for (Index y = row.answer_begin; y < row.answer_end; ++y)
        for (Index x = column.answer_begin; x < column.answer_end; ++x)
          REQUIRE(tiled.maps.labels(0, y, x) == answer.labels(0, y - row.begin, x - column.begin));
    }
  CHECK(models.size() > 1);
  CHECK(tiled.summary.work.estimated == static_cast<Index>(id));
  CHECK(tiled.summary.work.patches == work.patches);
  // A patch that f3 answers was answered by f2 before.
  CHECK(work.patches[1] >= work.patches[2]);
  CHECK(work.patches[1] == tiled.summary.patches[1] + tiled.summary.patches[2]);
}

TEST_CASE("rows are read from the top on, no more than a window's, and written once each") {
  const auto paser = small_paser();
  const auto image = random_image(60, 30);
  const auto whole = segment_tiled(paser, image, noise, window);
  Index read_to = 0, written = 0, steps = 0;
  TiledOptions options = window;
  options.progress = [&](Index done, Index all) {
    CHECK(done > steps);
    CHECK(all == whole.summary.windows);
    steps = done;
  };
  segment_tiled(
      paser, paser.policy, 60, 30, noise, options,
      [&](Index begin, Index end) {
        CHECK(begin <= read_to);
        CHECK(end >= read_to);
        CHECK(end - begin <= h);
        read_to = end;
        return slice_rows(image.reshape(Shape<4>{60, 30, 1, 1}), begin, end).reshape(Shape<4>{1, end - begin, 30, 1});
      },
      [&](const TiledBand<float>& band) {
        CHECK(band.row == written);
        for (Index i = 0; i < band.labels.numel(); ++i) {
          REQUIRE(band.labels.data()[i] == whole.maps.labels.data()[band.row * 30 + i]);
          REQUIRE(band.probability.data()[i] == whole.maps.probability.data()[band.row * 30 + i]);
        }
        written += band.labels.shape()[1];
      });
  CHECK(read_to == 60);
  CHECK(written == 60);
  CHECK(steps == whole.summary.windows);
}

TEST_CASE("what cannot be tiled is refused with a sentence") {
  const auto paser = small_paser();
  const auto image = random_image(20, 20);
  const auto with = [](auto change) {
    TiledOptions options = window;
    change(options);
    return options;
  };
  CHECK_THROWS_WITH(segment_tiled(paser, image, noise, {}), Contains("windows of 0 x 0"));
  CHECK_THROWS_WITH(segment_tiled(paser, image, noise, with([](auto& o) { o.height = 17; })),
                    Contains("do not divide into 2 x 2 patches"));
  CHECK_THROWS_WITH(segment_tiled(paser, image, noise, with([](auto& o) { o.overlap = 1; })), Contains("overlap of 1"));
  CHECK_THROWS_WITH(segment_tiled(paser, Constant{3}, image, noise, window), Contains("model 3, there are 3"));
  CHECK_THROWS_AS(segment_tiled(paser, Tensor<float, 4>({2, 20, 20, 1}), noise, window), ShapeError);
  CHECK_THROWS_WITH(
      segment_tiled(
          paser, paser.policy, 20, 20, noise, window, [&](Index, Index) { return image; }, [](const auto&) {}),
      Contains("asked for rows 0 .. 15"));
}
