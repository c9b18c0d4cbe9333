#include "compare.hpp"

#include <cmath>
#include <limits>

#include "paser/core/error.hpp"

namespace fixtures {

using paser::Index;
using paser::message;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double difference(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::abs(a - b);
  return std::isfinite(d) ? d : infinity;
}

double excess(double value, double bound) {
  return value <= 0 ? 0 : bound > 0 ? value / bound : infinity;
}

std::optional<Failure> sizes_differ(const std::string& key, std::size_t got, std::size_t expected) {
  if (got == expected) return std::nullopt;
  return Failure{key, message("has ", got, " values, expected ", expected), infinity};
}

}  // namespace

std::string position(Index flat, const std::vector<Index>& shape) {
  std::string text;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    text = std::to_string(flat % shape[axis]) + (text.empty() ? "" : ",") + text;
    flat /= shape[axis];
  }
  return "[" + text + "]";
}

std::optional<Failure> compare(const std::string& key, std::span<const double> got, std::span<const double> expected,
                               const std::vector<Index>& shape, const Bounds& bounds) {
  if (auto wrong = sizes_differ(key, got.size(), expected.size())) return wrong;
  double worst = 0, sum = 0, squares = 0, reference = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = difference(got[i], expected[i]);
    if (d > worst) {
      worst = d;
      where = i;
    }
    sum += d;
    squares += d * d;
    if (std::isfinite(expected[i])) reference += expected[i] * expected[i];
  }
  const double mean = got.empty() ? 0 : sum / static_cast<double>(got.size());
  const double l2 = squares == 0 ? 0 : std::sqrt(squares / reference);

  Failure failure{key, "", 0};
  const auto test = [&](const char* name, double value, const std::optional<double>& bound) {
    if (!bound || value <= *bound) return;
    failure.what += message(failure.what.empty() ? "" : "; ", name, " ", value, " > ", *bound);
    failure.excess = std::max(failure.excess, excess(value, *bound));
  };
  test("worst difference", worst, bounds.max_abs);
  test("mean difference", mean, bounds.mean_abs);
  test("relative L2 difference", l2, bounds.l2);
  if (failure.what.empty()) return std::nullopt;
  failure.what += message(", worst at ", position(static_cast<Index>(where), shape), ": got ", got[where],
                          ", expected ", expected[where]);
  return failure;
}

std::optional<Failure> compare_counting(const std::string& key, std::span<const double> got,
                                        std::span<const double> expected, const std::vector<Index>& shape,
                                        Index allowed) {
  if (auto wrong = sizes_differ(key, got.size(), expected.size())) return wrong;
  Index count = 0, first = -1;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (difference(got[i], expected[i]) > 0 && count++ == 0) first = static_cast<Index>(i);
  if (count <= allowed) return std::nullopt;
  const auto i = static_cast<std::size_t>(first);
  return Failure{key,
                 message("entries that differ ", count, " > ", allowed, ", first at ", position(first, shape), ": got ",
                         got[i], ", expected ", expected[i]),
                 excess(static_cast<double>(count), static_cast<double>(allowed))};
}

}  // namespace fixtures
