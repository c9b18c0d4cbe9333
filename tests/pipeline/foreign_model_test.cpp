#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/models/wrappers.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/nn/linear.hpp"
#include "paser/ops/ops.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/tiled.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;

namespace {

/// A transformer of one head on patches of 4 x 4 pixels with learned places, which no library file knows: RGB images of
/// 8 x 8 .. 64 x 64 pixels in multiples of 4 -> logits (N, H / 4, W / 4, classes).
template <class T>
struct PatchTransformer {
  using Scalar = T;
  Index out, width;
  nn::Conv2d<T> embed;
  Parameter<T, 3> places;  // 1, tokens of 64 x 64 pixels, width
  nn::LayerNorm<T> norm;
  nn::Linear<T> query, key, value, head;

  PatchTransformer(Index classes_, Index width_, Key k)
      : out(classes_),
        width(width_),
        embed({.in = 3, .out = width_, .kernel = 4, .options = {.stride = {4, 4}}}, k.fold(1)),
        places{normal<T>(k.fold(2), Shape<3>{1, 256, width_}, 0, 0.1)},
        norm(width_),
        query(width_, width_, k.fold(3)),
        key(width_, width_, k.fold(4)),
        value(width_, width_, k.fold(5)),
        head(width_, classes_, k.fold(6)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("embed", self.embed);
    f("places", self.places);
    f("norm", self.norm);
    f("query", self.query);
    f("key", self.key);
    f("value", self.value);
    f("head", self.head);
  }

  models::ModelSpec spec() const {
    return {"patch_transformer", message("{\"classes\":", out, ",\"width\":", width, "}")};
  }
  static Index channels() { return 3; }
  Index classes() const { return out; }
  static Index smallest_size() { return 8; }
  static Index size_multiple() { return 4; }
  static Index stride() { return 4; }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    const Image<Context> maps = embed(ctx, image);
    const Shape<4> s = maps.shape();
    const Shape<4> heads{s.n(), 1, s.h() * s.w(), width};
    const auto rows = reshape(add(maps, placed(ctx, s)), Shape<3>{heads[0], heads[2], width});
    const auto x = norm(ctx, rows);
    const auto as_head = [&](const auto& layer) { return reshape(layer(ctx, x), heads); };
    const auto mixed =
        attention(as_head(query), as_head(key), as_head(value), 1 / std::sqrt(static_cast<double>(width)));
    const auto sum = gelu(add(rows, reshape(mixed, Shape<3>{heads[0], heads[2], width})));
    return reshape(head(ctx, sum), Shape<4>{s.n(), s.h(), s.w(), out});
  }

  /// The first rows and columns of the places, for every image.
  template <class Context>
  Image<Context> placed(Context& ctx, const Shape<4>& s) const {
    Image<Context> all =
        pad(reshape(ctx(places), Shape<4>{1, 16, 16, width}), {.right = s.w() - 16, .bottom = s.h() - 16});
    // The images of a batch share the places: a resize along the batch, since there is no broadcasting.
    const auto flat = reshape(all, Shape<4>{1, 1, 1, s.h() * s.w() * width});
    return reshape(upsample_nearest(flat, {.size = {s.n(), 1}}), s);
  }
};

template <class T>
models::AnySegmenter<T> make(const std::string& json, Key key) {
  const auto j = nlohmann::json::parse(json);
  return PatchTransformer<T>(j.at("classes"), j.at("width"), key);
}
const bool known = models::register_model<float>("patch_transformer", {make<float>});

