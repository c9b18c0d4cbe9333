#include <catch2/catch.hpp>

#include "paser/io/published_weights.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/models/zoo/segformer_names.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::models;
using Catch::Matchers::Contains;

namespace segformer_test {

const char* const settings =
    R"({"in": 2, "classes": 3, "depths": [1, 2], "widths": [6, 8], "heads": [1, 2], "reductions": [2, 1],)"
    R"( "mlp_ratios": [2, 3], "decoder_width": 5, "convention": "nvlabs", "dropout": 0.25, "drop_path": 0.5})";

SegFormer<float> tiny(Key key = Key{1}) {
  return {SegFormerMaker<float>::read(settings), key};
}

/// Running statistics and biases that are not those of a new network.
template <class Module>
void stir(Module& module) {
  nn::walk(module, [number = std::uint64_t{0}](const std::string& path, auto& member) mutable {
    using Value = std::remove_cvref_t<decltype(member.value)>;
    if constexpr (Value::rank == 1) {
      const double low = path.ends_with("var") || path.ends_with("weight") ? 0.5 : -1;
      member.value = uniform<typename Value::Scalar>(Key{99}.fold(number++), member.value.shape(), low, 1.5);
    }
  });
}

/// The largest difference of two values relative to the largest of them.
template <class T, int Rank>
double relative(const Tensor<T, Rank>& a, const Tensor<T, Rank>& b) {
  return max_abs_difference(a, b) / max_abs_difference(b, Tensor<T, Rank>::zeros(b.shape()));
}

}  // namespace segformer_test

