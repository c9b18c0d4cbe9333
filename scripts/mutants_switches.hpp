// How scripts/mutants builds many faults into one set of programs: each is a switch, and the variable PASER_FAULT of
// the environment turns one of them on. A switch stands where an operator or a number stood, so that the text around it
// keeps its meaning: `a + b` becomes `a + fault + b`, `0` becomes `fault()`. What the compiler evaluates is never at
// fault.

#pragma once

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <type_traits>

namespace paser_mutants {

inline const int chosen = [] {
  const char* text = std::getenv("PASER_FAULT");
  return text == nullptr ? 0 : std::atoi(text);
}();

template <int number>
[[gnu::always_inline]] constexpr bool on() {
  if (std::is_constant_evaluated()) return false;
  return chosen == number;
}

// What an operator becomes.
struct Plus {
  template <class A, class B>
  [[gnu::always_inline]] static constexpr decltype(auto) of(const A& a, const B& b) {
    return a + b;
  }
  template <class A, class B>
  [[gnu::always_inline]] static constexpr void into(A& a, const B& b) {
    a += b;
  }
};
struct Minus {
  template <class A, class B>
  [[gnu::always_inline]] static constexpr decltype(auto) of(const A& a, const B& b) {
    return a - b;
  }
  template <class A, class B>
  [[gnu::always_inline]] static constexpr void into(A& a, const B& b) {
    a -= b;
  }
};
struct First {
  template <class A, class B>
  [[gnu::always_inline]] static constexpr const A& of(const A& a, const B&) {
    return a;
  }
};
#define PASER_MUTANTS_OPERATOR(name, symbol)                                            \
  struct name {                                                                         \
    template <class A, class B>                                                         \
    [[gnu::always_inline]] static constexpr decltype(auto) of(const A& a, const B& b) { \
      return a symbol b;                                                                \
    }                                                                                   \
  }
PASER_MUTANTS_OPERATOR(Times, *);
PASER_MUTANTS_OPERATOR(Over, /);
PASER_MUTANTS_OPERATOR(Less, <);
PASER_MUTANTS_OPERATOR(AtMost, <=);
PASER_MUTANTS_OPERATOR(More, >);
PASER_MUTANTS_OPERATOR(AtLeast, >=);
PASER_MUTANTS_OPERATOR(Equal, ==);
PASER_MUTANTS_OPERATOR(Unequal, !=);
#undef PASER_MUTANTS_OPERATOR

// Stands between an operator's two sides, first with the left one, then with both.
template <int number, class Change>
struct Binary {};
template <int number, class Change, class A>
struct LeftSide {
  const A& value;
};
template <int number, class Change, class B>
struct RightSide {
  const B& value;
};

#define PASER_MUTANTS_BINARY(symbol)                                                                                 \
  template <int number, class Change, class A>                                                                       \
  [[gnu::always_inline]] constexpr LeftSide<number, Change, A> operator symbol(const A& a, Binary<number, Change>) { \
    return {a};                                                                                                      \
  }                                                                                                                  \
  template <int number, class Change, class A, class B>                                                              \
  [[gnu::always_inline]] constexpr auto operator symbol(LeftSide<number, Change, A> a, const B& b) {                 \
    using Result = std::remove_cvref_t<decltype(a.value symbol b)>;                                                  \
    if (on<number>()) return static_cast<Result>(Change::of(a.value, b));                                            \
    return static_cast<Result>(a.value symbol b);                                                                    \
  }
PASER_MUTANTS_BINARY(+)
PASER_MUTANTS_BINARY(-)
PASER_MUTANTS_BINARY(*)
PASER_MUTANTS_BINARY(/)
PASER_MUTANTS_BINARY(<)
PASER_MUTANTS_BINARY(<=)
PASER_MUTANTS_BINARY(>)
PASER_MUTANTS_BINARY(>=)
PASER_MUTANTS_BINARY(==)
PASER_MUTANTS_BINARY(!=)
#undef PASER_MUTANTS_BINARY

#define PASER_MUTANTS_ASSIGNMENT(symbol)                                                                              \
  template <int number, class Change, class B>                                                                        \
  [[gnu::always_inline]] constexpr RightSide<number, Change, B> operator symbol(Binary<number, Change>, const B& b) { \
    return {b};                                                                                                       \
  }                                                                                                                   \
  template <int number, class Change, class A, class B>                                                               \
  [[gnu::always_inline]] constexpr A&& operator symbol(A&& a, RightSide<number, Change, B> b) {                       \
    if (on<number>()) {                                                                                               \
      Change::into(a, b.value);                                                                                       \
    } else {                                                                                                          \
      a symbol b.value;                                                                                               \
    }                                                                                                                 \
    return static_cast<A&&>(a);                                                                                       \
  }
PASER_MUTANTS_ASSIGNMENT(+=)
PASER_MUTANTS_ASSIGNMENT(-=)
#undef PASER_MUTANTS_ASSIGNMENT

// `fault->*x` for `!x`.
template <int number>
struct Not {
  template <class A>
  [[gnu::always_inline]] constexpr bool operator->*(const A& a) const {
    return on<number>() ? static_cast<bool>(a) : !a;
  }
};

// `fault()` for a number.
template <int number, int right, int wrong>
struct Number {
  [[gnu::always_inline]] constexpr int operator()() const { return on<number>() ? wrong : right; }
};

// `fault(a, b)` for a.
template <int number>
struct Either {
  template <class A, class B>
  [[gnu::always_inline]] constexpr A operator()(A right, B wrong) const {
    return on<number>() ? static_cast<A>(wrong) : right;
  }
};

// `fault.of(a, b)` for std::min(a, b) or std::max(a, b).
template <int number, bool least>
struct Extreme {
  template <class T, class... Order>
  [[gnu::always_inline]] static constexpr const T& of(const T& a, const T& b, const Order&... order) {
    return least != on<number>() ? std::min(a, b, order...) : std::max(a, b, order...);
  }
  template <class T, class... Order>
  [[gnu::always_inline]] static constexpr T of(std::initializer_list<T> values, const Order&... order) {
    return least != on<number>() ? std::min(values, order...) : std::max(values, order...);
  }
};

}  // namespace paser_mutants
