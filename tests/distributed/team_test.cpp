#include "paser/distributed/team.hpp"

#include <catch2/catch.hpp>
#include <numeric>
#include <optional>

#include "distributed/thread_link.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/dropout.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/relu.hpp"
#include "paser/optim/adam.hpp"
#include "paser/pipeline/supervised.hpp"

namespace team_cases {

using namespace paser;
using Catch::Contains;
using thread_link::with_ranks;

TEST_CASE("everyone gets the word of the leader, and the words of all by rank") {
  for (Index size = 1; size <= 9; ++size) {
    const auto words = with_ranks(size, [](const distributed::Team& team) {
      const std::string own = std::string(static_cast<std::size_t>(team.rank()), 'x') + std::to_string(team.rank());
      std::string text = team.of_leader("word of " + own, "a word") + ";";
      for (const std::string& word : team.all(own, "words")) text += word + ",";
      const std::vector<int> mine(static_cast<std::size_t>(team.rank() % 2), static_cast<int>(team.rank()));
      const auto joined = team.join(std::span(mine), "numbers");
      return text + std::to_string(std::accumulate(joined.begin(), joined.end(), 0));
    });
    std::string expected = "word of 0;";
    int odd = 0;
    for (Index k = 0; k < size; ++k) {
      expected += std::string(static_cast<std::size_t>(k), 'x') + std::to_string(k) + ",";
      if (k % 2 == 1) odd += static_cast<int>(k);
    }
    for (const auto& text : words) CHECK(*text == expected + std::to_string(odd));
  }
}

TEST_CASE("one signal is known everywhere, and a difference is refused everywhere with both sides") {
  const auto stopped = with_ranks(5, [](const distributed::Team& team) { return team.any(team.rank() == 3, "stop"); });
  for (const auto& stop : stopped) CHECK(*stop);
  const auto goes_on = with_ranks(5, [](const distributed::Team& team) { return team.any(false, "stop"); });
  for (const auto& stop : goes_on) CHECK(!*stop);
  const auto told = with_ranks(3, [](const distributed::Team& team) -> std::string {
    try {
      team.require_same(team.rank() == 2 ? "x86-64-v3" : "x86-64-v4", "the instruction set");
    } catch (const ValueError& error) {
      return error.what();
    }
    return "";
  });
  for (const auto& text : told) {
    CHECK_THAT(*text, Contains("the instruction set") && Contains("rank 0 has x86-64-v4"));
    CHECK_THAT(*text, Contains("rank 2 has x86-64-v3"));
  }
}

TEST_CASE("shares follow each other and are empty where there are too few parts") {
  const auto shares = with_ranks(5, [](const distributed::Team& team) { return team.share(3); });
  Index end = 0, parts = 0;
  for (const auto& share : shares) {
    CHECK(share->begin == end);
    end = share->end;
    parts += share->end - share->begin;
  }
  CHECK(parts == 3);
}

/// A network with a buffer, the running statistics of a batch norm, and dropout.
struct Normed {
  nn::Conv2d<float> first{nn::Conv2dSpec::same(1, 6), Key{1}};
  nn::BatchNorm<float> norm{6};
  nn::Dropout drop{0.3};
  nn::Conv2d<float> last{nn::Conv2dSpec::same(6, 3), Key{2}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("first", self.first);
    f("norm", self.norm);
    f("last", self.last);
  }
  template <class Ctx>
  typename Ctx::template Value<4> operator()(Ctx& ctx, const typename Ctx::template Value<4>& x) const {
    return last(ctx, drop(ctx, relu(norm(ctx, first(ctx, x)))));
  }
};

/// A batch of images, to be cut into parts.
struct Batch {
  models::AnySegmenter<float> model{Normed{}};
  Tensor<float, 4> images = uniform<float>(Key{1}, Shape<4>{11, 8, 8, 1}, 0, 1);
  Labels labels{Shape<3>{11, 8, 8}};
  ImageIds ids;

  Batch() {
    for (Index i = 0; i < labels.numel(); ++i)
      labels.mutable_data()[i] = static_cast<std::int32_t>(Key{2}.uniform_int(static_cast<std::uint64_t>(i), 3));
    for (std::uint64_t i = 0; i < 11; ++i) ids.push_back(i);
  }

  /// Losses, weights and buffers after two steps, as bytes.
  std::string after_steps(const distributed::Team& team, Index part_images) const {
    models::AnySegmenter<float> m = model;
    optim::Adam<float> adam({.learning_rate = 1e-2});
    adam.bind(m);
    pipeline::SupervisedOptions<float> options;
    options.micro_batch = options.part_images = part_images;
    options.mode.ghost_batch = 1;
    options.team = team;
    std::string bytes;
    for (std::uint64_t step = 0; step < 2; ++step) {
      const auto result = pipeline::supervised_gradients(m, images, labels, ids, Key{3}.fold(step), options);
      adam.step(m, result.gradients);
      bytes.append(reinterpret_cast<const char*>(&result.loss), sizeof result.loss);
    }
    nn::walk(m, [&](const std::string&, const auto& member) {
      bytes.append(reinterpret_cast<const char*>(member.value.data()),
                   static_cast<std::size_t>(member.value.numel()) * sizeof(float));
    });
    return bytes;
  }
};

TEST_CASE("two steps of Adam give the same bits for 1 to 8 processes, more than there are parts among them") {
  const Batch batch;
  for (const Index part : {1, 2, 4}) {  // 11, 6 and 3 parts
    const std::string expected = batch.after_steps({}, part);
    for (const Index size : {2, 3, 4, 5, 8}) {
      INFO(size << " processes, parts of " << part << " images");
      const auto found = with_ranks(size, [&](const distributed::Team& team) { return batch.after_steps(team, part); });
      for (const auto& bytes : found) CHECK(*bytes == expected);
    }
  }
}

TEST_CASE("a step sends twice the weights, whatever the number of processes") {
  const Batch batch;
  Index elements = 0;
  nn::walk(batch.model, [&](const std::string&, const auto& member) { elements += member.value.numel(); });
  for (const Index size : {2, 4}) {
    pipeline::SupervisedOptions<float> options;
    options.micro_batch = options.part_images = 1;
    options.mode.ghost_batch = 1;
    thread_link::Post post;
    const auto images = slice_rows(batch.images, 0, 8);
    const auto labels = slice_rows(batch.labels, 0, 8);
    const ImageIds ids(batch.ids.begin(), batch.ids.begin() + 8);
    (void)with_ranks(
        size,
        [&](const distributed::Team& team) {
          auto mine = options;
          mine.team = team;
          const auto model = batch.model;
          return pipeline::supervised_gradients(model, images, labels, ids, Key{3}, mine).loss;
        },
        post);
    const double gradients = 2.0 * static_cast<double>((size - 1) * elements) * sizeof(float);
    CHECK(static_cast<double>(post.bytes) >= gradients);
    CHECK(static_cast<double>(post.bytes) < gradients + static_cast<double>(size * size) * 1000);
  }
}

}  // namespace team_cases
