#include "paser/io/torch_names.hpp"

#include <catch2/catch.hpp>

#include "paser/io/safetensors.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"

using namespace paser;

namespace {

/// Goes to torch's names and back: every tensor of the model has a name there, and none is lost.
template <class Model>
void check_round_trip(const Model& model, const io::NameTable& names, Model other) {
  const io::StateDict ours = io::state_dict(model), torch = io::state_to_torch(ours, names);
  const auto norms = std::ranges::count_if(ours, [](const auto& t) { return t.first.ends_with(".running_mean"); });
  CHECK(torch.size() == ours.size() + static_cast<std::size_t>(norms));
  io::load_torch_state_dict(other, torch, names);
  for (const auto& [path, tensor] : io::state_dict(other)) {
    INFO(path);
    CHECK(std::ranges::equal(tensor.bytes.values(), ours.at(path).bytes.values()));
  }
}

}  // namespace

TEST_CASE("torch names: every tensor of our networks has its name there") {
  using Small = models::StaticUNet<1, 3, 4, 2>;
  using Deep = models::StaticUNet<1, 2, 2, 4>;
  for (const auto form : {models::Upsampling::bilinear, models::Upsampling::transposed}) {
    check_round_trip(Small(Key{1}, 0.5, form), io::unet_names(2), Small(Key{2}, 0.5, form));
    check_round_trip(Deep(Key{1}, 0.5, form), io::unet_names(4), Deep(Key{2}, 0.5, form));
  }
  check_round_trip(models::PolicyNet<float>(48, Key{1}), io::policy_names(), models::PolicyNet<float>(48, Key{2}));
}

TEST_CASE("torch names: a policy has the counters of its batch norms, scalars of 0 batches as torch writes them") {
  const models::PolicyNet<float> policy(48, Key{1});
  const auto torch = io::state_to_torch(io::state_dict(policy), io::policy_names());
  for (const char* norm : {"bn1", "layer1.0.bn1", "layer1.0.bn2", "layer1.0.downsample.1"}) {
    INFO(norm);
    const auto counter = torch.find(std::string(norm) + ".num_batches_tracked");
    REQUIRE(counter != torch.end());
    CHECK((counter->second.dtype == io::DType::I64 && counter->second.shape.empty() && counter->second.numel() == 1));
    CHECK(std::ranges::all_of(counter->second.bytes.values(), [](auto byte) { return byte == 0; }));
  }
}

TEST_CASE("torch names: PyTorch's weights give PyTorch's logits") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/model_unet_tiny.safetensors");
  models::StaticUNet<1, 3, 8, 2> unet(Key{1});
  io::load_torch_state_dict(unet, io::with_prefix(f.tensors, "tiny_b2/param/"), io::unet_names(2));
  const auto x = io::nhwc_from_nchw(f.at("tiny_b2/input").as<float, 4>());
  const auto expected = io::nhwc_from_nchw(f.at("tiny_b2/logits").as<float, 4>());
  CHECK(max_abs_difference(infer(unet, x), expected) <= std::stod(f.metadata.at("tol:tiny_b2/logits")));

  const auto p = io::read_safetensors(PASER_TEST_DATA "/fixtures/model_policy.safetensors");
  io::StateDict state = io::with_prefix(p.tensors, "policy_train_b2/param/");
  state.merge(io::with_prefix(p.tensors, "policy_train_b2/buffer/"));
  models::PolicyNet<float> policy(48, Key{1});
  CHECK_NOTHROW(io::load_torch_state_dict(policy, state, io::policy_names()));
  state.erase("bn1.running_mean");
  CHECK_THROWS_AS(io::load_torch_state_dict(policy, state, io::policy_names()), FormatError);
}
