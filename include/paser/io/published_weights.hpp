#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/published_names.hpp"
#include "paser/io/state.hpp"
#include "paser/io/torch_layout.hpp"

/// Weights of published checkpoints: under their names and in PyTorch's layouts.
namespace paser::io {

namespace detail {

/// Row-major tensors one below the other.
inline RawTensor stack_rows(const std::vector<RawTensor>& parts) {
  if (parts.size() == 1) return parts[0];
  RawTensor whole = parts[0];
  whole.shape.at(0) = 0;
  Index bytes = 0;
  for (const RawTensor& part : parts) {
    whole.shape[0] += part.shape[0];
    bytes += part.bytes.numel();
  }
  whole.bytes = Tensor<std::uint8_t, 1>({bytes});
  std::uint8_t* out = whole.bytes.mutable_data();
  for (const RawTensor& part : parts) out = std::copy_n(part.bytes.data(), part.bytes.numel(), out);
  return whole;
}

/// Rows part / parts .. (part + 1) / parts.
inline RawTensor cut_rows(const RawTensor& whole, std::size_t part, std::size_t parts) {
  if (parts == 1) return whole;
  const auto count = static_cast<Index>(parts);
  RawTensor cut = whole;
  cut.shape.at(0) /= count;
  const Index bytes = whole.bytes.numel() / count;
  cut.bytes = Tensor<std::uint8_t, 1>({bytes});
  std::copy_n(whole.bytes.data() + static_cast<Index>(part) * bytes, bytes, cut.bytes.mutable_data());
  return cut;
}

}  // namespace detail

/// The kinds of tensors by their paths.
using WeightKinds = std::map<std::string, WeightKind>;

/// The kinds that the layers of a module give to its parameters.
template <class Module>
WeightKinds weight_kinds(const Module& module) {
  WeightKinds kinds;
  nn::walk(module, [&kinds](const std::string& path, const auto& member) {
    if constexpr (requires { member.kind; }) kinds.emplace(path, member.kind);
  });
  return kinds;
}

namespace detail {

/// Throws ValueError unless `alone` says that no other tensor has the published name of this one.
inline void check_alone(bool alone, const std::string& name, const std::string& path) {
  check<ValueError>(alone, "PublishedNames", "'", path, "' is published as '", name,
                    "', and so is another tensor of the network; expected one name each");
}

/// What has no kind is published as it stands.
inline WeightKind kind_of(const WeightKinds& kinds, const std::string& path) {
  const auto found = kinds.find(path);
  return found == kinds.end() ? WeightKind::plain : found->second;
}

}  // namespace detail

/// Tensors of ours under their published names and in PyTorch's layouts. Throws FormatError when of a published tensor
/// only some parts are there, ValueError when two tensors have one published name.
inline StateDict to_published(const StateDict& ours, const WeightKinds& kinds, const PublishedNames& names = {}) {
  std::map<std::string, std::vector<RawTensor>> parts;
  for (const auto& [path, tensor] : ours) {
    const auto place = names.published(path);
    auto& of_one = parts[place.name];
    of_one.resize(std::max(of_one.size(), place.parts));
    detail::check_alone(of_one[place.part].shape.empty() && of_one.size() == place.parts, place.name, path);
    of_one[place.part] = weight_to_torch(tensor, detail::kind_of(kinds, path));
  }
  StateDict state;
  for (const auto& [name, of_one] : parts) {
    for (const RawTensor& part : of_one)
      check<FormatError>(!part.shape.empty(), "to_published", "a part of '", name, "' is missing");
    state.emplace(name, detail::stack_rows(of_one));
  }
  return state;
}

/// Every tensor of a published checkpoint and its shape there, the counters of batch norms included. Throws ValueError
/// when two have one published name.
template <class Module>
std::map<std::string, std::vector<Index>> published_shapes(const Module& module, const PublishedNames& names = {}) {
  std::map<std::string, std::vector<Index>> shapes;
  std::map<std::string, std::vector<bool>> parts;
  const WeightKinds kinds = weight_kinds(module);
  nn::walk(module, [&](const std::string& path, const auto& member) {
    const auto& extent = member.value.shape().extent;
    std::vector<Index> shape(extent.begin(), extent.end());
    const auto axes = axes_to_torch(detail::kind_of(kinds, path));
    for (std::size_t i = 0; i < axes.size(); ++i) shape[i] = extent[static_cast<std::size_t>(axes[i])];
    const auto place = names.published(path);
    std::vector<bool>& seen = parts.try_emplace(place.name, place.parts, false).first->second;
    detail::check_alone(seen.size() == place.parts && !seen[place.part], place.name, path);
    seen[place.part] = true;
    shape[0] *= static_cast<Index>(place.parts);
    const std::string counter = detail::counter_beside(place.name);
    if (!counter.empty()) shapes.emplace(counter, std::vector<Index>{});
    shapes.emplace(place.name, std::move(shape));
  });
  return shapes;
}

/// A network as a checkpoint is published: its tensors and, for each batch norm, a counter of 0 batches.
template <class Module>
StateDict published_state(const Module& module, const PublishedNames& names = {}) {
  StateDict state = to_published(state_dict(module), weight_kinds(module), names);
  for (const auto& [name, shape] : published_shapes(module, names)) {
    if (state.contains(name)) continue;
    state.emplace(name, detail::no_batches());
  }
  return state;
}

/// Gives a network the tensors of a published checkpoint, of any floating type; counters of batch norms may be there or
/// not. Strict, and all or nothing: throws FormatError that starts with `origin` and lists every tensor that is
/// missing, unexpected or of another shape, by its published name, and what load_state_dict throws; the network is then
/// as it was.
template <class Module>
void load_published(Module& module, const StateDict& published, const PublishedNames& names = {},
                    const std::string& origin = "load_published") {
  const auto expected = published_shapes(module, names);
  const WeightKinds kinds = weight_kinds(module);
  std::string problems;
  StateDict ours;
  for (const auto& [name, shape] : expected) {
    if (name.ends_with(detail::batch_counter)) continue;
    const auto found = published.find(name);
    RawTensor wanted;
    wanted.shape = shape;
    if (found == published.end()) {
      problems += "\n  missing: " + name + " " + wanted.shape_text();
    } else if (found->second.shape != shape) {
      problems += "\n  shape: " + name + " is " + found->second.shape_text() + ", expected " + wanted.shape_text();
    } else if (problems.empty()) {
      const auto paths = names.ours(name);
      for (std::size_t i = 0; i < paths.size(); ++i)
        ours.emplace(paths[i], weight_from_torch(detail::cut_rows(found->second, i, paths.size()),
                                                 detail::kind_of(kinds, paths[i])));
    }
  }
  for (const auto& [name, tensor] : published)
    if (!expected.contains(name) && !names.ours(name).empty())
      problems += "\n  unexpected: " + name + " " + tensor.shape_text();
  check<FormatError>(problems.empty(), origin.c_str(), published.size(), " tensors do not fit a network of ",
                     expected.size(), problems);
  load_state_dict(module, ours, origin);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
