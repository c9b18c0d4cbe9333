/// Segments anyone's images with a trained PaSeR: a file that pipeline::save_paser wrote, or the folder of a run.
///
///   paser segment run new_images scan.tif --out segmented
///   find data -name '*.png' | paser segment run - --out segmented
///
/// Inputs are files (PNG, JPEG, BMP, PNM, TIFF, NPY), folders of them, and TIFF stacks, page by page; `-` is a list of
/// them on standard input and `@FILE` one in a file, a name per line. Gray or colour becomes what the networks take. An
/// image of any size is cut into overlapping windows of the size trained on (see pipeline/tiled.hpp). Of an image NAME
/// these files are written, each whole or not at all:
///
///   NAME_mask          class of each pixel
///   NAME_overlay       the image, gray if the networks see gray, under the colours of the classes and their outlines;
///                      class 0 is left clear
///   NAME_probability   of the class
///   NAME_entropy       what f1 is unsure of
///   NAME_routes        the model that answered, 0 for f1
///   NAME_class_K       of class K the probability; only when asked for, by --write classes
///   areas.csv          pixels, share and area of each class in every image of this command; the area where a TIFF
///                      file says how large its pixels are
///
/// A stack becomes TIFF stacks of as many pages, with the resolution of the input: classes and models as 8-bit numbers,
/// probabilities (0 .. 1) and entropies (nats) as 32-bit floats; when a page fails, no stack is written. Other images
/// become PNG: classes, models and entropy with palettes (entropy in 256 steps from 0, dark, to ln(classes), bright),
/// probabilities 0 .. 255 for 0 .. 1. --format chooses one of these for all; of stacks as PNG the pages are
/// NAME_0001_mask.png and so on. png16 has probabilities and entropy as 16-bit gray, 65535 for 1 and for ln(classes).
///
/// Memory: the decoded page, a byte per pixel of each picture asked for (three of the overlay, four of probabilities
/// and entropies), and one row of windows. Exit status: 0 all done; 1 some image failed, the others are done; 2 wrong
/// options, an unreadable model or list, or a name on the command line of nothing that is there; 3 a number of the
/// model or of an answer is not finite, other images are done; 130 interrupted, what was done before is whole.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "common_options.hpp"
#include "model_options.hpp"
#include "paser/io/json.hpp"
#include "program.hpp"
#include "segment_image/session.hpp"

namespace command {

namespace segment_command {

using namespace paser;
using namespace segment_image;

struct Arguments {
  SessionOptions session;
  fs::path out = "segmented";
  std::vector<fs::path> inputs;
  bool overwrite = false;
  program::CommonOptions common;
};

/// Every image; returns whether it was interrupted.
bool work(Session& session, const std::vector<fs::path>& files, io::OutputFolder& out) {
  const report::InterruptGuard guard;
  const auto count = static_cast<Index>(files.size());
  try {
    report::Progress progress("segment", count, report::ProgressOptions{.unit = "files"});
    session.run(files, out, [&](Index done, const std::string& note) { progress.update(done, note); });
    progress.update(count);
    progress.finish();
    return false;
  } catch (const Stopped&) {
    std::cerr << "interrupted; the images before are done\n";
    return true;
  }
}

int segment_all(const Arguments& a) {
  const fs::path model = a.session.model.file();
  Session session = of_model(model, [&] { return Session(a.session, pipeline::load_paser(model)); });
  const std::vector<fs::path> files = listed(with_lists(a.inputs, std::cin), a.out);
  program::work_has_begun() = true;
  // Alone: of two commands that wrote here at a time, either's table would tell of the other's masks.
  io::OutputFolder out(
      a.out, "segment_image",
      {.called = "paser segment", .overwrite = a.overwrite, .alone = true, .dry_run = a.common.dry_run});
  out.protect(model);
  for (const fs::path& file : files) out.protect(file);
  for (const fs::path& input : a.inputs)
    if (input.string().starts_with('@')) out.protect(input.string().substr(1));
  if (std::ranges::count(a.session.write, "areas") > 0) out.require(AreaTable::file);
  bool stopped = false;
  if (a.common.dry_run) {
    DryRun would;
    would.reads({model});
    session.describe(files, out, would);
    would.print(std::cout, a.common.json);
  } else {
    stopped = work(session, files, out);
    session.write_areas(out);
    if (a.common.json) std::cout << io::json_text(session.document(model, stopped), 2) << std::endl;
    session.warn();
  }
  if (session.failures() > 0) std::cerr << session.failures() << " images failed\n";
  return stopped ? program::interrupted : session.status();
}

}  // namespace segment_command

int run_segment(int argc, char** argv) {
  using namespace segment_command;
  Arguments a;
  CLI::App app("Segments images of any size with a trained PaSeR.");
  add_model_options(app, a.session.model);
  app.add_option("inputs", a.inputs,
                 "images (PNG, JPEG, BMP, PNM, TIFF and NPY, also stacks) and folders of images; - reads names from "
                 "standard input, @FILE from a file, one per line")
      ->required();
  app.add_option("--out", a.out, "folder for the pictures")->capture_default_str();
  std::vector<std::string> kinds = Pictures::kinds;
  kinds.push_back("areas");
  app.add_option("--write", a.session.write,
                 "what to write, such as mask,overlay; all by default but `classes`, the probability of each class")
      ->delimiter(',')
      ->check(CLI::IsMember(kinds));
  app.add_option("--format", a.session.format,
                 "of the pictures; auto: TIFF for stacks, else PNG; png16: 16-bit numbers")
      ->check(CLI::IsMember(formats))
      ->capture_default_str();
  add_segmenter_options(app, a.session.segmenter);
  app.add_flag("--overwrite", a.overwrite, "replace files that paser segment did not write, but no input");
  a.common.add_to(app);
  app.footer(
      "Example: paser segment run new_images scan.tif --out segmented --write mask,overlay,areas\n"
      "Exit status: 0 all done; 1 some image failed, the others are done; 2 wrong options, or what they\n"
      "name is not there or cannot be read; 3 a number of the model or of an answer is not finite, other images are\n"
      "done; 130 interrupted, what was done before is whole.");
  return program::run(app, argc, argv, [&](const std::string&) {
    a.session.talk = !a.common.json;
    return segment_all(a);
  });
}

}  // namespace command
