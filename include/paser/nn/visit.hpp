#pragma once
#include "paser/core/macros_off.inc"

#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "paser/autograd/context.hpp"

/// A module lists its members once, in
///   template <class Self, class F> static void visit(Self& self, F&& f) { f("conv1", self.conv1); ... }
/// and everything that needs names or a list of the parameters is a walk over that.
namespace paser::nn {

namespace detail {

/// Takes a module's members and leaves them alone.
struct Ignore {
  template <class Member>
  void operator()(const char*, Member&) const {}
};

}  // namespace detail

/// What has parameters: it names its members in a static member function template visit(self, f).
template <class M>
concept Module = requires(M& module) {
  std::remove_const_t<M>::visit(module, detail::Ignore{});
};

namespace detail {

inline std::string join(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

template <class T, int Rank, class F>
void walk_member(const std::string& path, Parameter<T, Rank>& p, F& f) {
  f(path, p);
}
template <class T, int Rank, class F>
void walk_member(const std::string& path, const Parameter<T, Rank>& p, F& f) {
  f(path, p);
}
template <class T, int Rank, class F>
void walk_member(const std::string& path, Buffer<T, Rank>& b, F& f) {
  f(path, b);
}
template <class T, int Rank, class F>
void walk_member(const std::string& path, const Buffer<T, Rank>& b, F& f) {
  f(path, b);
}
template <class Module, class F>
void walk_member(const std::string& path, Module& module, F& f);

template <class Module, class F>
void walk_list(const std::string& path, Module& list, F& f) {
  for (std::size_t i = 0; i < list.size(); ++i) walk_member(path + std::to_string(i + 1), list[i], f);
}
template <class Module, class F>
void walk_member(const std::string& path, std::vector<Module>& list, F& f) {
  walk_list(path, list, f);
}
template <class Module, class F>
void walk_member(const std::string& path, const std::vector<Module>& list, F& f) {
  walk_list(path, list, f);
}
template <class M, class F>
void walk_member(const std::string& path, M& module, F& f) {
  static_assert(Module<M>,
                "a module names its members: template <class Self, class F> static void visit(Self& self, F&& f) "
                "{ f(\"conv1\", self.conv1); ... }");
  if constexpr (Module<M>)
    std::remove_const_t<M>::visit(module,
                                  [&](const char* name, auto& member) { walk_member(join(path, name), member, f); });
}

template <class>
inline constexpr bool is_parameter = false;
template <class T, int Rank>
inline constexpr bool is_parameter<Parameter<T, Rank>> = true;

}  // namespace detail

/// Calls f(path, member) for every Parameter and Buffer of a module, in the order of visit. Paths join the names by
/// dots; the elements of a vector count from 1: "down1.conv1.weight". A member comes as often as it is visited: tied
/// weights are stored under each of their names.
template <class Module, class F>
void walk(Module& module, F&& f, const std::string& prefix = "") {
  detail::walk_member(prefix, module, f);
}

/// The same, but a member that is visited under several names (tied weights) comes once, under the first of them.
template <class Module, class F>
void walk_once(Module& module, F&& f, const std::string& prefix = "") {
  std::unordered_set<const void*> seen;
  walk(
      module,
      [&](const std::string& path, auto& member) {
        if (seen.insert(&member).second) f(path, member);
      },
      prefix);
}

/// walk_once for the parameters alone.
template <class Module, class F>
void walk_parameters(Module& module, F&& f, const std::string& prefix = "") {
  walk_once(
      module,
      [&f](const std::string& path, auto& member) {
        if constexpr (detail::is_parameter<std::remove_cvref_t<decltype(member)>>) f(path, member);
      },
      prefix);
}

/// The number of trained values; those of tied weights count once.
template <class Module>
Index count_parameters(const Module& module) {
  Index count = 0;
  walk_parameters(module, [&count](const std::string&, const auto& p) { count += p.value.numel(); });
  return count;
}

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
