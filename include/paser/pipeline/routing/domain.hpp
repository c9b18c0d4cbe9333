#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/tensor.hpp"

namespace paser::pipeline {

/// What the coarse model says of the images of a calibration: by it one sees whether other images are like them.
/// Prices, floors and verdicts hold for images like those that they were found on.
struct Domain {
  std::vector<double> mean{}, deviation{};  ///< over images, of each number of patch_statistics averaged over an image
  std::vector<double> scores{};             ///< rising: how far each image lies from the others, see distance()

  Index images() const { return static_cast<Index>(scores.size()); }  ///< The images that it was taken from.

  /// Mean square of an image's numbers in units of their deviations. Numbers that do not vary are left out.
  double distance(const double* image) const {
    double sum = 0, count = 0;
    for (std::size_t j = 0; j < mean.size(); ++j) {
      if (!(deviation[j] > 1e-9)) continue;
      const double z = (image[j] - mean[j]) / deviation[j];
      sum += z * z;
      ++count;
    }
    return count > 0 ? sum / count : 0;
  }
};

/// How images compare with those of a Domain.
struct DomainCheck {
  Index images = 0;
  Index unlike = 0;     ///< farther out than all but `expected` of the calibration's
  double expected = 1;  ///< share of images of the same kind that are this far out; 1 for a calibration of no images
  double p = 1;         ///< of at least so many among independent images of the same kind

  /// Images are said to be of another kind when that chance is below 1 % and twice as many as expected are far out.
  bool other() const { return p < 0.01 && static_cast<double>(unlike) > 2 * expected * static_cast<double>(images); }
};

/// Means over the patches of every image: (N, P, F) -> (N, F).
template <class T>
Tensor<double, 2> image_statistics(const Tensor<T, 3>& statistics) {
  const Index images = statistics.shape()[0], patches = statistics.shape()[1], numbers = statistics.shape()[2];
  auto means = Tensor<double, 2>::zeros({images, numbers});
  double* const out = means.mutable_data();
  for (Index i = 0; i < statistics.numel(); ++i)
    out[i / (patches * numbers) * numbers + i % numbers] +=
        static_cast<double>(statistics.data()[i]) / static_cast<double>(patches);
  return means;
}

/// The domain of images whose statistics are (N, F); each is scored against the others. Throws ValueError for fewer
/// than three.
inline Domain domain_of(const Tensor<double, 2>& images) {
  const Index n = images.shape()[0], numbers = images.shape()[1];
  check<ValueError>(n >= 3, "domain_of", n, " images, expected at least three");
  // Sums about the mean of all, from which those without one image follow.
  std::vector<double> centre(static_cast<std::size_t>(numbers), 0.0), squares(centre.size(), 0.0);
  for (Index i = 0; i < images.numel(); ++i)
    centre[static_cast<std::size_t>(i % numbers)] += images.data()[i] / static_cast<double>(n);
  for (Index i = 0; i < images.numel(); ++i) {
    const auto j = static_cast<std::size_t>(i % numbers);
    squares[j] += (images.data()[i] - centre[j]) * (images.data()[i] - centre[j]);
  }
  const auto without = [&](const double* left_out) {
    Domain d{centre, squares, {}};
    const double count = static_cast<double>(left_out ? n - 1 : n);
    for (std::size_t j = 0; j < centre.size(); ++j) {
      const double x = left_out ? left_out[j] - centre[j] : 0;
      const double shift = left_out ? -x / count : 0;
      d.mean[j] += shift;
      d.deviation[j] = std::sqrt(std::max(0.0, (squares[j] - x * x) / count - shift * shift));
    }
    return d;
  };
  Domain domain = without(nullptr);
  for (Index i = 0; i < n; ++i) {
    const double* const image = images.data() + i * numbers;
    domain.scores.push_back(without(image).distance(image));
  }
  std::sort(domain.scores.begin(), domain.scores.end());
  return domain;
}

namespace detail {

/// Chance of at least k successes in n independent trials of probability p.
inline double binomial_tail(Index k, Index n, double p) {
  if (k <= 0 || p >= 1) return 1;
  double sum = 0;
  const auto log_factorial = [](Index x) { return std::lgamma(static_cast<double>(x) + 1); };
  for (Index i = k; i <= n; ++i)
    sum += std::exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) + static_cast<double>(i) * std::log(p) +
                    static_cast<double>(n - i) * std::log1p(-p));
  return std::min(sum, 1.0);
}

}  // namespace detail

/// Compares images, (N, F), with a domain: far out is what at most a share `level` of images of the same kind would be
/// by the ranks of the calibration's own (split conformal prediction), or what none of them is where they are too few
/// for that. Images that belong together, as tiles of one photograph, make p too small. Throws ShapeError on statistics
/// of another kind, ValueError unless 0 < level < 1.
inline DomainCheck check_domain(const Domain& domain, const Tensor<double, 2>& images, double level = 0.05) {
  check(images.shape()[1] == static_cast<Index>(domain.mean.size()), "check_domain", images.shape()[1],
        " numbers per image, those of the calibration are ", domain.mean.size());
  check<ValueError>(is_finite(level) && level > 0 && level < 1, "check_domain", "the level is ", level,
                    ", expected a number between 0 and 1");
  DomainCheck found{.images = images.shape()[0]};
  const Index n = domain.images();
  if (n == 0) return found;
  const auto beyond = static_cast<Index>(level * static_cast<double>(n + 1));  // ranks that count as far out
  const Index allowed = std::max<Index>(beyond, 1);
  found.expected = static_cast<double>(allowed) / static_cast<double>(n + 1);
  const double limit = domain.scores[static_cast<std::size_t>(n - allowed)];
  for (Index i = 0; i < found.images; ++i)
    found.unlike += !(domain.distance(images.data() + i * images.shape()[1]) <= limit);
  found.p = detail::binomial_tail(found.unlike, found.images, found.expected);
  return found;
}

/// For nlohmann::json.
template <class Json>
void to_json(Json& j, const Domain& d) {
  j = {{"mean", d.mean}, {"deviation", d.deviation}, {"scores", d.scores}};
}
/// Throws FormatError unless there are as many means as deviations, all numbers finite, deviations and scores 0 or
/// more, and the scores rise.
template <class Json>
void from_json(const Json& j, Domain& d) {
  j.at("mean").get_to(d.mean);
  j.at("deviation").get_to(d.deviation);
  j.at("scores").get_to(d.scores);
  const auto finite = [](const std::vector<double>& list) {
    return std::all_of(list.begin(), list.end(), [](double x) { return is_finite(x); });
  };
  check<FormatError>(d.mean.size() == d.deviation.size() && finite(d.mean) && finite(d.deviation) && finite(d.scores) &&
                         std::is_sorted(d.scores.begin(), d.scores.end()),
                     "Domain", "expected as many means as deviations and scores that rise, all finite");
  for (const auto& [name, list] : {std::pair{"deviation", &d.deviation}, {"score", &d.scores}})
    for (const double x : *list) check<FormatError>(x >= 0, "Domain", "a ", name, " is ", x, ", expected 0 or more");
}
template <class Json>
void to_json(Json& j, const DomainCheck& d) {
  j = {{"images", d.images}, {"unlike", d.unlike}, {"expected", d.expected}, {"p", d.p}, {"other", d.other()}};
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
