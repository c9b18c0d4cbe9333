#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/core/text.hpp"
#include "paser/data/batch.hpp"
#include "paser/data/idx.hpp"
#include "paser/data/noise.hpp"
#include "paser/data/split.hpp"

/// The noisy MNIST of the PaSeR paper (its adaptivity experiment): digits to be told from the background, blurred in
/// one of three ways, so that it is known which of three networks, each trained on one blur, an image should go to.
namespace paser::data {

/// The kinds of blur; network k of the experiment is trained on kind k.
enum class Noise : int {
  gaussian1,  ///< Gaussian of radius 1
  gaussian2,  ///< Gaussian of radius 2
  box         ///< "box blur with a fixed convolutional filter"
};
/// In the order of f1, f2, f3, each of which learns one.
inline constexpr std::array all_noises{Noise::gaussian1, Noise::gaussian2, Noise::box};

/// The name in settings and results.
inline const char* name(Noise noise) {
  constexpr std::array names{"gaussian1", "gaussian2", "box"};
  return names[static_cast<std::size_t>(noise)];
}

/// The paper's "box blur with a fixed convolutional filter" can be read in several ways.
enum class BoxFilter {
  kernel,   ///< PIL.ImageFilter.BLUR, a fixed 5 x 5 filter
  radius1,  ///< PIL.ImageFilter.BoxBlur(1)
  radius2   ///< PIL.ImageFilter.BoxBlur(2)
};

/// "kernel", "box1" or "box2". Throws ValueError on another name.
inline BoxFilter box_from_name(const std::string& filter) {
  const std::vector<std::string> names{"kernel", "box1", "box2"};
  const auto found = std::find(names.begin(), names.end(), filter);
  if (found == names.end()) throw ValueError(unknown_name("box filter", filter, names));
  return static_cast<BoxFilter>(found - names.begin());
}

/// What the paper leaves open, each with its default, and the sizes of the sets.
struct NoisyMnistOptions {
  std::uint64_t seed = 1;  ///< which digit goes where
  /// A pixel is foreground (class 1) when its gray value before the blur is at least this, else background (class 0).
  int foreground = 128;
  BoxFilter box = BoxFilter::kernel;
  /// Zeros on each side: 28 x 28 -> 32 x 32, the smallest size that a network of four levels takes.
  Index padding = 2;

  std::array<Index, 3> pretrain{5555, 5555, 5555};  ///< images of each pretraining set
  Index policy = 16667;
  Index fine_tune = 16667;
  Index validation = 10000;
  Index test = 10000;
  /// All training sets are dealt from the same digits, as many as the largest of them asks for. Otherwise no digit
  /// occurs in two sets. Validation and test images are in no training set either way.
  bool shared = false;
};

/// Blurs 8-bit images (N, H, W) as the experiment does.
inline Tensor<std::uint8_t, 3> blur(const Tensor<std::uint8_t, 3>& images, Noise noise,
                                    BoxFilter box = BoxFilter::kernel) {
  switch (noise) {
    case Noise::gaussian1:
      return gaussian_blur(images, 1);
    case Noise::gaussian2:
      return gaussian_blur(images, 2);
    case Noise::box:
      break;
  }
  return box == BoxFilter::kernel ? ring_blur(images) : box_blur(images, box == BoxFilter::radius1 ? 1 : 2);
}

/// A set of blurred digits, made when a batch is asked for. A source of batches: images (N, 32, 32, 1), labels (N, 32,
/// 32) with 0 background and 1 digit, ids the digits' numbers in MNIST (test images from 60000), kinds the blurs.
class NoisyDigits {
 public:
  /// Digit `order[i]` of `digits` is blurred as kinds[i]; its id is that number plus first_id.
  NoisyDigits(Tensor<std::uint8_t, 3> digits, Index first_id, std::vector<Index> order, std::vector<Noise> kinds,
              const NoisyMnistOptions& options)
      : digits_(std::move(digits)),
        first_id_(first_id),
        order_(std::move(order)),
        kinds_(std::move(kinds)),
        options_(options) {
    check<ValueError>(order_.size() == kinds_.size(), "NoisyDigits", order_.size(), " digits, ", kinds_.size(),
                      " kinds");
    for (const Index d : order_)
      check<ValueError>(d >= 0 && d < digits_.shape()[0], "NoisyDigits", "there is no digit ", d, " in ",
                        digits_.shape());
  }

