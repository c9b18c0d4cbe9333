#include <cmath>

#include "paser/ops/cross_entropy.hpp"
#include "paser/ops/upsample_bilinear.hpp"
#include "paser/optim/sgd.hpp"
#include "zoo.hpp"

namespace fixtures {

using paser::Index;
using paser::Mode;
using paser::Tensor;
using paser::Var;
using paser::io::RawTensor;

namespace {

/// Batch statistics without dropout: what the fixtures call training.
constexpr Mode zoo_training{.dropout = false, .batch_statistics = true};

/// A checkpoint's network in T, held against its reference.
template <class T>
class TinyZoo {
 public:
  TinyZoo(ZooReference& reference, const paser::io::Safetensors& checkpoint)
      : reference_(reference), network_(make_zoo_network<T>(reference, keys_of(checkpoint))) {
    paser::io::load_published(network_.model, checkpoint.tensors, network_.names, checkpoint.origin);
  }

  Index parameters() const { return paser::nn::count_parameters(network_.model); }

  void check_evaluation() {
    expect_run("eval", run(paser::run::inference), 1e-4);
    expect_image("eval.logits", infer(network_.model, image_), "eval.logits", 1);
    const nlohmann::json all_further = reference_.json("further");
    for (const auto& [name, further] : all_further.items())
      expect_image(name + ".logits", infer(network_.model, reference_.image<T>("input" + name.substr(4))),
                   "eval.logits", further.at("step").template get<Index>());
  }

  void check_training_run() {
    const Run trained = run(zoo_training);
    expect_run("train", trained, 2e-2);
    paser::nn::walk(network_.model, [&](const std::string& path, const auto& member) {
      if constexpr (!paser::nn::detail::is_parameter<std::remove_cvref_t<decltype(member)>>) {
        if (const auto* next = trained.gradients.next(member))
          reference_.expect("train.stat." + network_.names.published(path).name, from_tensor(*next),
                            tolerance("train.logits"));
      }
    });
  }

  /// Plain steps of SGD on the one batch.
  void check_training() {
    const Index steps = reference_.json("steps").get<Index>();
    paser::optim::Sgd<T> sgd({.learning_rate = reference_.json("lr").get<double>()});
    Stored losses{{steps + 1}, {}};
    for (Index i = 0; i < steps; ++i) {
      const Run before = run(zoo_training);
      losses.values.push_back(before.loss);
      sgd.step(network_.model, before.gradients);
    }
    const Run after = run(zoo_training);
    losses.values.push_back(after.loss);
    // Steps carry a kink's difference along, in double too where float32 loses much.
    const double after_steps = std::max(tolerance("train.sgd.losses"), 1e-3 * reference_.tolerance("train.sgd.losses"));
    reference_.expect("train.sgd.losses", losses, after_steps);
    Stored first = axis_from_last(from_tensor(after.logits), 1);
    first.values.resize(first.values.size() / static_cast<std::size_t>(first.axis(0)));
    reference_.expect("train.sgd.logits", first, after_steps);
  }

 private:
  /// One recorded run: its answer, the loss of that and the derivatives.
  struct Run {
    Tensor<T, 4> logits;
    double loss;
    Tensor<T, 4> grad_input;
    paser::Gradients<T> gradients;
  };

  static std::vector<std::string> keys_of(const paser::io::Safetensors& checkpoint) {
    std::vector<std::string> keys;
    for (const auto& [key, tensor] : checkpoint.tensors) keys.push_back(key);
    return keys;
  }

  /// In double what is left is the rounding of the stored numbers.
  double tolerance(const std::string& error) const { return sizeof(T) == 4 ? reference_.tolerance(error) : 1e-6; }

  void expect_image(const std::string& key, const Tensor<T, 4>& got, const std::string& error, Index step) {
    reference_.expect_image(key, from_tensor(got), tolerance(error), step);
  }

  Run run(Mode mode) const {
    paser::TapeContext<T> ctx(mode);
    const auto x = ctx.tape().variable(image_);
    const auto logits = network_.model(ctx, x);
    const Var<T, 1> loss = mean_loss(logits);
    auto gradients = ctx.backward(loss, Tensor<T, 1>::full({1}, 1));
    return {logits.value(), static_cast<double>(loss.value().data()[0]), ctx.tape().gradient(x), std::move(gradients)};
  }

  /// Mean cross entropy over the pixels that are not 255, of logits that are first resized to the labels' size.
  Var<T, 1> mean_loss(const Var<T, 4>& logits) const {
    const auto& size = labels_.shape();
    const bool same = logits.shape().h() == size[1] && logits.shape().w() == size[2];
    return cross_entropy(same ? logits : upsample_bilinear(logits, {.size = {size[1], size[2]}}), labels_,
                         {.ignore_index = 255});
  }

  /// Compares a run with the keys <mode>.*. Float32 rounding may move a value across a kink, and the gradients of all
  /// before it: there they are compared as a whole, under l2 or what PyTorch's own float32 run says, in double one by
  /// one.
  void expect_run(const std::string& mode, const Run& got, double l2) {
    expect_image(mode + ".logits", got.logits, mode + ".logits", 1);
    reference_.expect(mode + ".loss", {{1}, {got.loss}}, tolerance(mode + ".loss"));
    const std::string prefix = mode + ".grad.";
    std::map<std::string, Stored> gradients{{prefix + "input", axis_from_last(from_tensor(got.grad_input), 1)}};
    paser::io::StateDict ours;
    paser::nn::walk_parameters(network_.model, [&](const std::string& path, const auto& p) {
      ours.emplace(path, RawTensor::of(got.gradients.of(p)));
    });
    for (const auto& [name, raw] : to_published(ours, paser::io::weight_kinds(network_.model), network_.names))
      gradients.emplace(prefix + name, doubles_of(raw));
    if constexpr (sizeof(T) == 4)
      reference_.expect_together(prefix, gradients, std::max(l2, reference_.tolerance(mode + ".grad")));
    else
      expect_each(prefix, gradients);
  }

  void expect_each(const std::string& prefix, const std::map<std::string, Stored>& gradients) {
    double largest = 0;
    for (const std::string& name : reference_.keys(prefix))
      if (name != "input")
        for (const double v : reference_.stored(prefix + name).values) largest = std::max(largest, std::abs(v));
    for (const auto& [key, gradient] : gradients)
      reference_.expect(key, gradient, 1e-6, key == prefix + "input" ? 0 : 0.01 * largest);
  }

  ZooReference& reference_;
  ZooNetwork<T> network_;
  Tensor<T, 4> image_ = reference_.image<T>("input");
  paser::Labels labels_ = to_tensor<std::int32_t, 3>(reference_.stored("labels"));
};

/// Of trainings only the double one can be foretold: each step of float32 carries the kinks of the last ones along.
template <class T>
void check_in(ZooReference& reference, const paser::io::Safetensors& checkpoint) {
  TinyZoo<T> network(reference, checkpoint);
  reference.expect_that(
      network.parameters() == reference.json("params").get<Index>(), "params",
      paser::message("the network has ", network.parameters(), " parameters, expected ", reference.text("params")));
  network.check_evaluation();
  if (reference.has("train.logits")) network.check_training_run();
  if (sizeof(T) == 8 && reference.has("train.sgd.losses")) network.check_training();
}

}  // namespace

void check_zoo_tiny(ZooReference& reference, const std::filesystem::path& weights) {
  const auto checkpoint = paser::io::read_safetensors(weights);
  check_in<double>(reference, checkpoint);
  check_in<float>(reference, checkpoint);
}

}  // namespace fixtures
