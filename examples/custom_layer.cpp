/// How to add an operation of one's own: the parametric ReLU (He et al. 2015), y = x where x > 0 and slope * x
/// elsewhere, with one trained slope a channel. Four parts: the op on Tensors, the same op on Vars with its
/// hand-written backward, its count of operations, and a layer that owns the slopes. The program checks the gradients
/// against differences and then trains the layer.

#include <iostream>

#include "paser/autograd/count_context.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/ops/distillation.hpp"
#include "paser/optim/adam.hpp"
#include "printed.hpp"

namespace {

using namespace paser;

/// Parametric ReLU. x: (N, H, W, C); slope: (C) -> (N, H, W, C). Throws ShapeError when the channels differ.
template <class T>
Tensor<T, 4> prelu(const Tensor<T, 4>& x, const Tensor<T, 1>& slope) {
  check(slope.numel() == x.shape().c(), "prelu", "input ", x.shape(), " has ", x.shape().c(), " channels, slope has ",
        slope.numel());
  Tensor<T, 4> y(x.shape());
  const Index channels = x.shape().c();
  // Pointers are taken before the parallel loop: mutable_data() may copy, so it is called once, by one thread.
  parallel_for(x.numel() / channels, 1024,
               [channels, in = x.data(), a = slope.data(), out = y.mutable_data()](Index begin, Index end) {
                 for (Index i = begin * channels; i < end * channels; ++i)
                   out[i] = in[i] > T(0) ? in[i] : a[i % channels] * in[i];
               });
  return y;
}

/// The same value, recorded. What the lambda captures, x and slope, is what training keeps in memory.
///   dx = dy where x > 0, slope dy elsewhere;   dslope[c] = sum of x dy over the pixels where x <= 0.
template <class T>
Var<T, 4> prelu(const Var<T, 4>& x, const Var<T, 1>& slope) {
  return record(prelu(x.value(), slope.value()), {x, slope},
                [x = x.value(), slope = slope.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  const Index channels = x.shape().c();
                  if (grad.wants(0)) {
                    Tensor<T, 4> dx(x.shape());
                    T* const out = dx.mutable_data();
                    for (Index i = 0; i < x.numel(); ++i)
                      out[i] = x.data()[i] > T(0) ? dy.data()[i] : slope.data()[i % channels] * dy.data()[i];
                    grad.add(0, std::move(dx));
                  }
                  if (grad.wants(1)) {
                    // One loop in a fixed order, summed in double: the same bits for any number of threads.
                    std::vector<double> sum(static_cast<std::size_t>(channels), 0.0);
                    for (Index i = 0; i < x.numel(); ++i)
                      if (!(x.data()[i] > T(0)))
                        sum[static_cast<std::size_t>(i % channels)] += static_cast<double>(x.data()[i] * dy.data()[i]);
                    Tensor<T, 1> dslope({channels});
                    std::transform(sum.begin(), sum.end(), dslope.mutable_data(),
                                   [](double s) { return static_cast<T>(s); });
                    grad.add(1, std::move(dslope));
                  }
                });
}

/// The same op on shapes alone, so that models with it can be counted: like every activation it counts as free.
inline Counted<4> prelu(const Counted<4>& x, const Counted<1>&) {
  return x;
}

/// The layer: it owns the slopes and names them. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct PRelu {
  Parameter<T, 1> slope;  // C

  explicit PRelu(Index channels, double initial = 0.25)
      : slope{Tensor<T, 1>::full({channels}, static_cast<T>(initial))} {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("slope", self.slope);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return prelu(x, ctx(slope));
  }
};

/// A layer among others: convolution and PRelu.
template <class T>
struct Block {
  nn::Conv2d<T> conv;
  PRelu<T> act;

  Block(Index in, Index out, Key key) : conv(nn::Conv2dSpec::same(in, out), key), act(out) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.conv);
    f("act", self.act);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return act(ctx, conv(ctx, x));
  }
};

bool report_check(const std::string& what, const GradientCheck& result) {
  std::cout << what << ": " << (result.passed ? "gradients agree with differences" : "GRADIENTS ARE WRONG")
            << ", largest error " << result.worst << "\n";
  if (!result.passed) std::cout << "  " << result.where << "\n";
  return result.passed;
}

int check_and_train() {
  // Gradients are checked in double through the very same code.
  const auto x = normal<double>(Key{1}, Shape{2, 5, 4, 3});
  const auto slope = uniform<double>(Key{2}, Shape{3}, 0.1, 0.5);
  bool right = report_check("op", gradient_check([](const auto& in, const auto& a) { return prelu(in, a); }, x, slope));
  right &= report_check("layer", nn::gradient_check(Block<double>(3, 4, Key{3}), run::training, Key{4}, x));

  std::cout << "multiply-accumulates of the layer: "
            << count_operations<double>(Block<double>(3, 4, Key{3}), x.shape()).total() << "\n";

  // A block with unknown slopes is learned from its answers alone.
  Block<float> truth(1, 4, Key{5}), learner(1, 4, Key{6});
  truth.act.slope.value = Tensor<float, 1>::from({4}, {-0.5f, 0.0f, 0.3f, 0.8f});
  const auto image = normal<float>(Key{7}, Shape{8, 16, 16, 1});
  const auto target = infer(truth, image);
  learner.conv = truth.conv;
  optim::Adam<float> adam({.learning_rate = 0.05});
  float first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    const auto [loss, gradients] = value_and_gradients<float>(run::training, {}, [&](auto& ctx) {
      return mean_squared_error(learner(ctx, ctx.constant(image)), ctx.constant(target));
    });
    adam.step(learner, gradients);
    (step == 0 ? first : last) = loss;
  }
  std::cout << "loss " << first << " -> " << last << ", slopes learned:";
  for (const float a : learner.act.slope.value.values()) std::cout << ' ' << a;
  std::cout << " (true: -0.5 0 0.3 0.8)\n";
  right &= last < 1e-4f * first;
  return right ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return program::printed(check_and_train());
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