  Index size() const { return static_cast<Index>(order_.size()); }
  Noise noise(Index i) const { return kinds_.at(static_cast<std::size_t>(i)); }  ///< The noise of digit i.
  std::uint64_t id(Index i) const {
    return static_cast<std::uint64_t>(first_id_ + order_.at(static_cast<std::size_t>(i)));
  }

  /// The images of these numbers, 0 .. size() - 1, in this order. Throws ValueError on another number.
  Batch rows(std::span<const Index> numbers) const {
    const auto n = static_cast<Index>(numbers.size());
    Batch batch;
    for (const Index i : numbers) {
      check<ValueError>(i >= 0 && i < size(), "NoisyDigits", "there is no image ", i, " in a set of ", size());
      batch.ids.push_back(id(i));
      batch.kinds.push_back(static_cast<Index>(noise(i)));
    }
    const Index height = digits_.shape()[1] + 2 * options_.padding, width = digits_.shape()[2] + 2 * options_.padding;
    batch.labels = Labels({n, height, width});
    batch.images = Tensor<float, 4>({n, height, width, 1});
    std::int32_t* labels = batch.labels.mutable_data();
    float* images = batch.images.mutable_data();
    parallel_each(n, [&](Index i) {
      const auto number = static_cast<std::size_t>(numbers[static_cast<std::size_t>(i)]);
      const Tensor<std::uint8_t, 3> clean = padded(order_[number]);
      const Index pixels = clean.numel();
      std::transform(clean.data(), clean.data() + pixels, labels + i * pixels,
                     [this](std::uint8_t gray) { return gray >= options_.foreground ? 1 : 0; });
      const Tensor<std::uint8_t, 3> blurred = blur(clean, kinds_[number], options_.box);
      std::transform(blurred.data(), blurred.data() + pixels, images + i * pixels,
                     [](std::uint8_t gray) { return static_cast<float>(gray) / 255.0f; });
    });
    return batch;
  }

  /// The images of one kind alone, under their own numbers from 0.
  NoisyDigits only(Noise kind) const {
    NoisyDigits part = *this;
    part.order_.clear();
    for (std::size_t i = 0; i < order_.size(); ++i)
      if (kinds_[i] == kind) part.order_.push_back(order_[i]);
    part.kinds_.assign(part.order_.size(), kind);
    return part;
  }

  /// These images, and behind them those of another set of the same digits.
  NoisyDigits with(const NoisyDigits& more) const {
    NoisyDigits both = *this;
    both.order_.insert(both.order_.end(), more.order_.begin(), more.order_.end());
    both.kinds_.insert(both.kinds_.end(), more.kinds_.begin(), more.kinds_.end());
    return both;
  }

  /// Whether there are pixels of both classes, without which nothing can be learned.
  bool has_both_classes() const {
    const Index pixels = digits_.shape()[1] * digits_.shape()[2];
    bool background = options_.padding > 0 && options_.foreground > 0, foreground = false;
    for (std::size_t i = 0; i < order_.size() && !(background && foreground); ++i) {
      const std::uint8_t* const gray = digits_.data() + order_[i] * pixels;
      const auto shown = [this](std::uint8_t value) { return value >= options_.foreground; };
      foreground = foreground || std::any_of(gray, gray + pixels, shown);
      background = background || !std::all_of(gray, gray + pixels, shown);
    }
    return background && foreground;
  }

  /// Images begin .. end - 1.
  Batch range(Index begin, Index end) const { return rows(numbers_from(begin, end)); }

 private:
  /// (1, H + 2 padding, W + 2 padding)
  Tensor<std::uint8_t, 3> padded(Index digit) const {
    const Index h = digits_.shape()[1], w = digits_.shape()[2], pad = options_.padding;
    auto result = Tensor<std::uint8_t, 3>::zeros({1, h + 2 * pad, w + 2 * pad});
    std::uint8_t* out = result.mutable_data();
    for (Index y = 0; y < h; ++y)
      std::copy_n(digits_.data() + (digit * h + y) * w, w, out + result.offset(0, y + pad, pad));
    return result;
  }

