#include "paser/paser.hpp"

int main() {
  using namespace paser;
  models::StaticUNet<1, 3, 8, 2> model(Key{1});
  optim::Adam<float> adam({.learning_rate = 1e-3});
  const auto images = Tensor<float, 4>::full({2, 32, 32, 1}, 0.5f);
  const auto labels = Labels::zeros({2, 32, 32});
  for (std::uint64_t step = 0; step < 3; ++step) {
    const auto loss = value_and_gradients<float>(run::training, Key{2}.fold(step), [&](auto& ctx) {
      return cross_entropy(model(ctx, ctx.constant(images)), labels);
    });
    adam.step(model, loss.gradients);
  }
}
