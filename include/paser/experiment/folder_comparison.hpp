#pragma once
#include "paser/core/macros_off.inc"

#include "paser/experiment/comparison.hpp"
#include "paser/experiment/networks.hpp"

/// What trainings on a folder of images have in common: the description of their PaSeR, and its comparison on the test
/// images.
namespace paser::experiment {

/// What a PaSeR on these images is, but for its networks, estimator and policy.
template <class Settings>
pipeline::PaserDescription description_of(const FolderData& data, const Settings& settings) {
  pipeline::PaserDescription d;
  d.channels = data.channels();
  d.class_names = data.class_names();
  d.grid = {settings.grid[0], settings.grid[1]};
  d.height = data.height();
  d.width = data.width();
  d.value_range = value_range(settings);
  d.info["settings"] = without_folders(settings);
  return d;
}

/// Methods on the test images of a folder, which nothing has seen before.
class FolderComparison : public MethodComparison<Folder> {
 public:
  /// batch: images that run at once. names: of the networks, f1, f2, ... by default.
  FolderComparison(const FolderData& data, const FolderSettings& settings, const Paser& networks,
                   const pipeline::PaserDescription& description, Index batch, std::vector<std::string> names = {})
      : MethodComparison(data.test(), networks, description,
                         {.class_mean = class_mean(settings), .batch = batch, .ignored = data::ignored_label},
                         std::move(names)),
        data_(data) {}

  /// The rows, classes and images, and what the numbers mean. training: the images of training, in words.
  template <class Settings>
  void describe(report::Results& r, const Settings& s, const std::string& training) const {
    fill(r, s);
    r.data = message(s.source(), ": ", training, ", ", data_.validation().size(), " for validation, ", test().size(),
                     data_.has_test() ? " for the test" : " of validation in place of a test");
    r.left_out = data_.left_out();
    if (!r.left_out.empty()) r.data += message("; left out as bad: ", r.left_out.size(), " files");
    r.iou_convention = message("macro IoU of ", options().classes, " classes, mean over images; a class absent ",
                               "from prediction and truth is ", s.absent_class == "zero" ? "counted as 0" : "left out");
    if (const Index without = methods().front().evaluation.without_iou(); without > 0)
      r.data += message("; ", without, " test images have no pixel that counts, and no IoU");
    r.kinds = {"all images"};
    r.classes = data_.class_names();
    for (Index i = 0; i < test().size(); ++i) r.images.push_back({test().info(i).name, {}});
    for (const auto& [row, e] : methods()) {
      r.class_tables[row.model] = report::class_table(e.confusion);
      for (std::size_t i = 0; i < r.images.size(); ++i)
        r.images[i].methods[row.model] = {.iou = e.image_iou[i],
                                          .share = row.share.empty() ? row.share : e.image_share[i]};
    }
  }

 private:
  const FolderData& data_;
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
