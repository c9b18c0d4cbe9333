#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/count_context.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/linear.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/adaptive_avg_pool2d.hpp"
#include "paser/ops/reshape.hpp"

namespace paser::models {

/// Residual block of two 3x3 convolutions with batch norm and a 1x1 projection as shortcut (He et al. 2016, "basic
/// block"). (N, H, W, in) -> (N, H, W, out). Convolutions start He normal (fan-out), as torchvision's ResNets.
template <class T>
struct BasicBlock {
  nn::Conv2d<T> conv1, conv2, shortcut;
  nn::BatchNorm<T> norm1, norm2, shortcut_norm;

  BasicBlock(Index in, Index out, Key key)
      : conv1(plain(in, out, 3), key.fold(1)),
        conv2(plain(out, out, 3), key.fold(2)),
        shortcut(plain(in, out, 1), key.fold(3)),
        norm1(out),
        norm2(out),
        shortcut_norm(out) {
    conv1.weight.value = nn::init::he_normal_fan_out<T>(key.fold(1), Shape<4>{3, 3, in, out}, 9 * out);
    conv2.weight.value = nn::init::he_normal_fan_out<T>(key.fold(2), Shape<4>{3, 3, out, out}, 9 * out);
    shortcut.weight.value = nn::init::he_normal_fan_out<T>(key.fold(3), Shape<4>{1, 1, in, out}, out);
  }

  /// A convolution without bias that keeps the image size.
  static nn::Conv2dSpec plain(Index in, Index out, Index kernel) {
    auto options = nn::Conv2dSpec::same(in, out, kernel);
    options.bias = false;
    return options;
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("norm1", self.norm1);
    f("conv2", self.conv2);
    f("norm2", self.norm2);
    f("shortcut", self.shortcut);
    f("shortcut_norm", self.shortcut_norm);
  }

  template <class Context>
  DeferredNorm<Image<Context>> operator()(Context& ctx, const DeferredNorm<Image<Context>>& x) const {
    const DeferredNorm<Image<Context>> beside = shortcut_norm(ctx, shortcut(ctx, x));
    const DeferredNorm<Image<Context>> y = relu(norm1(ctx, conv1(ctx, x)));
    return relu(add(norm2(ctx, conv2(ctx, y)), beside));
  }
};

/// PaSeR's policy: from the small network's belief to one categorical distribution a patch.
/// belief: (N, H, W, 2), channel 0 the class index as a number, channel 1 the entropy in nats -> logits (N, patches *
/// models), patch-major. 14,736 parameters for 16 patches and 3 models.
///
/// The head reads the mean of the features over `windows` of the image. The paper's is one window, the whole image: it
/// then knows what the image holds, but not where. With a window for each patch, one head for all patches reads from
/// each patch's own features what to do there.
template <class T = float>
struct PolicyNet {
  using Scalar = T;
  static constexpr Index inputs = 2, width = 64, features = 16;

  nn::Conv2d<T> conv1;
  nn::BatchNorm<T> norm1;
  BasicBlock<T> block;
  nn::Linear<T> head;
  std::array<Index, 2> windows;  ///< rows, columns

  /// Throws ShapeError when actions = patches * models is not positive, or not a multiple of the windows.
  PolicyNet(Index actions, Key key, const std::array<Index, 2>& head_windows = {1, 1})
      : conv1(BasicBlock<T>::plain(inputs, width, 3), key.fold(1)),
        norm1(width),
        block(width, features, key.fold(2)),
        head(features, choices(actions, head_windows), key.fold(3)),
        windows(head_windows) {
    conv1.weight.value = nn::init::he_normal_fan_out<T>(key.fold(1), Shape<4>{3, 3, inputs, width}, 9 * width);
  }

  /// Logits of one window.
  static Index choices(Index actions, const std::array<Index, 2>& in) {
    check(in[0] >= 1 && in[1] >= 1 && actions % (in[0] * in[1]) == 0, "PolicyNet", actions,
          " actions do not divide into ", in[0], " x ", in[1], " windows");
    return actions / (in[0] * in[1]);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("norm1", self.norm1);
    f("block", self.block);
    f("head", self.head);
  }

  template <class Context>
  typename Context::template Value<2> operator()(Context& ctx, const Image<Context>& belief) const;
};

template <class T>
template <class Context>
typename Context::template Value<2> PolicyNet<T>::operator()(Context& ctx, const Image<Context>& belief) const {
  const Shape<4>& shape = value_of(belief).shape();
  check(shape.c() == inputs, "PolicyNet", "expected (N,H,W,2) maps of labels and entropy, got ", shape);
  constexpr Pool2dOptions pool{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
  const DeferredNorm<Image<Context>> x = max_pool2d(relu(norm1(ctx, conv1(ctx, DeferredNorm(belief)))), pool);
  const Image<Context> means = adaptive_avg_pool2d(materialize(block(ctx, x)), windows);
  const Index count = windows[0] * windows[1];
  const auto logits = head(ctx, reshape(means, Shape<2>{shape.n() * count, features}));
  return reshape(logits, Shape<2>{shape.n(), count * head.bias.value.numel()});
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template Tensor<float, 2> PolicyNet<float>::operator()(EvalContext<float>&, const Tensor<float, 4>&) const;
extern template Var<float, 2> PolicyNet<float>::operator()(TapeContext<float>&, const Var<float, 4>&) const;
extern template Counted<2> PolicyNet<float>::operator()(CountContext<float>&, const Counted<4>&) const;
#endif

/// Parameters of a PolicyNet in closed form.
constexpr Index policy_parameters(Index actions, Index windows = 1) {
  constexpr Index in = PolicyNet<float>::inputs, wide = PolicyNet<float>::width, narrow = PolicyNet<float>::features;
  return 9 * in * wide + 2 * wide + 9 * wide * narrow + 9 * narrow * narrow + wide * narrow + 6 * narrow +
         (narrow + 1) * (actions / windows);
}
static_assert(policy_parameters(16 * 3) == 14'736, "PolicyNet: the paper's policy has 14736 parameters");

}  // namespace paser::models
#include "paser/core/macros_on.inc"
