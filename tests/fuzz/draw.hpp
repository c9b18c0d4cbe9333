#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/random.hpp"

/// Shared by the differential fuzzers: what a case is made of, and how two answers are compared.
namespace fuzz {

using paser::Index;
using paser::Key;

/// Takes decisions from the bytes of an input, zeros once they are used up.
class Draw {
 public:
  Draw(const std::uint8_t* data, std::size_t size) : next_(data), end_(data + size) {}

  std::uint8_t byte() { return next_ == end_ ? std::uint8_t{0} : *next_++; }
  /// low .. high, which are less than 256 apart.
  Index between(Index low, Index high) { return low + byte() % (high - low + 1); }
  bool flag() { return (byte() & 1) != 0; }
  template <class E>
  E pick(std::initializer_list<E> choices) {
    return choices.begin()[between(0, static_cast<Index>(choices.size()) - 1)];
  }

  /// Values of a key of their own in an array of just this size, so that a sanitizer sees who reads beyond it: uniform
  /// between low and high; or, so that there are ties and zeros, rounded to whole numbers.
  template <class T>
  std::vector<T> values(Index count, double low = -1, double high = 1) {
    const Key key{byte() + std::uint64_t{256} * ++keys_};
    const bool whole = key.value % 8 == 7;
    std::vector<T> out(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < out.size(); ++i) {
      const double value = low + (high - low) * key.uniform(i);
      out[i] = static_cast<T>(whole ? std::clamp(std::round(value), low, high) : value);
    }
    return out;
  }

 private:
  const std::uint8_t *next_, *end_;
  std::uint64_t keys_ = 0;
};

/// Says what differs and ends the process, which is what a fuzzer takes for a finding.
template <class... Parts>
[[noreturn]] void finding(const Parts&... parts) {
  std::fprintf(stderr, "%s\n", paser::message(parts...).c_str());
  std::abort();
}

/// An array that a kernel is to overwrite: what it leaves out stays NaN.
template <class T>
std::vector<T> unwritten(Index count) {
  return std::vector<T>(static_cast<std::size_t>(count), static_cast<T>(NAN));
}

/// A number by a plain twin in double, and the sum of the magnitudes of the terms that it was added from. In a sum of n
/// products in any order the rounding errors are at most n units in the last place of that magnitude (Higham, "Accuracy
/// and Stability of Numerical Algorithms", 2002, section 3.1).
struct Sum {
  double value = 0, magnitude = 0;

  void add(double term) { add(term, std::abs(term)); }
  void add(double term, double size) {
    value += term;
    magnitude += size;
  }
};

/// Whether a twin starts from the numbers of the input alone, or from some that the kernel has rounded, so that another
/// kernel's answer may be further away than the bound.
enum class From { input, rounded };

/// Told of each number that agrees with a twin from the input, and of the bound of their difference; empty: nobody
/// asks.
inline std::function<void(const std::string& what, double value, double bound)> answered;

/// A finding unless every number lies within `terms` units in the last place of T of its twin's magnitude.
template <class T, class Twin>
void agree(const std::string& what, const std::vector<T>& got, const Twin& twin, double terms,
           From from = From::input) {
  constexpr double epsilon = std::numeric_limits<T>::epsilon(), least = std::numeric_limits<T>::min();
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Sum want = twin(static_cast<Index>(i));
    const double bound = terms * (epsilon * want.magnitude + least);
    const double difference = std::abs(static_cast<double>(got[i]) - want.value);
    if (!(difference <= bound))
      finding(what, ": value ", i, " is ", got[i], ", its twin ", want.value, ", the bound of the difference ", bound);
    if (answered && from == From::input) answered(what, static_cast<double>(got[i]), bound);
  }
}
template <class T>
void agree(const std::string& what, const std::vector<T>& got, const std::vector<Sum>& want, double terms,
           From from = From::input) {
  agree(
      what, got, [&](Index i) { return want[static_cast<std::size_t>(i)]; }, terms, from);
}

/// A finding unless both are the same numbers.
template <class A>
void same(const std::string& what, const A& got, const A& want) {
  for (std::size_t i = 0; i < want.size(); ++i)
    if (got[i] != want[i]) finding(what, ": value ", i, " is ", got[i], ", its twin ", want[i]);
}

}  // namespace fuzz