  Tensor<std::uint8_t, 3> digits_;
  Index first_id_;
  std::vector<Index> order_;
  std::vector<Noise> kinds_;
  NoisyMnistOptions options_;
};

/// The sets of the experiment, dealt from MNIST at random by the seed: `test` from its test images, the others from its
/// training images. All but the pretraining sets hold the three kinds in equal parts, up to one image.
class NoisyMnist {
 public:
  /// Throws ValueError when there are fewer images than asked for, an option is out of range, or a training set has
  /// pixels of one class alone.
  NoisyMnist(const Digits& train, const Digits& test, const NoisyMnistOptions& options = {}) {
    const Index trained = train.images.shape()[0], tested = test.images.shape()[0];
    const Index asked = check_options(options);
    check<ValueError>(asked <= trained, "NoisyMnist", asked, " images asked for, there are ", trained,
                      " training images");
    check<ValueError>(options.test <= tested, "NoisyMnist", options.test, " test images asked for, there are ", tested);

    const Key key = Key{options.seed}.fold(0xDA7A);
    const std::vector<Index> order = permutation(key.fold(0), trained), test_order = permutation(key.fold(1), tested);
    Index next = 0;
    const auto take = [&](Index count) {
      const Index begin = options.shared ? 0 : next;
      next += count;
      return std::vector<Index>(order.begin() + begin, order.begin() + begin + count);
    };
    const auto mixed = [&](const Digits& from, Index first_id, std::vector<Index> chosen) {
      std::vector<Noise> noises;
      for (std::size_t i = 0; i < chosen.size(); ++i) noises.push_back(all_noises[i % all_noises.size()]);
      return NoisyDigits(from.images, first_id, std::move(chosen), std::move(noises), options);
    };
    for (std::size_t k = 0; k < all_noises.size(); ++k) {
      const Index count = options.pretrain[k];
      pretrain_.emplace_back(train.images, 0, take(count),
                             std::vector<Noise>(static_cast<std::size_t>(count), all_noises[k]), options);
    }
    for (const Index count : {options.policy, options.fine_tune}) mixed_.push_back(mixed(train, 0, take(count)));
    const auto both = [&](const NoisyDigits& set) {
      check<ValueError>(set.size() == 0 || set.has_both_classes(), "NoisyMnist", "all pixels of a training set of ",
                        set.size(), " images are of one class, with a foreground of the gray values from ",
                        options.foreground, ": nothing can be learned from them");
    };
    std::ranges::for_each(pretrain_, both);
    std::ranges::for_each(mixed_, both);
    mixed_.push_back(mixed(train, 0, {order.begin() + (asked - options.validation), order.begin() + asked}));
    mixed_.push_back(mixed(test, trained, {test_order.begin(), test_order.begin() + options.test}));
  }

  /// Reads the IDX files of MNIST in a folder; throws as read_mnist, too.
  explicit NoisyMnist(const io::Path& folder, const NoisyMnistOptions& options = {})
      : NoisyMnist(read_mnist(folder, "train"), read_mnist(folder, "t10k"), options) {}

  /// For network k = 0, 1, 2: blurred as kind k alone.
  const NoisyDigits& pretrain(std::size_t k) const { return pretrain_.at(k); }
  const NoisyDigits& policy() const { return mixed_[0]; }     ///< The digits that the policy is trained on.
  const NoisyDigits& fine_tune() const { return mixed_[1]; }  ///< The digits of fine-tuning.
  /// All of these together, which is what the three networks and the policy have learned from.
  NoisyDigits training() const {
    return pretrain(0).with(pretrain(1)).with(pretrain(2)).with(policy()).with(fine_tune());
  }
  const NoisyDigits& validation() const { return mixed_[2]; }
  const NoisyDigits& test() const { return mixed_[3]; }  ///< The digits that nothing else reads.

  /// The validation images of kind k alone: what network k should be judged by while it is pretrained.
  NoisyDigits validation(std::size_t k) const { return validation().only(all_noises.at(k)); }

 private:
  /// Checks the options and returns the number of training images that they ask for.
  static Index check_options(const NoisyMnistOptions& o) {
    check<ValueError>(o.padding >= 0 && o.foreground >= 0 && o.foreground <= 256, "NoisyMnist", "padding ", o.padding,
                      " must be at least 0 and foreground ", o.foreground, " in 0 .. 256");
    Index trained_on = 0;
    for (const Index size : {o.pretrain[0], o.pretrain[1], o.pretrain[2], o.policy, o.fine_tune}) {
      check<ValueError>(size >= 0, "NoisyMnist", "a set of ", size, " images");
      trained_on = o.shared ? std::max(trained_on, size) : trained_on + size;
    }
    for (const Index size : {o.validation, o.test})
      check<ValueError>(size >= 0, "NoisyMnist", "a set of ", size, " images");
    return trained_on + o.validation;
  }

  std::vector<NoisyDigits> pretrain_, mixed_;
};

}  // namespace paser::data
#include "paser/core/macros_on.inc"
