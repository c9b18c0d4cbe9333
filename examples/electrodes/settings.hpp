#pragma once

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "paser/core/text.hpp"
#include "paser/data/synthetic/parameters.hpp"

/// The recipe's parameters on a command line.
namespace electrodes {

using paser::data::synthetic::ElectrodeParameters;
using paser::data::synthetic::Range;

/// Numbers separated by commas.
inline std::vector<double> numbers(const std::string& text, const std::string& setting) {
  std::vector<double> result;
  paser::check<paser::ValueError>(!text.ends_with(','), "--set", "'", setting, "' ends with a comma");
  std::istringstream in(text);
  for (std::string item; std::getline(in, item, ',');) {
    std::size_t used = 0;
    try {
      result.push_back(std::stod(item, &used));
    } catch (const std::exception&) {
      used = std::string::npos;
    }
    paser::check<paser::ValueError>(used == item.size(), "--set", "'", setting, "': '", item, "' is not a number");
  }
  return result;
}

/// Applies "name=value" or "name=low,high".
inline void apply(const std::string& setting, ElectrodeParameters& parameters) {
  const std::size_t equals = setting.find('=');
  paser::check<paser::ValueError>(equals != std::string::npos, "--set", "'", setting, "', expected name=value");
  const std::string wanted = setting.substr(0, equals);
  const std::vector<double> values = numbers(setting.substr(equals + 1), setting);
  std::vector<std::string> known;
  bool found = false;
  ElectrodeParameters::visit(parameters, [&]<class T>(const char* name, T& value) {
    known.emplace_back(name);
    if (wanted != name) return;
    found = true;
    const std::size_t most = std::is_same_v<T, Range> ? 2 : 1;
    paser::check<paser::ValueError>(!values.empty() && values.size() <= most, "--set", "'", setting, "': ", wanted,
                                    most == 2 ? " takes low,high or one number for both" : " takes one number");
    if constexpr (std::is_same_v<T, paser::Index>)
      paser::check<paser::ValueError>(
          values.front() >= 0 && values.front() < 1e6 && values.front() == std::floor(values.front()), "--set", "'",
          setting, "', expected a whole number");
    if constexpr (std::is_same_v<T, Range>)
      value = {static_cast<float>(values.front()), static_cast<float>(values.back())};
    else
      value = static_cast<T>(values.front());
  });
  if (!found) throw paser::ValueError(paser::unknown_name("parameter", wanted, known));
}

}  // namespace electrodes
