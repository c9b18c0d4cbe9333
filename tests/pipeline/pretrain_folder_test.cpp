#include <catch2/catch.hpp>

#include "paser/data/folder.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "support/tiny_data.hpp"

using namespace paser;

TEST_CASE("pretraining learns from a folder of mixed sizes, with crops, augmentation and ignored pixels") {
  const tiny::DataFolder data;
  for (int k = 0; k < 6; ++k) {
    // The left part is dark, the right one bright; the border between them takes no part.
    const int height = 12 + k, width = 20 - k, border = 6 + k;
    std::vector<int> image, mask;
    for (int i = 0; i < height * width; ++i) {
      const int x = i % width;
      const auto noise =
          static_cast<int>(Key{3}.fold(static_cast<std::uint64_t>(k)).uniform_int(static_cast<std::uint64_t>(i), 80));
      image.push_back(noise + (x < border ? 20 : 140));
      mask.push_back(x == border ? 9 : x < border ? 0 : 255);
    }
    data.add(std::string(1, static_cast<char>('a' + k)), image, mask, width);
  }
  data::SegmentationOptions options;
  options.files.map = data::LabelEncoding::parse("0:0,255:1,9:ignore");
  options.fit = data::Fit::crop;
  options.height = options.width = 16;  // larger than some images
  options.augmentation = {.flip_columns = true, .turns = true, .gain = 0.1};
  const data::SegmentationFolder train(data.images, data.masks, options);
  options.fit = data::Fit::pad;
  options.height = options.width = 0;
  options.multiple = 4;
  const data::SegmentationFolder validation(data.images, data.masks, options);

  pipeline::PretrainOptions<float> training;
  training.epochs = 25;
  training.batch = 3;
  training.learning_rate = 1e-2;
  training.supervised.ignored = data::ignored_label;
  models::AnySegmenter<float> model = models::StaticUNet<1, 2, 8, 2>(Key{1});
  const auto iou = [&] {
    return pipeline::validation_iou(model, validation, {1, 1}, metrics::ClassMean::present, 8, data::ignored_label);
  };
  const double before = iou();
  REQUIRE(pipeline::pretrain(model, train, validation, training, pipeline::Stage{.name = "folder"}, Key{5}));
  CHECK(before < 0.8);
  CHECK(iou() > 0.95);
}