TEST_CASE("SegFormers have the parameters and operations of the published ones") {
  const auto of_size = [](const char* size, Index in, Index classes) {
    return SegFormerSpec::of_size(size, in, classes).parameters();
  };
  CHECK((of_size("B0", 3, 19) == 3'719'027 && of_size("B1", 3, 19) == 13'682'131));
  CHECK((of_size("B2", 3, 19) == 27'361'235 && of_size("B3", 3, 19) == 47'237'075));
  CHECK((of_size("B4", 3, 19) == 64'007'635 && of_size("B5", 3, 19) == 84'607'955));
  CHECK((of_size("B5", 1, 3) == 84'589'379 && of_size("B0", 3, 150) == 3'752'694));
  CHECK_THROWS_WITH(of_size("B6", 3, 19), Contains("its size is 'B6', expected B0, B1"));

  const SegFormer<float> b0(SegFormerSpec::of_size("B0", 3, 19), Key{1});
  CHECK(nn::count_parameters(b0) == b0.spec().parameters());
  CHECK(b0.smallest_size() == 29);
  const Operations city = count_operations(b0, Shape<4>{1, 512, 512, 3});
  CHECK(city.by_op == std::map<std::string, Index>{{"conv", 4'908'646'400},
                                                   {"layer_norm", 31'129'600},
                                                   {"linear", 1'889'533'952},
                                                   {"matmul", 1'040'187'392},
                                                   {"upsample_bilinear2d", 67'108'864},
                                                   {"batch_norm", 8'388'608}});
  // What is done is less: the fusion's convolution is done on the small maps.
  CHECK(count_operations(b0, Shape<4>{1, 512, 512, 3}, run::inference, false).total() == 3'667'066'880);
  CHECK(count_operations(b0, Shape<4>{1, 36, 37, 3}).total() > 0);
  const SegFormer<float> small(SegFormerSpec::of_size("B0", 1, 2), Key{1});
  CHECK(count_operations(small, Shape<4>{1, 32, 32, 1}).total() == 26'508'544);
  const AnySegmenter<float> any = small;
  CHECK(any.count({1, 32, 32, 1}).total() == 26'508'544);
  CHECK(any.count({1, 32, 32, 1}, run::inference, false).total() == 13'401'344);
}

TEST_CASE("the decoder that fuses small maps is the published one, in inference and in training") {
  auto net = segformer_test::tiny();
  segformer_test::stir(net);
  const Index side = GENERATE(1, 2, 9);  // the products are made in either order
  const std::vector<Tensor<float, 4>> maps{normal<float>(Key{1}, Shape{2, 2 * side, 2 * side + 1, 6}),
                                           normal<float>(Key{2}, Shape{2, side, side, 8})};
  EvalContext<float> inference(run::inference);
  CHECK(segformer_test::relative(net.decoder(inference, maps), net.decoder.as_published(inference, maps)) < 1e-5);

  const auto gradients = [&](bool as_published) {
    return value_and_gradients<float>({.dropout = false, .batch_statistics = true}, Key{}, [&](auto& ctx) {
      const std::vector<Var<float, 4>> vars{Var(maps[0]), Var(maps[1])};
      const auto y = as_published ? net.decoder.as_published(ctx, vars) : net.decoder(ctx, vars);
      const auto weighted = multiply(y, Var(normal<float>(Key{3}, y.shape())));
      const auto ones = Tensor<float, 2>::full({y.shape().numel(), 1}, 1);
      return reshape(linear(reshape(weighted, Shape<2>{1, y.shape().numel()}), Var(ones)), Shape<1>{1});
    });
  };
  const auto ours = gradients(false), published = gradients(true);
  CHECK(ours.value == Approx(published.value).epsilon(1e-4));
  nn::walk_parameters(net.decoder, [&](const std::string& path, const auto& p) {
    INFO(path);
    const auto expected = published.gradients.of(p);
    // The norm takes the mean away, and with it what a bias before it would do.
    if (path.starts_with("linear_c") && path.ends_with("bias"))
      CHECK(max_abs_difference(ours.gradients.of(p), expected) < 2e-4);
    else
      CHECK(segformer_test::relative(ours.gradients.of(p), expected) < 2e-4);
  });
}

TEST_CASE("a SegFormer's tensors have Hugging Face's names, and a table those of the authors and of smp") {
  const auto net = segformer_test::tiny();
  const auto shapes = io::published_shapes(net);
  using Sides = std::vector<Index>;
  CHECK(shapes.at("segformer.encoder.patch_embeddings.0.proj.weight") == Sides{6, 2, 7, 7});
  CHECK(shapes.at("segformer.encoder.block.0.0.attention.self.sr.weight") == Sides{6, 6, 2, 2});
  CHECK(shapes.at("segformer.encoder.block.1.1.mlp.dwconv.dwconv.weight") == Sides{24, 1, 3, 3});
  CHECK(shapes.at("segformer.encoder.block.1.1.mlp.dense1.weight") == Sides{24, 8});
  CHECK(shapes.at("decode_head.linear_c.1.proj.weight") == Sides{5, 8});
  CHECK(shapes.at("decode_head.batch_norm.num_batches_tracked").empty());
  CHECK(!shapes.contains("segformer.encoder.block.1.0.attention.self.sr.weight"));

  const auto authors = segformer_nvlabs_names(net.spec());
  const auto mmseg = io::published_shapes(net, authors);
  CHECK(mmseg.at("backbone.block2.1.attn.kv.weight") == Sides{16, 8});
  CHECK(mmseg.at("backbone.norm2.weight") == Sides{8});
  CHECK(mmseg.at("decode_head.linear_fuse.bn.running_mean") == Sides{5});
  CHECK(mmseg.at("decode_head.linear_pred.bias") == Sides{3});
  const auto smp = io::published_shapes(net, segformer_smp_names(net.spec()));
  CHECK(smp.at("encoder.patch_embed1.norm.bias") == Sides{6});
  CHECK(smp.at("decoder.mlp_stage.0.linear.weight") == Sides{5, 8});
  CHECK(smp.at("decoder.fuse_stage.0.weight") == Sides{5, 10, 1, 1});

  auto checkpoint = io::published_state(net, authors);
  // Keys first, values behind them; PyTorch's rows are our columns.
  const auto kv = checkpoint.at("backbone.block2.1.attn.kv.weight").as<float, 2>();
  const auto& attention = net.blocks[1][1].attention;
  CHECK((kv(3, 5) == attention.key.weight.value(5, 3) && kv(8 + 3, 5) == attention.value.weight.value(5, 3)));
  checkpoint.emplace("decode_head.conv_seg.bias", io::RawTensor::of(Tensor<float, 1>::zeros({3})));
  auto loaded = segformer_test::tiny(Key{7});
  io::load_published(loaded, checkpoint, authors);
  const auto image = uniform<float>(Key{2}, Shape{1, 16, 20, 2});
  CHECK(same_bits(infer(loaded, image), infer(net, image)));
  checkpoint.erase("backbone.norm2.weight");
  CHECK_THROWS_WITH(io::load_published(loaded, checkpoint, authors), Contains("missing: backbone.norm2.weight (8)"));
}

TEST_CASE("the two conventions of SegFormer differ in their norms' eps alone, where nothing drops") {
  auto spec = segformer_test::tiny().spec();
  const SegFormer<float> authors(spec, Key{1});
  spec.convention = SegFormerConvention::hugging_face;
  const SegFormer<float> hugging_face(spec, Key{1});
  CHECK(authors.layer_norms[0].options.eps == 1e-6);
  CHECK(authors.patch_embeddings[0].layer_norm.options.eps == 1e-5);
  CHECK(authors.blocks[0][0].attention.layer_norm->options.eps == 1e-5);
  CHECK(authors.blocks[1][1].layer_norm_2.options.eps == 1e-6);
  CHECK(hugging_face.blocks[1][1].layer_norm_2.options.eps == 1e-5);
  CHECK(authors.blocks[1][1].drop_path.p == 0.5);
  CHECK((authors.blocks[1][0].drop_path.p == 0.25 && authors.blocks[0][0].drop_path.p == 0));
}

TEST_CASE("Monte Carlo passes of a SegFormer share all before its dropout") {
  for (const auto convention : {SegFormerConvention::nvlabs, SegFormerConvention::hugging_face}) {
    auto spec = segformer_test::tiny().spec();
    spec.convention = convention;
    const AnySegmenter<float> net = SegFormer<float>(spec, Key{1});
    const auto image = uniform<float>(Key{2}, Shape{1, 19, 22, 2});
    EvalContext<float> shared(run::mc_dropout), alone(run::mc_dropout);
    shared.sample_keys = {Key{5}, Key{6}, Key{7}};
    alone.sample_keys = {Key{6}};
    auto maps = net.deterministic_part(shared, image);
    for (auto& map : maps) map = map.repeated(3);
    const auto passes = net.stochastic_part(shared, maps);
    CHECK(passes.shape() == Shape<4>{3, 5, 6, 3});
    CHECK(max_abs_difference(slice_rows(passes, 1, 2), net(alone, image)) < 1e-6);
    CHECK(max_abs_difference(slice_rows(passes, 1, 2), slice_rows(passes, 2, 3)) > 1e-4);
  }
}

TEST_CASE("a SegFormer is made by name, says what it is, and refuses what it cannot take") {
  const auto net = make_segmenter("segformer", segformer_test::settings, Key{1});
  CHECK(nlohmann::json::parse(net.spec().json) == nlohmann::json::parse(segformer_test::settings));
  CHECK((net.channels() == 2 && net.classes() == 3 && net.stride() == 4 && net.smallest_size() == 5));
  CHECK(model_parameters(net.spec()) == nn::count_parameters(net));
  const auto image = uniform<float>(Key{2}, Shape{1, 16, 16, 2});
  CHECK(same_bits(infer(make_segmenter(net.spec(), Key{1}), image), infer(net, image)));
  CHECK(SegFormerMaker<float>::read(R"({"in": 3, "classes": 19, "size": "B3"})").parameters() == 47'237'075);
  CHECK_THROWS_WITH(infer(net, uniform<float>(Key{2}, Shape{1, 4, 16, 2})),
                    Contains("an image of 4x16 is smaller") && Contains("5x5"));
  CHECK_THROWS_AS(infer(net, uniform<float>(Key{2}, Shape{1, 16, 16, 3})), ShapeError);
  const auto refused = [](const std::string& json, const std::string& sentence) {
    CHECK_THROWS_AS(make_segmenter("segformer", json, Key{}), FormatError);
    CHECK_THROWS_WITH(make_segmenter("segformer", json, Key{}), Contains("model 'segformer'") && Contains(sentence));
  };
  refused(
      R"({"in": 3, "classes": 19})",
      R"(its "size" is missing, expected one of "B0" .. "B5", such as segformer:{"in":3,"classes":19,"size":"B0"})");
  refused(R"({"in": 3, "classes": 19, "size": "b0"})", "its size is 'b0'");
  refused(R"({"in": 3, "classes": 1, "size": "B0"})", "1 classes");
  refused(R"({"in": 3, "classes": 9, "size": "B0", "dropout": 1})", "its dropout is 1");
  refused(R"({"in": 3, "classes": 9, "size": "B0", "convention": "mmseg"})", "its convention is 'mmseg'");
  refused(R"({"in": 3, "classes": 9, "size": "B0", "reductions": [8, 4, 2]})", "expected equally many");
  refused(R"({"in": 3, "classes": 9, "depths": [1], "widths": [6], "heads": [4], "decoder_width": 5,)"
          R"( "reductions": [1], "mlp_ratios": [4]})",
          "stage 1 has width 6");
}
