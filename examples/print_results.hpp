#pragma once

#include <filesystem>
#include <ostream>

#include "paser/report/table.hpp"

/// The end of what a training program prints.
namespace program {

/// Time and memory of the stages, the paper's statements with the numbers of this run, and where the rest is.
/// `trained` are the files of trained PaSeRs.
inline void print_results(std::ostream& out, const paser::report::Results& results, const std::filesystem::path& run,
                          const std::vector<std::filesystem::path>& trained) {
  using paser::report::fixed;
  out << "Time and memory of the stages\n"
      << paser::report::stages_table(results) << paser::report::stages_legend(results) << "\n"
      << "What the paper says, and what this run (preset " << results.preset << ") measured\n";
  for (const paser::report::Claim& claim : results.claims)
    out << (!claim.reproduced   ? "[only compared]  "
            : *claim.reproduced ? "[holds here]     "
                                : "[does not hold]  ")
        << claim.text << ": " << (claim.measured ? fixed(*claim.measured, 4) : "-")
        << (claim.paper ? " (paper " + fixed(*claim.paper, 4) + ")" : "") << "\n"
        << (claim.explanation.empty() ? "" : std::string(17, ' ') + claim.explanation + "\n");
  out << "\nReport page    " << (run / "report.html").string() << "  (for a browser; one file that loads nothing)\n"
      << "All numbers    " << (run / "results.json").string() << "\n";
  for (std::size_t i = 0; i < trained.size(); ++i)
    out << (i == 0 ? "Trained PaSeR  " : "               ") << trained[i].string() << "\n";
  out << std::flush;
}

}  // namespace program
