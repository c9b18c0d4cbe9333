#include "networks.hpp"

#include <cmath>

#include "closed_form.hpp"
#include "paser/models/unet.hpp"

namespace fixtures {

using paser::Index;
using paser::io::RawTensor;
using paser::io::State;

namespace {

template <Index In, Index Classes>
NamedSegmenter make_unet(const std::string& arch, bool bilinear, double drop_rate) {
  using paser::models::UNet;
  const auto upsampling = bilinear ? paser::models::Upsampling::bilinear : paser::models::Upsampling::transposed;
  const auto named = [&]<Index Width, Index Depth>(UNet<In, Classes, Width, Depth> network) {
    std::vector<std::string> sites;
    for (Index level = 1; level <= Depth; ++level) sites.push_back("drop" + std::to_string(level));
    sites.push_back("drop5");
    return NamedSegmenter{std::move(network), paser::io::unet_names(static_cast<int>(Depth)), std::move(sites)};
  };
  const paser::Key key{};
  if (arch == "tiny_two_block") return named(UNet<In, Classes, 8, 2>(key, drop_rate, upsampling));
  if (arch == "tiny_three_block") return named(UNet<In, Classes, 8, 3>(key, drop_rate, upsampling));
  if (arch == "tiny") return named(UNet<In, Classes, 8, 4>(key, drop_rate, upsampling));
  if (arch == "small") return named(UNet<In, Classes, 16, 4>(key, drop_rate, upsampling));
  if (arch == "unet") return named(UNet<In, Classes, 64, 4>(key, drop_rate, upsampling));
  throw paser::ValueError("unknown architecture '" + arch + "'");
}

/// Layout-free: fixtures hold float32 alone.
RawTensor raw_of(const std::vector<float>& values, const std::vector<Index>& shape) {
  RawTensor raw =
      RawTensor::of(paser::Tensor<float, 1>::from(paser::Shape<1>{static_cast<Index>(values.size())}, values));
  raw.shape = shape;
  return raw;
}

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

NamedSegmenter make_unet(const std::string& arch, Index channels, Index classes, bool bilinear, double drop_rate) {
  if (channels == 1 && classes == 2) return make_unet<1, 2>(arch, bilinear, drop_rate);
  if (channels == 1 && classes == 3) return make_unet<1, 3>(arch, bilinear, drop_rate);
  if (channels == 3 && classes == 2) return make_unet<3, 2>(arch, bilinear, drop_rate);
  if (channels == 3 && classes == 3) return make_unet<3, 3>(arch, bilinear, drop_rate);
  throw paser::ValueError(
      paser::message("this program is not compiled for UNets of ", channels, " channels and ", classes, " classes"));
}

State closed_form_state(const State& shapes, std::uint32_t seed) {
  State state;
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

State stored_state(const Case& c, const std::string& prefix) {
  State state;
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

void expect_gradients(Case& c, const State& gradients, const std::string& prefix) {
  const auto zeros = c.has("zero_grad_params") ? c.texts("zero_grad_params") : std::vector<std::string>{};
  for (const auto& [name, raw] : gradients) {
    const Stored g = stored_of(raw);
    if (is_zero_gradient(zeros, prefix + name)) {
      if (!c.has("zero_grad_max")) continue;
      double largest = 0;
      for (const double v : g.values) largest = std::isnan(v) ? v : std::max(largest, std::abs(v));
      const double allowed = c.number("zero_grad_max");
      c.expect_rule("grad/" + name,
                    largest <= allowed ? "" : paser::message("is zero in theory, largest ", largest, " > ", allowed),
                    largest / allowed);
      continue;
    }
    c.expect(prefix + "grad/" + name, g);
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
