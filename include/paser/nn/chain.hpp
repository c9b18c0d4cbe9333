#pragma once
#include "paser/core/macros_off.inc"

#include <string>
#include <tuple>
#include <utility>

#include "paser/autograd/context.hpp"

namespace paser::nn {

/// Modules applied one after the other: Chain(a, b, c)(ctx, x) = c(ctx, b(ctx, a(ctx, x))). Their names are "1", "2",
/// ... in that order; modules without parameters count too.
template <class... Modules>
struct Chain {
  static_assert(sizeof...(Modules) >= 1, "Chain: expected at least one module");
  std::tuple<Modules...> modules;

  explicit Chain(Modules... m) : modules(std::move(m)...) {}

  /// Module number I, counted from 1 as in the names.
  template <std::size_t I>
  auto& get() {
    return std::get<I - 1>(modules);
  }
  template <std::size_t I>
  const auto& get() const {
    return std::get<I - 1>(modules);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    std::apply(
        [&f](auto&... module) {
          int number = 0;
          (f(std::to_string(++number).c_str(), module), ...);
        },
        self.modules);
  }

  template <class Context, class Value>
  auto operator()(Context& ctx, const Value& x) const {
    return apply<0>(ctx, x);
  }

 private:
  template <std::size_t I, class Context, class Value>
  auto apply(Context& ctx, const Value& x) const {
    if constexpr (I + 1 == sizeof...(Modules))
      return std::get<I>(modules)(ctx, x);
    else
      return apply<I + 1>(ctx, std::get<I>(modules)(ctx, x));
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
