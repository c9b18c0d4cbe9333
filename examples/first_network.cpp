/// The hello world: a small convolutional network that reads handwritten digits (MNIST). One pass over the 60,000
/// training images takes less than a minute and reads more than 97 % of the 10,000 test images right.
///
/// Exit status: 0 done; 1 something failed; 2 wrong options.

#include <CLI/CLI.hpp>
#include <iostream>

#include "paser/core/rows.hpp"
#include "paser/data/idx.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/linear.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/ops/max_pool2d.hpp"
#include "paser/ops/relu.hpp"
#include "paser/ops/reshape.hpp"
#include "paser/optim/adam.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"

namespace {

using namespace paser;

/// Two convolutions, each followed by ReLU and a 2x2 max pool, then one score for each digit.
/// (N, 28, 28, 1) -> (N, 10).
struct DigitNet {
  nn::Conv2d<float> conv1, conv2;
  nn::Linear<float> head;

  /// Every layer draws its initial weights from a key of its own.
  explicit DigitNet(Key key)
      : conv1(nn::Conv2dSpec::same(1, 16), key.fold(0)),
        conv2(nn::Conv2dSpec::same(16, 32), key.fold(1)),
        head(7 * 7 * 32, 10, key.fold(2)) {}

  /// The members, named once: the optimizer, checkpoints and counts all walk this list.
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("conv2", self.conv2);
    f("head", self.head);
  }

  /// The one forward definition: on Tensors it computes, on Vars it also records how to differentiate.
  template <class Context>
  auto operator()(Context& ctx, const Image<Context>& image) const {
    auto x = max_pool2d(relu(conv1(ctx, image)));  // N, 14, 14, 16
    x = max_pool2d(relu(conv2(ctx, x)));           // N, 7, 7, 32
    return head(ctx, reshape(x, Shape<2>{x.shape().n(), 7 * 7 * 32}));
  }
};

/// Pixels in [0,1] and the digit of each image.
struct DataSet {
  Tensor<float, 4> images;         // N, 28, 28, 1
  Tensor<std::int32_t, 1> digits;  // N
};

DataSet load(const std::string& folder, const std::string& part) {
  const data::Digits raw = data::read_mnist(folder, part);
  const Shape<3>& shape = raw.images.shape();
  Tensor<float, 4> images({shape[0], shape[1], shape[2], 1});
  std::transform(raw.images.data(), raw.images.data() + raw.images.numel(), images.mutable_data(),
                 [](std::uint8_t v) { return static_cast<float>(v) / 255; });
  return {images, raw.labels.cast<std::int32_t>()};
}

/// The share of images whose largest score is at the right digit.
double accuracy(const DigitNet& net, const DataSet& set) {
  Index right = 0;
  for_each_chunk(set.digits.numel(), 500, [&](Index begin, Index end) {
    const Tensor<float, 2> scores = infer(net, slice_rows(set.images, begin, end));
    for (Index i = 0; i < end - begin; ++i) {
      const float* row = scores.data() + 10 * i;
      right += std::max_element(row, row + 10) - row == set.digits(begin + i);
    }
  });
  return static_cast<double>(right) / static_cast<double>(set.digits.numel());
}

int train(const std::string& folder, int epochs, Index batch, double rate, std::uint64_t seed) {
  const DataSet data = load(folder, "train"), test = load(folder, "t10k");
  DigitNet net(Key{seed});
  optim::Adam<float> adam({.learning_rate = rate});
  std::cout << "training " << nn::count_parameters(net) << " parameters on " << data.digits.numel() << " images\n";

  for (int epoch = 0; epoch < epochs; ++epoch) {
    const auto number = static_cast<std::uint64_t>(epoch);
    const std::vector<Index> order = permutation(Key{seed}.fold(100 + number), data.digits.numel());
    report::Progress progress(message("epoch ", epoch + 1), data.digits.numel(), {.unit = "images"});
    for_each_chunk(data.digits.numel(), batch, [&](Index begin, Index end) {
      const std::span<const Index> chosen(order.data() + begin, static_cast<std::size_t>(end - begin));
      const Tensor<float, 4> images = gather_rows(data.images, chosen);
      const Tensor<std::int32_t, 1> digits = gather_rows(data.digits, chosen);
      // Forward and backward pass of one batch. The network is only read; step() is what changes it.
      const auto [loss, gradients] = value_and_gradients<float>(
          run::training, {}, [&](auto& ctx) { return cross_entropy(net(ctx, ctx.constant(images)), digits); });
      adam.step(net, gradients);
      progress.update(end, "loss " + report::fixed(static_cast<double>(loss), 3));
    });
    progress.finish("test accuracy " + report::fixed(100 * accuracy(net, test), 2) + " %");
  }
  std::cout << "test accuracy " << report::fixed(100 * accuracy(net, test), 2) << " %\n";
  return program::done;
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = PASER_DATA_DIR "/mnist";
  int epochs = 1;
  Index batch = 64;
  double rate = 2e-3;
  std::uint64_t seed = 1;
  CLI::App app("Trains a small convolutional network on MNIST digits.");
  app.add_option("--mnist", folder, "folder of the four IDX files, gzipped or plain")->capture_default_str();
  app.add_option("--epochs", epochs, "passes over the training images")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", batch, "images per step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rate", rate, "learning rate of Adam")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", seed, "of the initial weights and the order of the images")
      ->check(program::seed())
      ->capture_default_str();
  return program::run(app, argc, argv, [&](const std::string&) { return train(folder, epochs, batch, rate, seed); });
}
