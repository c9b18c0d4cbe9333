#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/isa.hpp"
#include "paser/report/notes.hpp"
#include "paser/version.hpp"

/// The options that mean the same in every program, whatever its work is.
namespace program {

/// What --version prints.
inline std::string version_text() {
  return paser::message("paser ", paser::version, "\nkernels ", paser::isa(), "\nTIFF files ",
#ifdef PASER_WITH_TIFF
                        "yes"
#else
                        "no"
#endif
  );
}

/// How a program says what it found.
inline void add_json_option(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "print one JSON document in place of text");
}

/// How loudly it works, and whether it works at all. --quiet is obeyed by whoever writes to report::notes().
inline void add_manner_options(CLI::App& app, bool& dry_run) {
  app.add_flag("--dry-run", dry_run, "say what would be read and written, refuse what would be refused; write nothing");
  app.add_flag_callback(
      "--quiet", [] { paser::report::quiet() = true; },
      "no progress and no notes on standard error; errors and warnings stay, and so does the result");
  app.set_version_flag("--version", version_text, "say which program this is");
}

/// The same as fields of a program's arguments.
struct CommonOptions {
  bool json = false, dry_run = false;

  void add_to(CLI::App& app) {
    add_json_option(app, json);
    add_manner_options(app, dry_run);
  }
};

}  // namespace program
