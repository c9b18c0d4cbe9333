#include "closed_form.hpp"

#include <cmath>

namespace fixtures {

using paser::Index;

std::uint32_t fnv1a32(std::string_view bytes) {
  std::uint32_t h = 2166136261u;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  return h;
}

std::uint32_t fmix32(std::uint32_t h) {
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  return h ^ (h >> 16);
}

HashStream::HashStream(std::string_view name, std::uint32_t seed)
    : base_(fmix32(fnv1a32(name) ^ (seed * 0x9E3779B9u))) {}

double HashStream::operator()(Index i) const {
  return static_cast<double>(fmix32(base_ + static_cast<std::uint32_t>(i) * 0x9E3779B9u) >> 8) * 0x1p-24;
}

std::vector<float> closed_form_values(const std::string& name, std::uint32_t seed, const std::vector<Index>& shape,
                                      Index fan, bool norm) {
  const auto ends_with = [&name](std::string_view suffix) { return std::string_view(name).ends_with(suffix); };
  double centre = 0, spread = 0;
  if (ends_with("running_var")) {
    centre = 1;
    spread = 0.5;
  } else if (ends_with("running_mean")) {
    spread = 0.2;
  } else if (ends_with("num_batches_tracked")) {
    spread = 0;
  } else if (ends_with("weight") || ends_with("bias")) {
    centre = norm && ends_with("weight") ? 1 : 0;
    spread = norm ? 0.2 : 1 / std::sqrt(static_cast<double>(fan));
  } else {
    throw paser::ValueError("closed form: no rule for an entry called " + name);
  }
  Index count = 1;
  for (const Index extent : shape) count *= extent;
  const HashStream u(name, seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i)
    values[static_cast<std::size_t>(i)] = static_cast<float>(centre + spread * (2 * u(i) - 1));
  return values;
}

paser::Tensor<float, 4> closed_form_mask(const std::string& tag, const std::string& site, std::uint32_t seed,
                                         double drop_rate, const paser::Shape<4>& shape) {
  const HashStream u("mask/" + tag + "/" + site, seed);
  paser::Tensor<float, 4> mask(shape);
  float* out = mask.mutable_data();
  for (Index n = 0; n < shape.n(); ++n)
    for (Index h = 0; h < shape.h(); ++h)
      for (Index w = 0; w < shape.w(); ++w)
        for (Index c = 0; c < shape.c(); ++c)
          *out++ = u(((n * shape.c() + c) * shape.h() + h) * shape.w() + w) >= drop_rate ? 1.0f : 0.0f;
  return mask;
}

}  // namespace fixtures
