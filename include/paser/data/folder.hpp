#pragma once
#include "paser/core/macros_off.inc"

#include <exception>
#include <memory>

#include "paser/data/augment.hpp"
#include "paser/data/batch.hpp"
#include "paser/data/folder_check.hpp"

namespace paser::data {

/// How images of a folder become images of one size.
enum class Fit {
  whole,  ///< as they are: a batch needs images of one size
  crop,   ///< a window of height x width: at a random place for training, in the middle otherwise
  pad,    ///< filled up at the bottom and on the right
  tiles   ///< cut into tiles of height x width, the last ones filled up; every tile is an image of its own
};

/// How a segmentation data set is read and served. What is filled up is the mirrored image, with labels ignored_label.
struct SegmentationOptions {
  FolderOptions files;
  Fit fit = Fit::whole;
  Index height = 0, width = 0;  ///< for crop and tiles; for pad 0 is the largest extent of the set
  Index multiple = 1;           ///< pad makes height and width multiples of this: of the patch grid, or of 2^depth
  bool in_memory = true;        ///< keep the decoded samples, a byte a value; otherwise read files at every use
  bool skip_bad = false;        ///< leave bad files out instead of refusing the set; see report().bad
  Augmentation augmentation{};
  Key key{};                 ///< of crops and augmentation
  CheckProgress progress{};  ///< of the look at all files when the set is opened
};

/// A folder of images and one of masks as a source of batches for the pipeline: size(), rows(numbers), range(begin,
/// end). rows(numbers, epoch) gives varied images: what is drawn depends on the key, the epoch and the image's id, so
/// it is the same in any batch and for any number of threads. Copies share what is in memory. (A template, so that it
/// costs compile time only where it is used.)
template <class Options = SegmentationOptions>
class BasicSegmentationFolder {
 public:
  /// Reads and checks every file. Throws FormatError listing all bad files (unless skip_bad) and what is wrong with the
  /// set, ValueError on options that do not fit, IoError when a folder cannot be read.
  BasicSegmentationFolder(const io::Path& images, const io::Path& masks, Options options)
      : options_(std::move(options)) {
    const bool sized = options_.fit == Fit::crop || options_.fit == Fit::tiles;
    check<ValueError>(options_.height >= (sized ? 1 : 0) && options_.width >= (sized ? 1 : 0) && options_.multiple >= 1,
                      "SegmentationFolder", "crops and tiles need a height and a width, got ", options_.height, " x ",
                      options_.width, ", multiple ", options_.multiple);
    auto content = std::make_shared<Content>();
    KeepSample keep;
    if (options_.in_memory) keep = [&](StoredSample s) { content->stored.push_back(std::move(s)); };
    content->report = check_folder(images, masks, options_.files, options_.progress, keep);
    require_good(content->report, images);
    content_ = std::move(content);
    if (options_.fit == Fit::pad) find_padding();
    for (Index i = 0; i < static_cast<Index>(report().samples.size()); ++i) add_items(i);
  }

  Index size() const { return static_cast<Index>(items_.size()); }
  Index classes() const { return report().classes(); }
  Index channels() const { return report().channels; }
  const FolderReport& report() const { return content_->report; }  ///< What was found when the folder was read.

  /// The file an image is from, and the id that names it in batches.
  const SampleInfo& info(Index i) const { return report().samples[static_cast<std::size_t>(item(i).sample)]; }
  std::uint64_t id(Index i) const { return item(i).id; }

  /// Height and width of image i in a batch.
  std::pair<Index, Index> extent(Index i) const {
    if (options_.fit != Fit::whole) return {options_.height, options_.width};
    return {info(i).height, info(i).width};
  }

  /// The file's whole image and labels, whatever the fit. Throws FormatError or IoError when the file has changed.
  Sample sample(Index i) const { return load(item(i).sample); }

