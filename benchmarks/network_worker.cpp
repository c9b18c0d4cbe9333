/// paser's side of scripts/bench_peers, whole networks. Answers one request a line, `error SENTENCE` when it fails:
///   load NAME NETWORK KIND FOLDER  reads FOLDER/NETWORK.safetensors (a torch state dict) and FOLDER/NAME.safetensors
///   check NAME FILE                writes what the comparison compares, float32 in NCHW order -> ok
///   run NAME                       runs the workload once -> milliseconds
///   drop NAME                      frees its memory -> ok
/// NETWORK is a UNet, the policy network or one of models/zoo/, see scripts/peers/networks.py. KIND is `inference`,
/// `mc_dropout`, `policy` or `training`. The only argument of the program: how many threads.

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>

#include "count_argument.hpp"
#include "paser/io/published_weights.hpp"
#include "paser/io/safetensors.hpp"
#include "paser/io/state.hpp"
#include "paser/io/torch_names.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"
#include "paser/models/zoo/deeplabv3plus.hpp"
#include "paser/models/zoo/efficientvit.hpp"
#include "paser/models/zoo/segformer.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "paser/rl/categorical.hpp"
#include "paser/uncertainty/mc_dropout.hpp"

namespace {

using namespace paser;

struct Workload {
  std::function<void()> run;
  std::function<std::vector<float>()> check;
};

std::vector<float> values(const Tensor<float, 4>& nhwc) {
  const Tensor<float, 4> x = io::nchw_from_nhwc(nhwc);
  return {x.data(), x.data() + x.numel()};
}

models::AnySegmenter<float> segmenter(const std::string& name, const io::StateDict& weights, double dropout) {
  const auto loaded = [&](auto network) {
    io::load_torch_state_dict(network, weights, io::unet_names(static_cast<int>(network.spec().depth)), name);
    return models::AnySegmenter<float>(std::move(network));
  };
  if (name == "small") return loaded(models::StaticUNet<1, 3, 8, 2>(Key{1}, dropout));
  if (name == "medium") return loaded(models::StaticUNet<1, 3, 16, 4>(Key{1}, dropout));
  if (name == "large") return loaded(models::StaticUNet<1, 3, 64, 4>(Key{1}, dropout));
  constexpr Index in = 3, classes = 19;
  const auto published = [&](auto network) {
    io::load_published(network, weights, {}, name);
    return models::AnySegmenter<float>(std::move(network));
  };
  if (name == "segformer_b0" || name == "segformer_b5") {
    auto spec = models::SegFormerSpec::of_size(name == "segformer_b0" ? "B0" : "B5", in, classes);
    if (dropout == 0) spec.dropout = spec.drop_path = 0;
    return published(models::SegFormer<float>(spec, Key{1}));
  }
  if (name == "deeplab") {
    models::DeepLabV3PlusSpec spec{.in = in, .classes = classes};
    if (dropout == 0) spec.dropout = 0;
    return published(models::DeepLabV3Plus<float>(spec, Key{1}));
  }
  if (name == "efficientvit")
    return published(models::EfficientViT<float>(models::EfficientViTSpec::of_size("B1", in, classes), Key{1}));
  throw ValueError("there is no network '" + name + "'");
}

Workload inference(const models::AnySegmenter<float>& loaded, const Tensor<float, 4>& image) {
  auto model = std::make_shared<models::AnySegmenter<float>>(loaded);
  auto filters = std::make_shared<FilterCache<float>>();
  return {[=] { infer(*model, image, filters.get()); }, [=] { return values(infer(*model, image, filters.get())); }};
}

/// The check uses the masks of the file, so that all programs drop the same elements; a timed run draws its own.
Workload mc_dropout(const models::AnySegmenter<float>& loaded, const Tensor<float, 4>& image,
                    const io::StateDict& inputs) {
  auto model = std::make_shared<models::AnySegmenter<float>>(loaded);
  uncertainty::McDropoutOptions<float> given;
  for (Index pass = 0; pass < given.samples; ++pass)
    given.masks.push_back([=](int call, const Shape<4>& shape) {
      const auto kept = io::nhwc_from_nchw(inputs.at(std::string("mask").append(std::to_string(call))).as<float, 4>());
      Tensor<float, 4> mask(shape);
      float* const out = mask.mutable_data();
      for (Index i = 0; i < mask.numel(); ++i) out[i] = kept.data()[pass * mask.numel() + i] > 0 ? 1.0F : 0.0F;
      return mask;
    });
  return {[=, image_id = std::uint64_t{0}]() mutable {
            uncertainty::mc_dropout(*model, image, Key{4}, {.image_ids = {image_id++}});
          },
          [=] {
            const auto prediction = uncertainty::mc_dropout(*model, image, Key{4}, given);
            std::vector<float> result = values(prediction.probabilities);
            result.insert(result.end(), prediction.entropy.data(),
                          prediction.entropy.data() + prediction.entropy.numel());
            return result;
          }};
}

Workload policy(const io::StateDict& weights, const Tensor<float, 4>& maps) {
  constexpr Index patches = 16, choices = 3;
  auto net = std::make_shared<models::PolicyNet<float>>(patches * choices, Key{1});
  io::load_torch_state_dict(*net, weights, io::policy_names(), "policy");
  return {[=] { rl::Categorical<float>(infer(*net, maps), patches).argmax(); },
          [=] {
            const auto logits = infer(*net, maps);
            return std::vector<float>(logits.data(), logits.data() + logits.numel());
          }};
}

/// One step of Adam on the cross entropy. The check: the losses of the first steps of a network without dropout.
Workload training(const std::string& network, const io::StateDict& weights, const Tensor<float, 4>& image,
                  const Labels& labels) {
  struct Trainer {
    models::AnySegmenter<float> model;
    optim::Adam<float> adam{{.learning_rate = 1e-4}};
    std::uint64_t steps = 0;
  };
  const auto step = [=](Trainer& trainer) {
    const auto result = value_and_gradients<float>(run::training, Key{4}.fold(trainer.steps++), [&](auto& ctx) {
      return cross_entropy(trainer.model(ctx, ctx.constant(image)), labels);
    });
    trainer.adam.step(trainer.model, result.gradients);
    return result.value;
  };
  auto trainer = std::make_shared<Trainer>(Trainer{segmenter(network, weights, 0.5)});
  return {[=] { step(*trainer); },
          [=] {
            Trainer plain{segmenter(network, weights, 0.0)};
            std::vector<float> losses;
            for (int i = 0; i < 3; ++i) losses.push_back(static_cast<float>(step(plain)));
            return losses;
          }};
}

Workload load(const std::string& name, const std::string& network, const std::string& kind, const io::Path& folder) {
  const io::StateDict weights = io::read_safetensors(folder / (network + ".safetensors")).tensors;
  const io::StateDict inputs = io::read_safetensors(folder / (name + ".safetensors")).tensors;
  const Tensor<float, 4> image = io::nhwc_from_nchw(inputs.at("image").as<float, 4>());
  if (kind == "inference") return inference(segmenter(network, weights, 0.5), image);
  if (kind == "mc_dropout") return mc_dropout(segmenter(network, weights, 0.5), image, inputs);
  if (kind == "policy") return policy(weights, image);
  if (kind == "training") return training(network, weights, image, inputs.at("labels").as<std::int32_t, 3>());
  throw ValueError("there is no kind of workload '" + kind + "'");
}

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void answer(std::istream& request, std::map<std::string, Workload>& workloads) {
  std::string what, name, network, kind, path;
  request >> what >> name;
  if (what == "load") {
    request >> network >> kind >> path;
    workloads[name] = load(name, network, kind, path);
  } else if (what == "check") {
    request >> path;
    const std::vector<float> result = workloads.at(name).check();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(result.data()), static_cast<std::streamsize>(4 * result.size()));
  } else if (what == "run") {
    std::cout << milliseconds(workloads.at(name).run) << std::endl;
    return;
  } else if (what == "drop") {
    workloads.erase(name);
  } else {
    throw ValueError("there is no request '" + what + "'");
  }
  std::cout << "ok" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) set_threads(benchmark_program::count_argument(argc, argv, 1, 1, "threads"));
  std::map<std::string, Workload> workloads;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream request(line);
    try {
      answer(request, workloads);
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
}
