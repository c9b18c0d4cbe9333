#include "zoo.hpp"

#include <cmath>
#include <limits>

namespace fixtures {

using paser::check;
using paser::FormatError;
using paser::Index;
using paser::message;

namespace {

double largest_value(const Stored& x) {
  double largest = 0;
  for (const double v : x.values) largest = std::max(largest, std::abs(v));
  return largest;
}

/// Every step-th row and column of images (N,C,H,W).
Stored every(const Stored& x, Index step) {
  if (step == 1) return x;
  const Index rows = x.axis(2), columns = x.axis(3), planes = x.axis(0) * x.axis(1);
  Stored thin{{x.axis(0), x.axis(1), (rows + step - 1) / step, (columns + step - 1) / step}, {}};
  for (Index p = 0; p < planes; ++p)
    for (Index r = 0; r < rows; r += step)
      for (Index c = 0; c < columns; c += step)
        thin.values.push_back(x.values[static_cast<std::size_t>((p * rows + r) * columns + c)]);
  return thin;
}

}  // namespace

Stored doubles_of(const paser::io::RawTensor& raw) {
  paser::io::RawTensor flat = raw;
  flat.shape = {raw.numel()};
  const auto values = flat.cast<double, 1>();
  return {raw.shape, {values.values().begin(), values.values().end()}};
}

ZooReference::ZooReference(const std::filesystem::path& path) : file_(paser::io::read_safetensors(path)) {
  errors_ = json("torch_float32_error_abs_rel");
}

const std::string& ZooReference::text(const std::string& setting) const {
  const auto found = file_.metadata.find(setting);
  check<FormatError>(found != file_.metadata.end(), file_.origin.c_str(), "no setting '", setting, "'");
  return found->second;
}

nlohmann::json ZooReference::json(const std::string& setting) const {
  return paser::io::parse_json(text(setting), file_.origin + ": '" + setting + "'");
}

std::vector<std::string> ZooReference::keys(const std::string& prefix) const {
  std::vector<std::string> found;
  for (const auto& [name, tensor] : paser::io::with_prefix(file_.tensors, prefix)) found.push_back(name);
  return found;
}

double ZooReference::tolerance(const std::string& error) const {
  const auto found = errors_.find(error);
  return std::max(1e-5, found == errors_.end() ? 0 : 10 * found->at(1).get<double>());
}

void ZooReference::expect(const std::string& key, const Stored& got, double tolerance, double scale) {
  if (!has(key)) return;
  const Stored truth = stored(key);
  seen_.insert(key);
  ++compared_;
  const Bounds bounds{.max_abs = tolerance * std::max(largest_value(truth), scale), .mean_abs = {}, .l2 = {}};
  if (auto failure = compare(key, got.values, truth.values, truth.shape, bounds)) failures_.push_back(*failure);
}

void ZooReference::expect_image(const std::string& key, const Stored& got, double tolerance, Index step) {
  if (has(key)) expect(key, every(axis_from_last(got, 1), step), tolerance);
}

void ZooReference::expect_together(const std::string& name, const std::map<std::string, Stored>& got,
                                   double tolerance) {
  Stored all, truth;
  for (const auto& [key, tensor] : got) {
    if (!has(key)) continue;
    seen_.insert(key);
    const Stored expected = stored(key);
    all.values.insert(all.values.end(), tensor.values.begin(), tensor.values.end());
    truth.values.insert(truth.values.end(), expected.values.begin(), expected.values.end());
  }
  ++compared_;
  const Bounds bounds{.max_abs = {}, .mean_abs = {}, .l2 = tolerance};
  const std::vector<Index> flat{static_cast<Index>(truth.values.size())};
  if (auto failure = compare(name, all.values, truth.values, flat, bounds)) failures_.push_back(*failure);
}

void ZooReference::expect_that(bool holds, const std::string& key, const std::string& problem) {
  seen_.insert(key);
  if (!holds) failures_.push_back({key, problem, 1});
}

std::vector<Failure> ZooReference::finish() {
  constexpr double worst = std::numeric_limits<double>::infinity();
  for (const auto& [key, tensor] : file_.tensors)
    if (!key.starts_with("input") && key != "labels" && !key.starts_with("feat.") && !seen_.contains(key))
      failures_.push_back({key, "was not compared", worst});
  if (compared_ == 0) failures_.push_back({"-", "nothing was compared", worst});
  std::stable_sort(failures_.begin(), failures_.end(),
                   [](const auto& a, const auto& b) { return a.excess > b.excess; });
  return failures_;
}

}  // namespace fixtures