  /// Images as they are. All need one extent. Throws ShapeError otherwise, ValueError on a number that there is not.
  Batch rows(std::span<const Index> numbers) const { return batch(numbers, nullptr); }

  /// Images varied for this epoch: the fit's random crops, and the augmentation.
  Batch rows(std::span<const Index> numbers, Index epoch) const {
    const Key key = options_.key.fold(static_cast<std::uint64_t>(epoch));
    return batch(numbers, &key);
  }

  /// Images begin .. end - 1 as they are.
  Batch range(Index begin, Index end) const { return rows(numbers_from(begin, end)); }

  /// The images of these numbers alone, under numbers from 0 and their old ids.
  BasicSegmentationFolder only(std::span<const Index> numbers) const {
    BasicSegmentationFolder part = *this;
    part.items_.clear();
    for (const Index i : numbers) part.items_.push_back(item(i));
    return part;
  }

  /// The batches of an epoch in which all images have one size: shuffled, size by size; then the batches are
  /// shuffled. Throws ValueError unless size >= 1.
  std::vector<std::vector<Index>> batches(Key key, Index epoch, Index size) const {
    check<ValueError>(size >= 1, "SegmentationFolder", "batches of ", size, " images");
    const Key k = key.fold(static_cast<std::uint64_t>(epoch));
    std::map<std::pair<Index, Index>, std::vector<Index>> open;
    std::vector<std::vector<Index>> full;
    for (const Index i : permutation(k.fold(0), this->size())) {
      auto& group = open[extent(i)];
      group.push_back(i);
      if (static_cast<Index>(group.size()) < size) continue;
      full.push_back(std::move(group));
      group.clear();
    }
    for (auto& [extent, group] : open)
      if (!group.empty()) full.push_back(std::move(group));
    std::vector<std::vector<Index>> order;
    for (const Index i : permutation(k.fold(1), static_cast<Index>(full.size())))
      order.push_back(std::move(full[static_cast<std::size_t>(i)]));
    return order;
  }

 private:
  struct Content {
    FolderReport report;
    std::vector<StoredSample> stored;
  };
  /// An image of the set: a file, or a tile of it that begins at row, column.
  struct Item {
    Index sample = 0, row = 0, column = 0;
    std::uint64_t id = 0;
  };

  void require_good(const FolderReport& report, const io::Path& images) const {
    if (report.problems.empty() && (report.bad.empty() || options_.skip_bad)) return;
    std::string list;
    for (const BadFile& bad : report.bad) list += "\n  " + bad.file.string() + ": " + bad.reason;
    for (const std::string& problem : report.problems) list += "\n  " + problem;
    const std::string count =
        report.bad.empty() ? "" : message(", ", report.bad.size(), report.bad.size() == 1 ? " bad file" : " bad files");
    throw FormatError(message(images.string(), ": the data set cannot be used", count, ":", list));
  }

  void find_padding() {
    for (const SampleInfo& s : report().samples)
      check((options_.height == 0 || s.height <= options_.height) && (options_.width == 0 || s.width <= options_.width),
            "SegmentationFolder", "image '", s.name, "' of ", s.height, " x ", s.width,
            " pixels cannot be padded to height ", options_.height, " and width ", options_.width, " (0: as needed)");
    Index height = options_.height, width = options_.width;
    for (const SampleInfo& s : report().samples) {
      height = std::max(height, options_.height == 0 ? s.height : 0);
      width = std::max(width, options_.width == 0 ? s.width : 0);
    }
    const auto rounded = [&](Index n) { return (n + options_.multiple - 1) / options_.multiple * options_.multiple; };
    options_.height = rounded(height);
    options_.width = rounded(width);
  }

  void add_items(Index sample) {
    const SampleInfo& s = report().samples[static_cast<std::size_t>(sample)];
    if (options_.fit != Fit::tiles) {
      items_.push_back({sample, 0, 0, s.id});
      return;
    }
    std::uint64_t tile = 0;
    for (Index row = 0; row < s.height; row += options_.height)
      for (Index column = 0; column < s.width; column += options_.width)
        items_.push_back({sample, row, column, s.id << 20 | tile++});
  }

