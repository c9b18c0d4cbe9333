#pragma once

/// What the programs of this folder have in common: each runs single layers by one library and answers one request a
/// line, `error SENTENCE` when it fails or when the library has no such layer:
///   load NAME PASS N H W C K R STRIDE PADDING DILATION GROUPS  sets the layer up -> ok
///   check NAME FILE                                           writes the result, float32 -> ok
///   run NAME                                                  runs it once -> milliseconds
///   drop NAME                                                 frees its memory -> ok
/// PASS is `forward`, `input_gradient`, `weight_gradient` or `gemm`. Results are in the order (N,H,W,C) or (R,S,C,K). A
/// gemm multiplies (N x C) by (C x K). Data come from a function of the element's number, so that all programs have the
/// same.

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace layer_worker {

using Values = std::vector<float>;

struct Layer {
  std::string pass;
  std::int64_t n, h, w, c, k, r, stride, padding, dilation, groups;

  std::int64_t out(std::int64_t in) const { return (in + 2 * padding - dilation * (r - 1) - 1) / stride + 1; }
  std::int64_t out_h() const { return out(h); }
  std::int64_t out_w() const { return out(w); }
  std::int64_t group_c() const { return c / groups; }
  std::size_t x_size() const { return static_cast<std::size_t>(n * h * w * c); }
  std::size_t y_size() const { return static_cast<std::size_t>(n * out_h() * out_w() * k); }
  std::size_t weight_size() const { return static_cast<std::size_t>(r * r * group_c() * k); }
};

/// Numbers in [-1, 1), the same in every program.
inline Values data(std::size_t size, std::uint64_t stream) {
  Values values(size);
  for (std::size_t i = 0; i < size; ++i) {
    std::uint64_t z = (stream << 40) + i + 0x9E3779B97F4A7C15U * (i + 1);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    values[i] = static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-23F - 1.0F;
  }
  return values;
}
inline Values x_data(const Layer& layer) {
  return data(layer.x_size(), 1);
}
inline Values weight_data(const Layer& layer) {
  return data(layer.weight_size(), 2);
}
inline Values dy_data(const Layer& layer) {
  return data(layer.y_size(), 3);
}

/// A layer that is ready to run, and its result as of the last run.
struct Job {
  std::function<void()> run;
  std::function<Values()> result;
};

inline std::string answer(std::istream& request, const std::function<Job(const Layer&)>& make,
                          std::map<std::string, Job>& jobs) {
  std::string what, name;
  request >> what >> name;
  if (what == "load") {
    Layer l{};
    request >> l.pass >> l.n >> l.h >> l.w >> l.c >> l.k >> l.r >> l.stride >> l.padding >> l.dilation >> l.groups;
    if (!request) throw std::invalid_argument("a layer has a pass and ten numbers");
    jobs[name] = make(l);
  } else if (what == "check") {
    std::string path;
    request >> path;
    jobs.at(name).run();
    const Values result = jobs.at(name).result();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(result.data()), static_cast<std::streamsize>(4 * result.size()));
  } else if (what == "run") {
    const auto start = std::chrono::steady_clock::now();
    jobs.at(name).run();
    return std::to_string(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  } else if (what == "drop") {
    jobs.erase(name);
  } else {
    throw std::invalid_argument("no such request: " + what);
  }
  return "ok";
}

/// Answers until the input ends. `make` sets a layer up and throws when the library does not have it.
inline void serve(const std::function<Job(const Layer&)>& make) {
  std::map<std::string, Job> jobs;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream request(line);
    try {
      std::cout << answer(request, make, jobs) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
}

}  // namespace layer_worker
