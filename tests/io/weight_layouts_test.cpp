#include <catch2/catch.hpp>

#include "paser/io/checkpoint.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/models/unet.hpp"
#include "paser/nn/conv_transpose2d.hpp"
#include "paser/nn/linear.hpp"
#include "support/temporary_folder.hpp"

namespace weight_layouts_test {

using namespace paser;
using Sides = std::vector<Index>;

/// A layer of one's own that says what its weight is, beside tables of every rank that say nothing.
struct Own {
  Parameter<float, 2> mix{uniform<float>(Key{6}, Shape{3, 3}), WeightKind::linear};
  Parameter<float, 2> places{uniform<float>(Key{7}, Shape{2, 3})};
  Parameter<float, 3> tokens{uniform<float>(Key{8}, Shape{1, 2, 3})};
  Parameter<float, 4> grid{uniform<float>(Key{9}, Shape{1, 2, 3, 4})};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("mix", self.mix);
    f("places", self.places);
    f("tokens", self.tokens);
    f("grid", self.grid);
  }
};

/// As many channels in as out, so that no shape tells the two axes apart.
struct Net {
  nn::ConvTranspose2d<float> up, wide, grouped;
  nn::Conv2d<float> conv;
  nn::Linear<float> linear;
  Own own;

  explicit Net(Key key)
      : up({.in = 2, .out = 2, .kernel = 2}, key.fold(1)),
        wide({.in = 4, .out = 2, .kernel = 2}, key.fold(2)),
        grouped({.in = 4, .out = 6, .kernel = 3, .options = {.groups = 2}}, key.fold(3)),
        conv({.in = 2, .out = 2, .kernel = 2}, key.fold(4)),
        linear(2, 2, key.fold(5)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("up", self.up);
    f("wide", self.wide);
    f("grouped", self.grouped);
    f("conv", self.conv);
    f("linear", self.linear);
    f("own", self.own);
  }
};

template <class Module>
bool same(const Module& a, const Module& b) {
  const auto x = io::state_dict(a), y = io::state_dict(b);
  return std::ranges::equal(x, y, [](const auto& p, const auto& q) {
    return p.first == q.first && std::ranges::equal(p.second.bytes.values(), q.second.bytes.values());
  });
}

TEST_CASE("a weight is published in the layout of its layer, not of its rank") {
  const Net net(Key{1});
  const io::StateDict published = io::published_state(net);
  const auto up = published.at("up.weight").as<float, 4>();  // in, out, kernel, kernel
  for (Index i = 0; i < 2; ++i)
    for (Index o = 0; o < 2; ++o) CHECK(up(i, o, 0, 1) == net.up.weight.value(0, 1, i, o));
  const auto conv = published.at("conv.weight").as<float, 4>();  // out, in, kernel, kernel
  CHECK(conv(0, 1, 1, 0) == net.conv.weight.value(1, 0, 1, 0));
  CHECK(published.at("linear.weight").as<float, 2>()(0, 1) == net.linear.weight.value(1, 0));
  CHECK(published.at("wide.weight").shape == Sides{4, 2, 2, 2});
  CHECK(published.at("grouped.weight").shape == Sides{4, 3, 3, 3});
  CHECK(published.at("own.mix").as<float, 2>()(0, 1) == net.own.mix.value(1, 0));
  CHECK(published.at("own.places").shape == Sides{2, 3});
  CHECK(published.at("own.places").as<float, 2>()(1, 2) == net.own.places.value(1, 2));
  CHECK(published.at("own.tokens").shape == Sides{1, 2, 3});
  CHECK(published.at("own.grid").shape == Sides{1, 2, 3, 4});
  CHECK(io::published_shapes(net).at("wide.weight") == Sides{4, 2, 2, 2});

  const TemporaryFolder folder;
  io::save_weights(folder / "net.safetensors", net);
  Net loaded(Key{2});
  io::load_weights(loaded, folder / "net.safetensors");
  CHECK(same(loaded, net));
}

TEST_CASE("a network that forgets its type keeps the layouts, and its own files have none but ours") {
  using models::UNet;
  const models::UNetSpec spec{.width = 4, .depth = 1, .upsampling = models::Upsampling::transposed};
  const models::AnySegmenter<float> net = UNet<float>(spec, Key{1});
  models::AnySegmenter<float> loaded = UNet<float>(spec, Key{2});
  const io::StateDict published = io::published_state(net);
  CHECK(published.at("enlarge1.weight").shape == Sides{8, 4, 2, 2});
  io::load_published(loaded, published);
  CHECK(same(loaded, net));

  const TemporaryFolder folder;
  io::save_model(folder / "model.safetensors", net);
  CHECK(io::Checkpoint::load(folder / "model.safetensors").tensors.at("model/enlarge1.weight").shape ==
        Sides{2, 2, 8, 4});
}

}  // namespace weight_layouts_test
