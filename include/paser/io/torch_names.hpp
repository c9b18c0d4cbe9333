#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/state.hpp"
#include "paser/io/torch_layout.hpp"

/// StateDict dicts of the paper's PyTorch networks, under our names and in our layouts and back.
namespace paser::io {

/// Two names of one tensor.
struct NamePair {
  std::string ours, torch;
};

namespace detail {

/// The longest-prefix rule of a table: "torch prefix" -> "our prefix", the rest of the name kept.
inline std::string swap_prefix(const std::string& name, const std::vector<NamePair>& table, std::string NamePair::*from,
                               std::string NamePair::*to) {
  for (const NamePair& pair : table) {
    const std::string& prefix = pair.*from;
    if (name.starts_with(prefix) && name.size() > prefix.size() && name[prefix.size()] == '.')
      return pair.*to + name.substr(prefix.size());
  }
  return {};
}

}  // namespace detail

/// Modules of two networks that hold the same tensors.
struct NameTable {
  std::string network;          ///< for messages
  std::vector<NamePair> pairs;  ///< prefixes of names, up to a dot

  /// Our name of a tensor of torch's state dict; empty when the network has no such tensor.
  std::string ours(const std::string& torch_name) const {
    return detail::swap_prefix(torch_name, pairs, &NamePair::torch, &NamePair::ours);
  }
  /// Torch's name of a tensor of ours; empty when the network has no such tensor.
  std::string torch(const std::string& our_name) const {
    return detail::swap_prefix(our_name, pairs, &NamePair::ours, &NamePair::torch);
  }
  /// How the tensor of this name (ours) and rank is laid out in these networks.
  static WeightKind kind(const std::string& our_name, std::size_t rank) {
    if (rank == 4) return our_name.starts_with("enlarge") ? WeightKind::transposed_conv : WeightKind::conv;
    return rank == 2 ? WeightKind::linear : WeightKind::plain;
  }
};

/// The released UNet with `depth` poolings. Its decoder blocks count up to up4 whatever the depth: in a network of two
/// levels the first one applied is up3, our up1 (and enlarge1 where it has a transposed convolution).
inline NameTable unet_names(int depth) {
  check<ValueError>(depth >= 1 && depth <= 4, "unet_names", "depth ", depth, " is not in 1..4");
  NameTable table{"UNet", {{"stem", "softconv"}, {"head", "outc.conv"}}};
  const auto double_conv = [&](const std::string& ours, const std::string& torch) {
    table.pairs.push_back({ours + ".conv1", torch + "double_conv.0"});
    table.pairs.push_back({ours + ".conv2", torch + "double_conv.3"});
  };
  double_conv("entry", "inc.");
  for (int i = 1; i <= depth; ++i) {
    const std::string n = std::to_string(i), up = "up" + std::to_string(i + 4 - depth);
    double_conv("down" + n, "down" + n + ".maxpool_conv.1.");
    double_conv("up" + n, up + ".conv.");
    table.pairs.push_back({"enlarge" + n, up + ".up"});
  }
  return table;
}

/// The released policy network.
inline NameTable policy_names() {
  return {"policy network",
          {{"conv1", "conv1"},
           {"norm1", "bn1"},
           {"block.conv1", "layer1.0.conv1"},
           {"block.norm1", "layer1.0.bn1"},
           {"block.conv2", "layer1.0.conv2"},
           {"block.norm2", "layer1.0.bn2"},
           {"block.shortcut", "layer1.0.downsample.0"},
           {"block.shortcut_norm", "layer1.0.downsample.1"},
           {"head", "fc"}}};
}

/// A torch state dict under our names and in our layouts. Counters of batch norms are left out.
/// Throws FormatError listing the names that the network does not have.
inline StateDict state_from_torch(const StateDict& torch, const NameTable& names) {
  StateDict state;
  std::string unknown;
  for (const auto& [name, tensor] : torch) {
    if (name.ends_with("num_batches_tracked")) continue;
    const std::string ours = names.ours(name);
    if (ours.empty())
      unknown += " " + name;
    else
      state.emplace(ours, weight_from_torch(tensor, NameTable::kind(ours, tensor.shape.size())));
  }
  check<FormatError>(unknown.empty(), "state_from_torch", "these tensors are not of a ", names.network, ":", unknown);
  return state;
}

/// Our state under torch's names and in torch's layouts, with a counter of 0 batches for each batch norm. Throws
/// FormatError listing names that torch's does not have.
inline StateDict state_to_torch(const StateDict& ours, const NameTable& names) {
  StateDict state;
  std::string unknown;
  for (const auto& [name, tensor] : ours) {
    const std::string torch = names.torch(name), counter = detail::counter_beside(torch);
    if (torch.empty())
      unknown += " " + name;
    else
      state.emplace(torch, weight_to_torch(tensor, NameTable::kind(name, tensor.shape.size())));
    if (!counter.empty()) state.emplace(counter, detail::no_batches());
  }
  check<FormatError>(unknown.empty(), "state_to_torch", "torch's ", names.network, " has no:", unknown);
  return state;
}

/// Gives a model the weights of torch's network. Strict as load_state_dict.
template <class Module>
void load_torch_state_dict(Module& module, const StateDict& torch, const NameTable& names,
                           const std::string& origin = "load_torch_state_dict") {
  load_state_dict(module, state_from_torch(torch, names), origin);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