/// f1 a UNet; f2 the transformer in all that it needs for gray images whose patches have 12 x 10 pixels.
PaserDescription description() {
  const models::ModelSpec foreign{"patch_transformer", R"({"classes":2,"width":8})"};
  const auto inside = [](const std::string& type, const std::string& settings, const models::ModelSpec& model) {
    return models::ModelSpec{type, "{" + settings + "\"model\":" + model.text() + "}"};
  };
  PaserDescription d;
  d.class_names = {"background", "digit"};
  d.networks = {models::UNetSpec{.classes = 2, .width = 4, .depth = 1},
                inside("gray_to_colour", "",
                       inside("normalised", R"("mean":[0.5,0.5,0.5],"deviation":[0.25,0.25,0.25],)",
                              inside("resized", "\"factor\":1,", inside("padded", "\"multiple\":4,", foreign))))};
  d.grid = {2, 2};
  d.height = 24;
  d.width = 20;
  d.estimator = uncertainty::McDropout{2}.spec();
  return d;
}

}  // namespace

TEST_CASE("a network that no library file knows is differentiated and counted") {
  const PatchTransformer<double> model(2, 6, Key{1});
  const auto result =
      nn::gradient_check(model, run::training, Key{2}, {.samples = 30}, uniform<double>(Key{3}, Shape{2, 8, 12, 3}));
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
  const models::AnySegmenter<float> any = PatchTransformer<float>(2, 8, Key{1});
  const auto count = any.count({1, 16, 12, 3});  // 12 tokens
  CHECK(count.by_op.at("conv") == 16 * 12 * 3 * 8);
  CHECK(count.by_op.at("linear") == 12 * (3 * 8 * 8 + 8 * 2));
  CHECK(count.by_op.at("matmul") == 2 * 12 * 12 * 8);
  CHECK(nn::count_parameters(any) == 48 * 8 + 8 + 256 * 8 + 2 * 8 + 3 * (64 + 8) + 8 * 2 + 2);
}

TEST_CASE("it goes into a Paser that is counted, saved, loaded and segments images of any size") {
  CHECK(known);
  const TemporaryFolder folder;
  auto paser = make_paser(description(), Key{1});
  float* const bias = paser.policy.as<NetPolicy<float>>()->net.head.bias.value.mutable_data();
  for (Index p = 0; p < 4; ++p) bias[2 * p + p % 2] = 20;  // every other patch goes to it
  save_paser(folder / "p.safetensors", paser, description());
  const auto [loaded, d] = load_paser(folder / "p.safetensors");
  CHECK(d.networks[1].type == "gray_to_colour");
  const auto image = uniform<float>(Key{2}, Shape{1, 24, 20, 1});
  const auto before = segment(paser, image, {7}, Key{5}), after = segment(loaded, image, {7}, Key{5});
  CHECK(before.answered_by.values()[1] == 1);
  CHECK(same_bits(before.labels, after.labels));
  const auto costs = mac_costs(loaded, d);
  CHECK(costs.patch[1] == static_cast<double>(loaded.models[1].count({1, 12, 10, 1}).total()));
  CHECK(costs.patch[1] > 16 * 9 * 3 * 8);
  const auto tiled =
      segment_tiled(loaded, uniform<float>(Key{2}, Shape{1, 50, 31, 1}), Key{3}, {.height = 24, .width = 20});
  CHECK(tiled.maps.labels.shape() == Shape{1, 50, 31});
  CHECK(tiled.summary.patches[1] > 0);
}

TEST_CASE("it is refused where its answers or its sizes do not fit") {
  auto d = description();
  d.channels = 3;
  d.networks[0] = models::UNetSpec{.in = 3, .classes = 2, .width = 4, .depth = 1};
  d.networks[1] = {"patch_transformer", R"({"classes":2,"width":8})"};
  CHECK_THROWS_WITH(make_paser(d, Key{}), Contains("network f2 has one answer for 4 x 4 pixels"));
  d.networks[1] = {"patch_transformer", R"({"classes":3,"width":8})"};
  CHECK_THROWS_WITH(make_paser(d, Key{}), Contains("knows 3 classes, expected 3 channels and 2 classes"));
  CHECK_THROWS_AS(make_paser<double>(d, Key{}), ValueError);
}