  const Item& item(Index i) const {
    check<ValueError>(i >= 0 && i < size(), "SegmentationFolder", "there is no image ", i, " in a set of ", size());
    return items_[static_cast<std::size_t>(i)];
  }

  Sample load(Index sample) const {
    const SampleInfo& s = report().samples[static_cast<std::size_t>(sample)];
    const FolderOptions& files = options_.files;
    if (options_.in_memory)
      return content_->stored[static_cast<std::size_t>(sample)].sample(channels(), files.range, s.image.string());
    Sample loaded{
        image_of(io::ImageFile(s.image, files.limits).page(s.page), channels(), files.range, s.image.string()),
        mask_labels(io::ImageFile(s.mask, files.limits).page(s.page), files.map, s.mask.string(), files.palette)};
    const Shape<4> image{1, s.height, s.width, channels()};
    check<FormatError>(loaded.image.shape() == image && loaded.labels.shape() == Shape<3>{1, s.height, s.width},
                       s.image.string().c_str(), "has changed: it was ", image, ", it is ", loaded.image.shape(),
                       " with labels ", loaded.labels.shape());
    return loaded;
  }

  /// The part of the file that is image i, drawn with the key of an epoch or without.
  Window window(Index i, const Key* epoch) const {
    const SampleInfo& s = info(i);
    const auto [height, width] = extent(i);
    const Key key = epoch ? epoch->fold(id(i)) : Key{};
    if (options_.fit == Fit::crop) {
      if (epoch) return drawn_crop(options_.augmentation, key, s.height, s.width, height, width);
      return {window_begin(s.height, height, nullptr, 0), window_begin(s.width, width, nullptr, 0), height, width};
    }
    const Window plain{item(i).row, item(i).column, height, width};
    return epoch ? drawn_window(options_.augmentation, key, plain, height == width) : plain;
  }

  Batch batch(std::span<const Index> numbers, const Key* epoch) const {
    Batch batch;
    const auto n = static_cast<Index>(numbers.size());
    const auto [height, width] = n > 0 ? extent(numbers[0]) : std::pair<Index, Index>{};
    for (const Index i : numbers) {
      check(extent(i) == extent(numbers[0]), "SegmentationFolder", "images of ", height, " x ", width, " and ",
            extent(i).first, " x ", extent(i).second, " cannot be one batch; use crops, tiles or padding, or the ",
            "batches of one size that batches() gives");
      batch.ids.push_back(id(i));
    }
    batch.kinds.assign(numbers.size(), 0);
    batch.images = Tensor<float, 4>({n, height, width, channels()});
    batch.labels = Labels({n, height, width});
    float* images = batch.images.mutable_data();
    std::int32_t* labels = batch.labels.mutable_data();
    const Index pixels = height * width, values = pixels * channels();
    std::vector<std::exception_ptr> errors(numbers.size());
    parallel_each(n, [&](Index k) {
      const auto place = static_cast<std::size_t>(k);
      try {
        const Index i = numbers[place];
        const Sample whole = load(item(i).sample);
        const Window part = window(i, epoch);
        copy_window(whole.image, part, images + k * values);
        copy_window(whole.labels, part, labels + k * pixels);
        if (epoch) change_gray(drawn_gray(options_.augmentation, epoch->fold(id(i))), images + k * values, values);
      } catch (...) {
        errors[place] = std::current_exception();
      }
    });
    for (const auto& error : errors)
      if (error) std::rethrow_exception(error);
    return batch;
  }

  Options options_;
  std::shared_ptr<const Content> content_;
  std::vector<Item> items_;
};

/// The folder. It is a template so that only programs that use it pay for compiling it.
using SegmentationFolder = BasicSegmentationFolder<>;

}  // namespace paser::data
#include "paser/core/macros_on.inc"
