#include <catch2/catch.hpp>

#include "paser/io/published_weights.hpp"
#include "paser/models/registered/efficientvit.hpp"
#include "paser/models/wrappers.hpp"
#include "paser/models/zoo/efficientvit.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::models;
using Catch::Matchers::Contains;

namespace efficientvit_test {

const char* const settings =
    R"({"in": 1, "classes": 3, "family": "L", "widths": [4, 4, 6, 6, 8], "depths": [1, 0, 1, 1, 1],)"
    R"( "head_features": 4, "expand": 4, "head_width": 6, "head_depth": 1, "head_expand": 2, "final_expand": 2,)"
    R"( "dropout": 0.25})";

}  // namespace efficientvit_test

TEST_CASE("EfficientViTs have the parameters and operations of the published ones") {
  const auto parameters = [](const char* size, Index in, Index classes, const char* head = "cityscapes") {
    return EfficientViTSpec::of_size(size, in, classes, head).parameters();
  };
  CHECK((parameters("B0", 3, 19) == 706'691 && parameters("B1", 3, 19) == 4'803'443));
  CHECK((parameters("B2", 3, 19) == 15'323'779 && parameters("B3", 3, 19) == 39'603'155));
  CHECK((parameters("L1", 3, 19) == 40'242'227 && parameters("L2", 3, 19) == 52'607'923));
  CHECK((parameters("B1", 3, 150, "ade20k") == 4'791'414 && parameters("B3", 3, 150, "ade20k") == 39'546'198));
  CHECK_THROWS_WITH(parameters("B0", 3, 150, "ade20k"), Contains("B0 has no head for ADE20K"));
  CHECK_THROWS_WITH(parameters("B4", 3, 19), Contains("its size is 'B4', expected B0, B1"));
  CHECK_THROWS_WITH(parameters("B1", 3, 19, "kitti"), Contains("its head is 'kitti'"));

  const EfficientViT<float> b0(EfficientViTSpec::of_size("B0", 1, 2), Key{1});
  CHECK(nn::count_parameters(b0) == b0.spec().parameters());
  CHECK(count_operations(b0, Shape<4>{1, 256, 256, 1}).by_op ==
        std::map<std::string, Index>{{"conv", 129'302'528}, {"matmul", 3'342'336}, {"batch_norm", 5'902'336}});
  CHECK(count_operations(b0, Shape<4>{1, 32, 32, 1}).total() == 2'121'792);
  const EfficientViT<float> b1(EfficientViTSpec::of_size("B1", 3, 19), Key{1});
  CHECK(count_operations(b1, Shape<4>{1, 512, 512, 3}).total() == 3'200'548'864);
  const EfficientViT<float> ade(EfficientViTSpec::of_size("B1", 3, 150, "ade20k"), Key{1});
  CHECK(count_operations(ade, Shape<4>{1, 512, 512, 3}).total() == 3'150'741'504);
}

TEST_CASE("an EfficientViT's tensors have the names of the published checkpoints") {
  const auto b = io::published_shapes(EfficientViT<float>(EfficientViTSpec{}, Key{1}));
  using Sides = std::vector<Index>;
  CHECK(b.at("backbone.input_stem.op_list.0.conv.weight") == Sides{8, 3, 3, 3});
  CHECK(b.at("backbone.input_stem.op_list.1.main.point_conv.norm.running_var") == Sides{8});
  CHECK(b.at("backbone.stages.0.op_list.1.main.inverted_conv.conv.weight") == Sides{64, 16, 1, 1});
  CHECK(b.at("backbone.stages.2.op_list.0.main.depth_conv.conv.bias") == Sides{128});
  CHECK(b.at("backbone.stages.3.op_list.2.context_module.main.aggreg.0.1.weight") == Sides{384, 16, 1, 1});
  CHECK(b.at("backbone.stages.3.op_list.2.local_module.main.point_conv.norm.num_batches_tracked").empty());
  CHECK(b.at("head.input_ops.0.op_list.0.conv.weight") == Sides{32, 128, 1, 1});
  CHECK(b.at("head.input_ops.2.norm.weight") == Sides{32});
  CHECK(b.at("head.output_ops.0.op_list.1.conv.bias") == Sides{2});
  const auto l = io::published_shapes(make_segmenter("efficientvit", efficientvit_test::settings, Key{1}));
  CHECK(l.at("backbone.stages.0.op_list.1.main.conv2.norm.weight") == Sides{4});
  CHECK(l.at("backbone.stages.2.op_list.1.main.spatial_conv.conv.weight") == Sides{24, 6, 3, 3});
  CHECK(l.at("backbone.stages.3.op_list.1.main.inverted_conv.conv.bias") == Sides{24});
  CHECK(l.at("head.middle.op_list.0.main.spatial_conv.conv.weight") == Sides{12, 6, 3, 3});
}

TEST_CASE("Monte Carlo passes of an EfficientViT share all before its dropout") {
  const auto net = make_segmenter("efficientvit", efficientvit_test::settings, Key{1});
  const auto image = uniform<float>(Key{2}, Shape{1, 57, 32, 1});
  EvalContext<float> shared(run::mc_dropout), alone(run::mc_dropout);
  shared.sample_keys = {Key{5}, Key{6}, Key{7}};
  alone.sample_keys = {Key{6}};
  auto maps = net.deterministic_part(shared, image);
  for (auto& map : maps) map = map.repeated(3);
  const auto passes = net.stochastic_part(shared, maps);
  CHECK(passes.shape() == Shape<4>{3, 8, 4, 3});
  CHECK(max_abs_difference(slice_rows(passes, 1, 2), net(alone, image)) < 1e-6);
  CHECK(max_abs_difference(slice_rows(passes, 1, 2), slice_rows(passes, 2, 3)) > 1e-4);
}

TEST_CASE("an EfficientViT is made by name, says what it is, and refuses what it cannot take") {
  const auto net = make_segmenter("efficientvit", efficientvit_test::settings, Key{1});
  CHECK(nlohmann::json::parse(net.spec().json) == nlohmann::json::parse(efficientvit_test::settings));
  CHECK((net.channels() == 1 && net.classes() == 3 && net.stride() == 8 && net.size_multiple() == 32));
  CHECK(model_parameters(net.spec()) == nn::count_parameters(net));
  const auto image = uniform<float>(Key{2}, Shape{2, 32, 64, 1});
  const auto y = infer(net, image);
  CHECK(y.shape() == Shape<4>{2, 4, 8, 3});
  CHECK(same_bits(infer(make_segmenter(net.spec(), Key{1}), image), y));
  CHECK_THROWS_WITH(infer(net, uniform<float>(Key{2}, Shape{1, 56, 64, 1})),
                    Contains("an image of 56x64") && Contains("multiple of 4"));
  CHECK(infer(Padded<float>(net, 32, Border::mirrored), uniform<float>(Key{2}, Shape{1, 56, 64, 1})).shape() ==
        Shape<4>{1, 7, 8, 3});
  const auto refused = [](const std::string& json, const std::string& sentence) {
    CHECK_THROWS_AS(make_segmenter("efficientvit", json, Key{}), FormatError);
    CHECK_THROWS_WITH(make_segmenter("efficientvit", json, Key{}),
                      Contains("model 'efficientvit'") && Contains(sentence));
  };
  refused(
      R"({"in": 3, "classes": 19})",
      R"(its "size" is missing, expected one of "B0" .. "B3", "L1" and "L2", such as efficientvit:{"in":3,"classes":19,)");
  refused(R"({"in": 3, "classes": 19, "size": "B7"})", "its size is 'B7'");
  refused(R"({"in": 3, "classes": 1, "size": "B0"})", "1 classes");
  refused(R"({"in": 3, "classes": 9, "size": "B0", "dropout": 1})", "its dropout is 1, expected 0 .. 1 (excluded)");
  refused(R"({"in": 3, "classes": 9, "family": "M", "widths": [4, 4, 6, 6, 8], "depths": [1, 1, 1, 1, 1],)"
          R"( "head_features": 4, "head_width": 6, "head_depth": 1, "head_expand": 2, "final_expand": 2})",
          "its family is 'M'");
  refused(R"({"in": 3, "classes": 9, "family": "B", "widths": [4, 4, 6, 6], "depths": [1, 1, 1, 1, 1],)"
          R"( "head_features": 4, "head_width": 6, "head_depth": 1, "head_expand": 2, "final_expand": 2})",
          "4 widths and 5 depths");
}
