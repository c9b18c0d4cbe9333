#pragma once

#include "fixture.hpp"
#include "paser/io/torch_names.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/models/policy_net.hpp"

/// The networks of the fixtures: by PyTorch's names, with closed-form weights and masks.
namespace fixtures {

/// A network, and what its tensors are called in PyTorch.
struct NamedSegmenter {
  paser::models::AnySegmenter<float> model;
  paser::io::NameTable names;
  std::vector<std::string> dropout_sites;  ///< in forward order
};

/// A UNet of the table of architectures, in the released code's names. Throws ValueError on an unknown architecture.
NamedSegmenter make_unet(const std::string& arch, paser::Index channels, paser::Index classes, bool bilinear,
                         double drop_rate);

/// The operations of one pass of such a UNet over images of this shape, counted by running its forward definition.
paser::Operations count_unet(const std::string& arch, paser::Index classes, bool bilinear,
                             const paser::Shape<4>& images);

/// First width and number of poolings of an architecture.
struct UNetSize {
  paser::Index width, depth;
};
UNetSize unet_size(const std::string& arch);

/// The closed-form state dict of a network: one entry for each of `shapes` (names, shapes and layouts of PyTorch).
paser::io::StateDict closed_form_state(const paser::io::StateDict& shapes, std::uint32_t seed);

/// The tensors <prefix>name of a case, names and layouts of PyTorch.
paser::io::StateDict stored_state(const Case& c, const std::string& prefix);

/// A tensor of a state dict.
paser::io::RawTensor raw_of(const std::vector<float>& values, const std::vector<paser::Index>& shape);

/// A tensor of a state dict, for comparison.
Stored stored_of(const paser::io::RawTensor& raw);

/// Compares a network with the roles <prefix>param_after/, all but the parameters whose gradient is zero in theory.
template <class Module>
void expect_parameters(Case& c, const Module& module, const paser::io::NameTable& names,
                       const std::string& prefix = "") {
  const auto zeros = c.has("zero_grad_params") ? c.texts("zero_grad_params") : std::vector<std::string>{};
  for (const auto& [name, raw] : paser::io::state_to_torch(paser::io::state_dict(module), names)) {
    if (name.ends_with("num_batches_tracked")) continue;  // see expect_buffers
    const std::string role = prefix + "param_after/" + name;
    if (std::find(zeros.begin(), zeros.end(), prefix + name) != zeros.end()) {
      c.waive(role);
    } else {
      c.expect(role, stored_of(raw));
    }
  }
}

/// Gives a network its closed-form weights.
template <class Module>
void load_closed_form(Module& module, const paser::io::NameTable& names, std::uint32_t seed) {
  const auto shapes = paser::io::state_to_torch(paser::io::state_dict(module), names);
  paser::io::load_torch_state_dict(module, closed_form_state(shapes, seed), names);
}

/// The gradients of all parameters under PyTorch's names and in its layouts.
template <class Module>
paser::io::StateDict torch_gradients(const Module& module, const paser::Gradients<float>& gradients,
                                     const paser::io::NameTable& names) {
  paser::io::StateDict state;
  paser::nn::walk_parameters(module, [&](const std::string& path, const auto& p) {
    state.emplace(path, paser::io::RawTensor::of(gradients.of(p)));
  });
  return paser::io::state_to_torch(state, names);
}

/// The masks of one pass whose sites have the closed form.
paser::MaskSource<float> closed_form_masks(const std::string& tag, std::uint32_t seed, double drop_rate,
                                           const std::vector<std::string>& sites);

/// Compares gradients under the rules of networks: whole ones (role grad/), their first entries (gradhead/), their sums
/// (gradstat/), and the size of those that are zero in theory. `prefix` stands before every role and in the list of
/// zero gradients; `whole` is the role of whole ones.
void expect_gradients(Case& c, const paser::io::StateDict& gradients, const std::string& prefix = "",
                      const std::string& whole = "grad/");

/// Compares the buffers after a run, and the number of batches they have seen, in the roles <prefix>buffer_after/.
/// paser keeps no counter: the number is that of `batches_before`, by PyTorch's name of the norm, and one more when the
/// run has handed out next statistics.
template <class Module>
void expect_buffers(Case& c, const Module& module, const paser::Gradients<float>& gradients,
                    const paser::io::NameTable& names, const std::string& prefix = "",
                    const std::map<std::string, double>& batches_before = {}) {
  paser::nn::walk(module, [&](const std::string& path, const auto& member) {
    if constexpr (!paser::nn::detail::is_parameter<std::remove_cvref_t<decltype(member)>>) {
      const std::string name = names.torch(path), owner = name.substr(0, name.rfind('.'));
      const auto* next = gradients.next(member);
      c.expect(prefix + "buffer_after/" + name, next ? *next : member.value);
      const auto before = batches_before.find(owner);
      if (name.ends_with(".running_mean"))
        c.expect_number(prefix + "buffer_after/" + owner + ".num_batches_tracked",
                        (before == batches_before.end() ? 0 : before->second) + (next ? 1 : 0));
    }
  });
}

/// The class weights of a case; none when it has no such setting.
std::vector<double> class_weight(const Case& c);

}  // namespace fixtures
