/// Fits the table of include/paser/kernels/conv/cost_table.hpp for this machine and the instruction set of PASER_ISA:
/// times every algorithm on the 3x3 layers of the three UNets and on small maps and few channels, one thread, and
/// prints the table, each layer's choice beside its best algorithm, and what the choices lose. scripts/fit_algorithms
/// runs it.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "paser/core/isa.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/random.hpp"
#include "paser/kernels/conv/cost_model.hpp"
#include "paser/kernels/conv2d.hpp"

namespace {

using namespace paser;
using kernels::ConvDirection;
using kernels::ConvShape;
using kernels::detail::ConvCost;
using kernels::detail::ConvCosts;
using kernels::detail::ConvWork;
using kernels::detail::FewestChannels;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of this thread, on which all kernels run here: what other processes take does not count.
double processor_seconds() {
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

ConvShape shape_of(const Layer& l, ConvAlgorithm algorithm = ConvAlgorithm::automatic) {
  return {l[0], l[1], l[2], l[3], l[4], 3, 3, {.padding = {1, 1}, .algorithm = algorithm}};
}

class Layers {
 public:
  const std::vector<Layer>& all() const { return layers_; }

  void add(const Layer& layer) {
    if (std::find(layers_.begin(), layers_.end(), layer) == layers_.end()) layers_.push_back(layer);
  }

  /// The 3x3 layers of models::UNet<1, ., width, depth>.
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

std::vector<Layer> layers_to_time(bool quick) {
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

void time_layer(const Layer& layer, std::array<Times, 3>& best) {
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
      s.spec.algorithm = algorithms[a];
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
std::size_t time_layers(const std::vector<Layer>& layers, double seconds, bool finish, Measured& measured) {
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
Measured read_times(const std::string& file) {
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

void write_times(const std::string& file, const Measured& measured) {
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

/// One layer in one direction.
struct Case {
  ConvShape shape;
  ConvDirection direction;
  Times times;
  std::array<ConvWork, 3> work;

  double best() const { return *std::min_element(times.begin(), times.end()); }
};

std::vector<Case> cases_of(const std::vector<Layer>& layers, const Measured& measured) {
  std::vector<Case> cases;
  for (const auto& layer : layers)
    for (std::size_t d = 0; d < directions.size(); ++d) {
      const ConvShape s = shape_of(layer);
      cases.push_back({s, directions[d], measured.at(layer)[d], kernels::detail::conv_work(s, directions[d])});
    }
  return cases;
}

/// A x = b of up to three unknowns, or nothing where A is singular. Gauss with pivots.
std::optional<std::vector<double>> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t j = i; j < n; ++j)
      if (std::abs(a[j][i]) > std::abs(a[pivot][i])) pivot = j;
    if (std::abs(a[pivot][i]) == 0) return {};
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      const double factor = a[j][i] / a[i][i];
      for (std::size_t l = i; l < n; ++l) a[j][l] -= factor * a[i][l];
      b[j] -= factor * b[i];
    }
  }
  for (std::size_t i = 0; i < n; ++i) b[i] /= a[i][i];
  return b;
}

/// The costs >= 0 of one algorithm with the least squares of relative errors of its times. An error counts the less the
/// slower the algorithm is beside the best one, since then it decides nothing.
ConvCost fit_row(const std::vector<Case>& cases, std::size_t algorithm) {
  ConvCost best{};
  double least = std::numeric_limits<double>::infinity();
  for (unsigned used = 1; used < 8; ++used) {  // which of the three are not 0
    std::vector<std::size_t> unknowns;
    for (std::size_t i = 0; i < 3; ++i)
      if (used >> i & 1U) unknowns.push_back(i);
    const std::size_t n = unknowns.size();
    std::vector<std::vector<double>> a(n, std::vector<double>(n));
    std::vector<double> b(n);
    double squares = 0;
    for (const auto& one : cases) {
      const double time = one.times[algorithm], weight = std::pow(one.best() / time, 2);
      const ConvWork& work = one.work[algorithm];
      const std::array<double, 3> parts{work.products / time, work.values / time, work.pairs / time};
      squares += weight;
      for (std::size_t i = 0; i < n; ++i) {
        b[i] += weight * parts[unknowns[i]];
        for (std::size_t j = 0; j < n; ++j) a[i][j] += weight * parts[unknowns[i]] * parts[unknowns[j]];
      }
    }
    const auto x = solve(a, b);
    if (!x || std::any_of(x->begin(), x->end(), [](double value) { return value < 0; })) continue;
    for (std::size_t i = 0; i < n; ++i) squares -= (*x)[i] * b[i];
    if (squares >= least) continue;
    least = squares;
    std::array<double, 3> cost{};
    for (std::size_t i = 0; i < n; ++i) cost[unknowns[i]] = (*x)[i];
    best = {cost[0], cost[1], cost[2]};
  }
  return best;
}

std::size_t choice(const Case& one, const ConvCosts& costs) {
  const auto algorithm = kernels::detail::plan_convolution(one.shape, one.direction, costs).algorithm;
  return static_cast<std::size_t>(std::find(algorithms.begin(), algorithms.end(), algorithm) - algorithms.begin());
}

/// What the choices take beyond the best algorithms, as a part of these.
struct Lost {
  double mean = 0, worst = 0;
};

Lost lost(const std::vector<Case>& cases, const ConvCosts& costs) {
  Lost lost;
  for (const auto& one : cases) {
    const double part = one.times[choice(one, costs)] / one.best() - 1;
    lost.mean += part / static_cast<double>(cases.size());
    lost.worst = std::max(lost.worst, part);
  }
  return lost;
}

template <class F>
std::vector<Case> those(const std::vector<Case>& cases, const F& wanted) {
  std::vector<Case> some;
  std::copy_if(cases.begin(), cases.end(), std::back_inserter(some), wanted);
  return some;
}
auto of_direction(ConvDirection direction) {
  return [direction](const Case& one) { return one.direction == direction; };
}
/// The limits that lose least, of equal ones those that leave most to direct summation.
FewestChannels fit_fewest(const std::vector<Case>& cases, ConvDirection direction, ConvCosts costs) {
  FewestChannels best{}, &fewest = costs[static_cast<std::size_t>(direction)].fewest;
  double least = std::numeric_limits<double>::infinity();
  for (const Index read : {32, 16, 8, 4, 1})
    for (const Index written : {32, 16, 8, 4, 1})
      for (const Index pairs : {1024, 512, 256, 128, 64, 1}) {
        fewest = {read, written, pairs};
        const double mean = lost(cases, costs).mean;
        if (mean < least - 1e-4) least = mean, best = fewest;
      }
  return best;
}

/// Three digits of `value`, of which none would be noticed.
double rounded(double value) {
  if (value <= 0) return 0;
  const double step = std::pow(10, std::floor(std::log10(value)) - 2);
  return std::round(value / step) * step;
}

/// The table that the library has.
ConvCosts present_costs() {
  if (isa() == "x86-64-v4") return kernels::detail::costs_x86_64_v4;
  return isa() == "x86-64" ? kernels::detail::costs_x86_64 : kernels::detail::costs_x86_64_v3;
}

/// Direct summation packs its weights, which moves each of them at least once. Few layers have so many that a fit sees
/// it, but the weights to keep packed are chosen by it.
void charge_for_weights(ConvCost& direct) {
  direct.c = std::max(direct.c, direct.b);
}

/// Changes one constant of a direction at a time for as long as the choices lose less: times near each other weigh as
/// much as others in a fit of times, but a choice between them costs nothing.
void descend(const std::vector<Case>& cases, ConvDirection direction, ConvCosts& costs) {
  auto& rows = costs[static_cast<std::size_t>(direction)].rows;
  double least = lost(cases, costs).mean;
  for (bool better = true; better;) {
    better = false;
    for (ConvCost& row : rows)
      for (double ConvCost::*const constant : {&ConvCost::a, &ConvCost::b, &ConvCost::c})
        for (const double factor : {0.8, 0.9, 0.97, 1.03, 1.1, 1.25}) {
          const double before = row.*constant;
          row.*constant = rounded(before * factor);
          charge_for_weights(rows[0]);
          const double mean = lost(cases, costs).mean;
          better = better || mean < least - 1e-4;
          if (mean < least - 1e-4)
            least = mean;
          else
            row.*constant = before;
        }
  }
}

/// The rows of a direction whose choices lose least: those of the fit or those that the library has.
ConvCosts fit(const std::vector<Case>& cases) {
  ConvCosts costs{};
  double unit = 0;
  for (const auto direction : directions) {
    const auto some = those(cases, of_direction(direction));
    auto& [rows, fewest] = costs[static_cast<std::size_t>(direction)];
    // The limits keep layers out of the rows of Winograd, and the rows decide what the limits are good for.
    for (int step = 0; step < 3; ++step) {
      const auto fitting =
          those(some, [&](const Case& one) { return kernels::detail::fits_winograd(one.shape, one.direction, costs); });
      for (std::size_t a = 0; a < algorithms.size(); ++a) {
        const ConvCost row = fit_row(a == 0 ? some : fitting, a);
        if (unit <= 0) unit = row.a;
        rows[a] = {rounded(row.a / unit), rounded(row.b / unit), rounded(row.c / unit)};
        if (a == 0) charge_for_weights(rows[0]);
      }
      fewest = fit_fewest(some, direction, costs);
    }
    ConvCosts present = present_costs();
    descend(some, direction, costs);
    descend(some, direction, present);
    if (lost(some, present).mean <= lost(some, costs).mean)
      costs[static_cast<std::size_t>(direction)] = present[static_cast<std::size_t>(direction)];
  }
  return costs;
}

std::string percent(double part) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * part);
  return text;
}

/// "Lost forward 0.2 %, at most 17 %; ..."
std::string what_is_lost(const std::vector<Case>& cases, const ConvCosts& costs) {
  std::string text = "Lost";
  for (std::size_t d = 0; d < directions.size(); ++d) {
    const auto [mean, worst] = lost(those(cases, of_direction(directions[d])), costs);
    text +=
        (d > 0 ? "; " : " ") + std::string(direction_names[d]) + ' ' + percent(mean) + ", at most " + percent(worst);
  }
  return text;
}

void print_cases(const std::vector<Case>& cases, const ConvCosts& costs) {
  std::printf("%-16s%-22s%11s%11s%11s  %-14s%-14s%8s\n", "", "n h w c k", "direct", "2x2", "4x4 (ms)", "choice", "best",
              "lost");
  for (const auto& one : cases) {
    std::ostringstream layer;
    for (const Index extent : {one.shape.n, one.shape.h, one.shape.w, one.shape.c, one.shape.k}) layer << extent << ' ';
    const std::size_t chosen = choice(one, costs);
    const auto best =
        static_cast<std::size_t>(std::min_element(one.times.begin(), one.times.end()) - one.times.begin());
    std::printf("%-16s%-22s%11.4f%11.4f%11.4f  %-14s%-14s%8s\n",
                direction_names[static_cast<std::size_t>(one.direction)], layer.str().c_str(), 1e3 * one.times[0],
                1e3 * one.times[1], 1e3 * one.times[2], name(algorithms[chosen]).c_str(),
                name(algorithms[best]).c_str(), percent(one.times[chosen] / one.best() - 1).c_str());
  }
}

/// The processor as Linux names it, with the numbers that tell its generation.
std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  std::string model, numbers;
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const auto value = line.find(": ");
    if (value == std::string::npos) continue;
    if (line.rfind("model name", 0) == 0) model = line.substr(value + 2);
    if (line.rfind("cpu family", 0) == 0) numbers += ", family " + line.substr(value + 2);
    if (line.rfind("model\t", 0) == 0) numbers += ", model " + line.substr(value + 2);
  }
  return (model.empty() ? "an unknown processor" : model) + numbers;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

/// The table as it stands in cost_table.hpp.
std::string table_text(const std::vector<Case>& cases, const ConvCosts& costs) {
  std::string identifier(isa());
  std::replace(identifier.begin(), identifier.end(), '-', '_');
  std::ostringstream text;
  text << "// " << isa() << ": " << processor() << ",\n// " << today() << ", scripts/fit_algorithms.\n// "
       << what_is_lost(cases, costs) << ".\ninline constexpr ConvCosts costs_" << identifier << "{{\n";
  for (const auto& [rows, fewest] : costs) {
    text << "    {{{";
    for (std::size_t a = 0; a < rows.size(); ++a)
      text << (a > 0 ? ", {" : "{") << rows[a].a << ", " << rows[a].b << ", " << rows[a].c << '}';
    text << "}}, {" << fewest.read << ", " << fewest.written << ", " << fewest.pairs << "}},\n";
  }
  text << "}};\n";
  return text.str();
}

/// Throws ValueError unless the text is a number of seconds up to a day.
double seconds_of(const std::string& text) {
  std::size_t read = 0;
  double seconds = 0;
  try {
    seconds = std::stod(text, &read);
  } catch (const std::exception&) {
    read = 0;
  }
  check<ValueError>(read > 0 && read == text.size() && seconds > 0 && seconds <= 86400, "--seconds",
                    "expected a number of seconds above 0 and up to 86400, got '", text, "'");
  return seconds;
}

int run(int argc, char** argv) {
  double seconds = 150;
  bool quick = false;
  std::string times, table;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const bool more = i + 1 < argc;
    if (option == "--quick") {
      quick = true;
      seconds = std::min(seconds, 30.0);
    } else if (option == "--isa") {
      std::cout << isa() << '\n';
      return 0;
    } else if (option == "--seconds" && more) {
      seconds = seconds_of(argv[++i]);
    } else if (option == "--times" && more) {
      times = argv[++i];
    } else if (option == "--table" && more) {
      table = argv[++i];
    } else {
      std::cerr
          << "usage: fit_algorithms [--isa] [--quick] [--seconds S] [--times FILE] [--table FILE]\n"
             "  --isa          names the instruction set, and no more\n"
             "  --quick        fewer layers, 30 seconds\n"
             "  --seconds S    time to measure, 150 by default\n"
             "  --times FILE   begins with the times of earlier runs from there, and writes the least ones there\n"
             "  --table FILE   writes the table, as it stands in cost_table.hpp, to this new file\n"
             "PASER_ISA chooses the instruction set.\n";
      return 2;
    }
  }
  // Before minutes are spent.
  check<ValueError>(table.empty() || !std::filesystem::exists(table), "--table", table,
                    " is there already, and is not replaced");
  set_threads(1);
  const auto layers = layers_to_time(quick);
  Measured measured = times.empty() ? Measured() : read_times(times);
  const std::size_t missing = time_layers(layers, seconds, times.empty(), measured);
  if (!times.empty()) write_times(times, measured);
  if (missing > 0) {
    std::cerr << missing << " of " << layers.size() << " layers have no times yet: run this again\n";
    return 1;
  }

  const auto cases = cases_of(layers, measured);
  const ConvCosts costs = fit(cases);
  print_cases(cases, costs);
  std::cout << "\nThe table of the library: " << what_is_lost(cases, present_costs()) << "\n\n"
            << table_text(cases, costs);
  if (table.empty()) return 0;
  std::ofstream out(table);
  out << table_text(cases, costs);
  return out ? 0 : throw std::runtime_error("cannot write " + table);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
