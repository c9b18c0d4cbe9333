/// Fits the table of include/paser/kernels/conv/cost_table.hpp for this machine and the instruction set of PASER_ISA:
/// times every algorithm on the 3x3 layers of the three UNets and on small maps and few channels, one thread, and
/// prints the table, each layer's choice beside its best algorithm, and what the choices lose. scripts/fit_algorithms
/// runs it.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "fitting/cost_fit.hpp"
#include "paser/core/parallel.hpp"

namespace {

using namespace fitting;

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
