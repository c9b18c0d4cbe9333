#include "networks.hpp"

#include <cmath>

#include "closed_form.hpp"

namespace fixtures {

using paser::Index;
using paser::io::RawTensor;
using paser::io::StateDict;

namespace {

bool is_zero_gradient(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void expect_statistics(Case& c, const std::string& role, const Stored& g) {
  if (!c.has_tensor(role)) return;
  double sum = 0, absolute = 0, squares = 0;
  for (const double v : g.values) {
    sum += v;
    absolute += std::abs(v);
    squares += v * v;
  }
  const std::vector<double>& truth = c.stored(role).values;
  const double tolerance = c.number("gradstat_rtol");
  const auto within = [&](const char* what, double got, double expected, double scale) {
    const double error = got == expected ? 0 : std::abs(got - expected) / scale;
    return error <= tolerance ? std::string()
                              : paser::message(what, " ", got, ", expected ", expected, ", relative difference ", error,
                                               " > ", tolerance, "; ");
  };
  const std::string problems = within("sum", sum, truth[0], truth[1]) +
                               within("sum of sizes", absolute, truth[1], truth[1]) +
                               within("L2 norm", std::sqrt(squares), truth[2], truth[2]);
  c.expect_rule(role, problems);
}

}  // namespace

RawTensor raw_of(const std::vector<float>& values, const std::vector<Index>& shape) {
  RawTensor raw =
      RawTensor::of(paser::Tensor<float, 1>::from(paser::Shape<1>{static_cast<Index>(values.size())}, values));
  raw.shape = shape;
  return raw;
}

StateDict closed_form_state(const StateDict& shapes, std::uint32_t seed) {
  StateDict state;
  for (const auto& [name, raw] : shapes) {
    const auto weight = shapes.find(name.substr(0, name.rfind('.')) + ".weight");
    Index fan = 1;
    bool norm = true;
    if (weight != shapes.end() && weight->second.shape.size() > 1) {
      fan = weight->second.numel() / weight->second.shape[0];
      norm = false;
    }
    state.emplace(name, raw_of(closed_form_values(name, seed, raw.shape, fan, norm), raw.shape));
  }
  return state;
}

StateDict stored_state(const Case& c, const std::string& prefix) {
  StateDict state;
  for (const std::string& name : c.roles(prefix)) {
    const Stored& tensor = c.stored(prefix + name);
    state.emplace(name, raw_of({tensor.values.begin(), tensor.values.end()}, tensor.shape));
  }
  return state;
}

Stored stored_of(const RawTensor& raw) {
  RawTensor flat = raw;
  flat.shape = {raw.numel()};
  return {raw.shape, from_tensor(flat.as<float, 1>()).values};
}

paser::MaskSource<float> closed_form_masks(const std::string& tag, std::uint32_t seed, double drop_rate,
                                           const std::vector<std::string>& sites) {
  return [=](int call, const paser::Shape<4>& shape) {
    return closed_form_mask(tag, sites.at(static_cast<std::size_t>(call)), seed, drop_rate, shape);
  };
}

void expect_gradients(Case& c, const StateDict& gradients, const std::string& prefix, const std::string& whole) {
  const auto zeros = c.has("zero_grad_params") ? c.texts("zero_grad_params") : std::vector<std::string>{};
  for (const auto& [name, raw] : gradients) {
    const Stored g = stored_of(raw);
    if (is_zero_gradient(zeros, prefix + name)) {
      if (!c.has("zero_grad_max")) continue;
      double largest = 0;
      for (const double v : g.values) largest = std::isnan(v) ? v : std::max(largest, std::abs(v));
      const double allowed = c.number("zero_grad_max");
      c.expect_rule(prefix + whole + name,
                    largest <= allowed ? "" : paser::message("is zero in theory, largest ", largest, " > ", allowed),
                    largest / allowed);
      continue;
    }
    c.expect(prefix + whole + name, g);
    expect_statistics(c, prefix + "gradstat/" + name, g);
    const std::string head = prefix + "gradhead/" + name;
    if (!c.has_tensor(head)) continue;
    Stored first = g;
    first.values.resize(std::min(first.values.size(), c.stored(head).values.size()));
    c.expect(head, first);
  }
}

std::vector<double> class_weight(const Case& c) {
  return c.has("class_weight") ? c.numbers("class_weight") : std::vector<double>{};
}

}  // namespace fixtures
