#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "paser/core/isa.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv2d.hpp"

/// The layers that fit_algorithms times, and their times.
namespace fitting {

using namespace paser;
using kernels::ConvDirection;
using kernels::ConvShape;

inline double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of this thread, on which all kernels run here: what other processes take does not count.
inline double processor_seconds() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#else
  return wall_seconds();
#endif
}

constexpr std::array algorithms{ConvAlgorithm::direct, ConvAlgorithm::winograd_2x2, ConvAlgorithm::winograd_4x4};
constexpr std::array directions{ConvDirection::forward, ConvDirection::backward_input, ConvDirection::backward_weight};
constexpr std::array direction_names{"forward", "input gradient", "weight gradient"};

using Layer = std::array<Index, 5>;  // images, height, width, inputs, outputs

inline ConvShape shape_of(const Layer& l, ConvAlgorithm algorithm = ConvAlgorithm::automatic) {
  return {l[0], l[1], l[2], l[3], l[4], 3, 3, {.padding = {1, 1}, .algorithm = algorithm}};
}

class Layers {
 public:
  const std::vector<Layer>& all() const { return layers_; }

  void add(const Layer& layer) {
    if (std::find(layers_.begin(), layers_.end(), layer) == layers_.end()) layers_.push_back(layer);
  }

  /// The 3x3 layers of models::StaticUNet<1, ., width, depth>.
  void add_unet(Index n, Index h, Index w, Index width, Index depth) {
    const auto twice = [&](Index from, Index middle, Index to, Index level) {
      add({n, h >> level, w >> level, from, middle});
      add({n, h >> level, w >> level, middle, to});
    };
    twice(width / 2, width, width, 0);
    for (Index i = 0; i < depth; ++i) {
      const Index here = width << i, below = i + 1 == depth ? here : 2 * here;
      twice(here, below, below, i + 1);
      twice(2 * here, here, i > 0 ? here / 2 : here, i);
    }
  }

 private:
  std::vector<Layer> layers_;
};

inline std::vector<Layer> layers_to_time(bool quick) {
  Layers layers;
  const std::array<std::array<Index, 2>, 3> networks{{{8, 2}, {16, 4}, {64, 4}}};  // width, depth
  for (const auto& [width, depth] : networks) {
    for (const Index n : {1, 4, 16})
      if (!quick || n != 4) layers.add_unet(n, 56, 64, width, depth);
    if (width < 64) layers.add_unet(1, 224, 256, width, depth);
    if (!quick) layers.add_unet(128, 32, 32, width, depth);
  }
  for (const Index channels : {64, 256, 512})
    for (const Index side : {1, 2, 3, 4, 6, 8})
      for (const Index n : {1, 8})
        if (!quick || side % 2 == 0) layers.add({n, side, side, channels, channels});
  for (const Index c : {4, 8, 16, 24, 32, 64})
    for (const Index k : {4, 8, 16, 24, 32, 64})
      if (!quick || (c != 24 && k != 24)) layers.add({1, 56, 64, c, k});
  return layers.all();
}

/// The shortest time of each algorithm, in seconds.
using Times = std::array<double, 3>;
constexpr Times never{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(),
                      std::numeric_limits<double>::infinity()};
using Measured = std::map<Layer, std::array<Times, 3>>;  // by direction

inline void time_layer(const Layer& layer, std::array<Times, 3>& best) {
  constexpr double turn = 4e-3;  // seconds
  ConvShape s = shape_of(layer);
  const auto x = uniform<float>(Key{1}, Shape{s.x_size()}, -1, 1),
             dy = uniform<float>(Key{2}, Shape{s.y_size()}, -1, 1),
             weight = uniform<float>(Key{3}, Shape{s.weight_size()}, -1, 1);
  Tensor<float, 1> result({std::max({s.x_size(), s.y_size(), s.weight_size()})});
  float* const out = result.mutable_data();
  const float* const no_bias = nullptr;
  for (std::size_t d = 0; d < directions.size(); ++d)
    for (std::size_t a = 0; a < algorithms.size(); ++a) {
      s.options.algorithm = algorithms[a];
      const double start = processor_seconds();
      double before = start, after = start;
      for (int calls = 0; calls < 2 || after - start < turn; ++calls) {
        before = processor_seconds();
        switch (directions[d]) {
          case ConvDirection::forward:
            kernels::conv2d_forward(s, x.data(), weight.data(), no_bias, out);
            break;
          case ConvDirection::backward_input:
            kernels::conv2d_backward_input(s, dy.data(), weight.data(), out);
            break;
          case ConvDirection::backward_weight:
            kernels::conv2d_backward_weight(s, x.data(), dy.data(), out);
            break;
        }
        after = processor_seconds();
        best[d][a] = std::min(best[d][a], after - before);
      }
    }
}

/// Rounds over all layers until the time is used up, the layers without a time first. Returns how many of these are
/// left; none with `finish`, which takes as long as that needs.
inline std::size_t time_layers(const std::vector<Layer>& layers, double seconds, bool finish, Measured& measured) {
  const double end = wall_seconds() + seconds;
  const auto over = [&] { return wall_seconds() >= end; };
  std::vector<Layer> missing;
  for (const auto& layer : layers)
    if (!measured.contains(layer)) missing.push_back(layer);
  for (; !missing.empty() && (finish || !over()); missing.pop_back()) {
    auto& times = measured[missing.back()];
    times = {never, never, never};
    time_layer(missing.back(), times);
  }
  // Runs that end within a round begin at different layers.
  for (auto at = static_cast<std::size_t>(std::time(nullptr)); !over(); ++at) {
    const auto& layer = layers[at % layers.size()];
    time_layer(layer, measured.at(layer));
  }
  return missing.size();
}

/// Lines of a file: instruction set, layer, direction, three times.
inline Measured read_times(const std::string& file) {
  Measured measured;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string set;
    Layer layer{};
    std::size_t direction = 0;
    Times times{};
    words >> set;
    for (auto& extent : layer) words >> extent;
    words >> direction;
    for (auto& time : times) words >> time;
    if (!words || direction >= directions.size()) throw ValueError(file + ": not a line of times: " + line);
    if (set == isa()) measured.try_emplace(layer, std::array{never, never, never}).first->second[direction] = times;
  }
  return measured;
}

inline void write_times(const std::string& file, const Measured& measured) {
  std::ifstream in(file);
  std::string others;
  for (std::string line; std::getline(in, line);)
    if (line.rfind(std::string(isa()) + " ", 0) != 0) others += line + "\n";
  in.close();
  std::ofstream out(file);
  out << others;
  for (const auto& [layer, times] : measured)
    for (std::size_t d = 0; d < directions.size(); ++d) {
      out << isa();
      for (const Index extent : layer) out << ' ' << extent;
      out << ' ' << d;
      for (const double time : times[d]) out << ' ' << time;
      out << '\n';
    }
  if (!out) throw std::runtime_error("cannot write " + file);
}

}  // namespace fitting
