#pragma once
#include "paser/core/macros_off.inc"

#include <functional>

#include "paser/core/finite.hpp"
#include "paser/io/raw_tensor.hpp"
#include "paser/nn/visit.hpp"

namespace paser::io {

namespace detail {

/// Throws ValueError unless `first` says that a path is met for the first time: of two members of one name only one can
/// be stored, and both would be given what is.
inline void check_first(bool first, const std::string& where, const std::string& path) {
  check<ValueError>(first, where.c_str(), "two members are called '", path,
                    "', expected one name each; the elements of a list 'down' are 'down1', 'down2', ...");
}

/// Throws FormatError when a variance of a norm, which is known by its name, is negative.
template <class T, int Rank>
void check_variance(const Tensor<T, Rank>& value, const std::string& origin, const std::string& path) {
  if (path != "running_var" && !path.ends_with(".running_var")) return;
  for (Index i = 0; i < value.numel(); ++i)
    check<FormatError>(value.data()[i] >= 0, origin.c_str(), path, " has ", value.data()[i], " at position ", i, " of ",
                       value.numel(), ", expected variances from 0");
}

}  // namespace detail

/// Whether a module has a parameter or buffer.
template <class Module>
bool has_state(const Module& module) {
  bool any = false;
  nn::walk(module, [&any](const std::string&, const auto&) { any = true; });
  return any;
}

/// Every parameter and buffer of a module under its path, "down1.conv1.weight". Throws ValueError when two have one
/// path.
template <class Module>
StateDict state_dict(const Module& module) {
  StateDict state;
  nn::walk(module, [&state](const std::string& path, const auto& member) {
    detail::check_first(state.emplace(path, RawTensor::of(member.value)).second, "state_dict", path);
  });
  return state;
}

/// Gives every parameter and buffer of a module the tensor of its path; other floating types are converted.
/// Strict, and all or nothing: throws FormatError that starts with `origin` and lists everything missing, unexpected,
/// of another shape or not of floating type, NotFiniteError naming a tensor with NaN or infinity in it (after the
/// conversion), FormatError naming a variance ("running_var") below 0, of which a norm makes NaN; ValueError when two
/// members have one path; and then leaves the module as it was.
template <class Module>
void load_state_dict(Module& module, const StateDict& state, const std::string& origin = "load_state_dict") {
  std::string problems;
  Index expected = 0;
  std::map<std::string, bool> known;
  nn::walk(module, [&](const std::string& path, const auto& member) {
    ++expected;
    detail::check_first(known.emplace(path, true).second, origin, path);
    const auto found = state.find(path);
    if (found == state.end()) {
      problems += "\n  missing: " + path + message(" ", member.value.shape());
      return;
    }
    const RawTensor& raw = found->second;
    const auto& extent = member.value.shape().extent;
    if (!std::equal(raw.shape.begin(), raw.shape.end(), extent.begin(), extent.end()))
      problems += "\n  shape: " + path + message(" is ", raw.shape_text(), ", expected ", member.value.shape());
    else if (!is_floating(raw.dtype))
      problems += "\n  type: " + path + message(" is ", raw.dtype, ", expected a floating type");
  });
  for (const auto& [path, raw] : state)
    if (!known.contains(path)) problems += "\n  unexpected: " + path + " " + raw.shape_text();
  check<FormatError>(problems.empty(), origin.c_str(), state.size(), " tensors do not fit a model of ", expected,
                     problems);
  std::vector<std::function<void()>> writes;  // nothing is written before all is converted
  nn::walk(module, [&](const std::string& path, auto& member) {
    using Value = std::remove_cvref_t<decltype(member.value)>;
    auto value = state.at(path).template cast<typename Value::Scalar, Value::rank>();
    check_finite(origin.c_str(), value.numel(), value.data(), path);
    detail::check_variance(value, origin, path);
    writes.push_back([&member, value = std::move(value)]() mutable { member.value = std::move(value); });
  });
  for (const auto& write : writes) write();
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
