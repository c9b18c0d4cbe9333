/// Runs the networks of scripts/bench_in_turn, with random weights, as its lines ask: `WORKLOAD RUNS` is answered by so
/// many times in milliseconds. The only argument of the program: how many threads; 0 leaves that to paser.

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>

#include "count_argument.hpp"
#include "paser/core/error.hpp"
#include "paser/core/isa.hpp"
#include "paser/kernels/filter_cache.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"
#include "paser/models/zoo/deeplabv3plus.hpp"
#include "paser/models/zoo/efficientvit.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "paser/uncertainty/mc_dropout.hpp"

namespace {

using namespace paser;

template <class Model, class... Spec>
std::function<void()> inference(const Shape<4>& shape, const Spec&... spec) {
  auto model = std::make_shared<Model>(spec..., Key{1});
  auto filters = std::make_shared<FilterCache<float>>();
  return [=, x = uniform<float>(Key{2}, shape)] { infer(*model, x, filters.get()); };
}

template <class Model>
std::function<void()> mc_dropout(const Shape<4>& shape) {
  auto model = std::make_shared<Model>(Key{1});
  return [=, x = uniform<float>(Key{2}, shape)] { uncertainty::mc_dropout(*model, x, Key{3}); };
}

template <class Model, class... Spec>
std::function<void()> training(const Shape<4>& shape, Index stride, const Spec&... spec) {
  auto model = std::make_shared<Model>(spec..., Key{1});
  auto adam = std::make_shared<optim::Adam<float>>(optim::AdamOptions{.learning_rate = 1e-4});
  const auto x = uniform<float>(Key{2}, shape);
  const auto labels = Labels::zeros({shape.n(), shape.h() / stride, shape.w() / stride});
  return [=, step = std::uint64_t{0}]() mutable {
    const auto result = value_and_gradients<float>(run::training, Key{4}.fold(step++), [&](auto& ctx) {
      return cross_entropy((*model)(ctx, ctx.constant(x)), labels);
    });
    adam->step(*model, result.gradients);
  };
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc > 1) set_threads(benchmark_program::count_argument(argc, argv, 1, 1, "threads"));
  using Small = models::StaticUNet<1, 3, 8, 2>;
  using Medium = models::StaticUNet<1, 3, 16, 4>;
  using Large = models::StaticUNet<1, 3, 64, 4>;
  std::map<std::string, std::function<void()>> workloads;
  workloads["W1"] = inference<Small>({1, 224, 256, 1});
  workloads["W1mc"] = mc_dropout<Small>({1, 224, 256, 1});
  workloads["W2"] = inference<Medium>({16, 56, 64, 1});
  workloads["W3"] = inference<Large>({16, 56, 64, 1});
  workloads["W4"] = [policy = std::make_shared<models::PolicyNet<float>>(16 * 3, Key{1}),
                     x = uniform<float>(Key{2}, Shape{1, 224, 256, 2})] { infer(*policy, x); };
  workloads["W5s"] = training<Small>({4, 224, 256, 1}, 1);
  workloads["W5m"] = training<Medium>({16, 56, 64, 1}, 1);
  workloads["W6s"] = inference<Small>({128, 32, 32, 1});
  workloads["W6m"] = inference<Medium>({128, 32, 32, 1});
  workloads["W6st"] = training<Small>({128, 32, 32, 1}, 1);
  workloads["W6mt"] = training<Medium>({32, 32, 32, 1}, 1);
  const auto zoo = [&]<class Model>(const std::string& name, Index stride, const auto& spec) {
    workloads[name] = [=, run = std::function<void()>()]() mutable {  // made when it is asked for
      if (!run) run = inference<Model>({1, 512, 512, 3}, spec);
      run();
    };
    workloads[name + "t"] = [=, run = std::function<void()>()]() mutable {
      if (!run) run = training<Model>({2, 256, 256, 3}, stride, spec);
      run();
    };
  };
  zoo.operator()<models::SegFormer<float>>("Z1", 4, models::SegFormerSpec::of_size("B0", 3, 19));
  zoo.operator()<models::SegFormer<float>>("Z2", 4, models::SegFormerSpec::of_size("B5", 3, 19));
  zoo.operator()<models::DeepLabV3Plus<float>>("Z3", 1, models::DeepLabV3PlusSpec{.in = 3, .classes = 19});
  zoo.operator()<models::EfficientViT<float>>("Z4", 8, models::EfficientViTSpec::of_size("B1", 3, 19));
  std::cerr << isa() << ", " << threads() << " threads\n";
  std::string name;
  for (int runs = 0; std::cin >> name >> runs;) {
    const auto found = workloads.find(name);
    check<ValueError>(found != workloads.end(), "networks_in_turn", "there is no workload '", name, "'");
    for (int i = 0; i < runs; ++i) {
      const auto start = std::chrono::steady_clock::now();
      found->second();
      std::cout << std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() << ' ';
    }
    std::cout << std::endl;
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
