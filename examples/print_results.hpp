#pragma once

#include <filesystem>
#include <ostream>

#include "paser/report/table.hpp"

/// The end of what a training program prints.
namespace program {

/// Time and memory of the stages, the paper's statements with the numbers of this run, and where the rest is.
inline void print_results(std::ostream& out, const paser::report::Results& results, const std::filesystem::path& run) {
  using paser::report::fixed;
  out << paser::report::stages_table(results) << "\n";
  for (const paser::report::Claim& claim : results.claims)
    out << (claim.reproduced ? "[reproduced]     " : "[not reproduced] ") << claim.text << ": "
        << (claim.measured ? fixed(*claim.measured, 4) : "-")
        << (claim.paper ? " (paper " + fixed(*claim.paper, 4) + ")" : "") << "\n";
  out << "\n" << (run / "results.json").string() << "\n" << (run / "report.html").string() << "\n";
}

}  // namespace program
