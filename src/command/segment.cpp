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
/// options or an unreadable model; 3 a number of the model or of an answer is not finite, other images are done; 130
/// interrupted, what was done before is whole.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "model_options.hpp"
#include "paser/core/text.hpp"
#include "paser/data/range_fit.hpp"
#include "paser/io/json.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"
#include "segment_image/outputs.hpp"
#include "segment_image/segmenter.hpp"

namespace command {

namespace segment_command {

using namespace paser;
using namespace segment_image;

struct Arguments {
  ModelOptions model;
  fs::path out = "segmented";
  std::vector<fs::path> inputs;
  std::vector<std::string> write{"mask", "overlay", "probability", "entropy", "routes", "areas"};
  std::string format = "auto";
  SegmenterOptions segmenter;
  bool json = false, quiet = false, overwrite = false, dry_run = false;
};

/// Ctrl-C.
struct Stopped {};

/// Segments images one by one and keeps the account of it.
class Session {
 public:
  Session(const Arguments& arguments, pipeline::LoadedPaser<float> model)
      : a_(arguments),
        segmenter_(a_.model, a_.segmenter, std::move(model)),
        d_(segmenter_.description()),
        wanted_(a_.write.begin(), a_.write.end()),
        pictures_(Pictures::names(wanted_, d_.classes())),
        areas_(d_.class_names),
        watch_(d_.calibration) {
    segmenter_.class_probabilities(wanted_.contains("classes"));
  }

  /// Every page of every file; what fails is told and counted. `tell` is called with the place in the work.
  template <class Tell>
  void run(const std::vector<fs::path>& files, io::OutputFolder& out, const Tell& tell) {
    for (std::size_t i = 0; i < files.size(); ++i)
      attempt(files[i].string(), files[i], 0, [&] {
        segment_file(files[i], out, [&](const std::string& note) { tell(static_cast<Index>(i), note); });
      });
  }

  /// Writes the table of areas, if it is asked for and there is something to tell.
  void write_areas(io::OutputFolder& out) const {
    if (wanted_.contains("areas") && segmented_ > 0) out.write(AreaTable::file, areas_.text());
  }

  Index failures() const { return failures_; }
  /// The exit status that they call for.
  int status() const { return not_finite_ ? program::not_finite : failures_ > 0 ? program::failed : program::done; }

  /// What is to be said of the images as a whole.
  void warn() const {
    if (turned_ > 0)
      std::cerr << "warning: " << turned_
                << " images were turned upright, as the orientation in their files says, and so are their masks\n";
    if (const std::string dark = brightest_ ? data::dark_warning(*brightest_) : ""; !dark.empty())
      std::cerr << "warning: " << dark << "\n";
    const auto found = watch_.check();
    if (a_.model.target.asked() && found && found->other()) std::cerr << program::DomainWatch::warning(*found) << "\n";
  }

  /// What --json prints.
  nlohmann::json document(const fs::path& model, bool interrupted) const {
    nlohmann::json document{{"model", model.string()},
                            {"method", a_.model.only},
                            {"classes", d_.class_names},
                            {"estimator", program::part_json(segmenter_.paser().estimator.spec())},
                            {"policy", program::part_json(segmenter_.policy().spec())},
                            {"seed", a_.segmenter.seed},
                            {"window", {{"height", d_.height}, {"width", d_.width}, {"overlap", a_.model.overlap}}},
                            {"images", images_},
                            {"failed", failures_},
                            {"interrupted", interrupted}};
    // Of a policy that weighs gain against cost; null for others.
    if (const auto found = watch_.check()) document["domain"] = *found;
    const std::optional<double> price = pipeline::price_of(segmenter_.policy());
    document["price"] = price ? nlohmann::json(*price) : nlohmann::json();
    return document;
  }

 private:
  static std::string numbered(Index page) {
    const std::string digits = std::to_string(page);
    return "_" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
  }

  template <class Body>
  void attempt(const std::string& origin, const fs::path& file, Index page, const Body& body) {
    try {
      if (report::interrupted()) throw Stopped();
      body();
    } catch (const std::exception& error) {
      ++failures_;
      not_finite_ = not_finite_ || dynamic_cast<const NotFiniteError*>(&error) != nullptr;
      const std::string text = error.what();
      std::cerr << "error: " << visible(text.find(file.string()) == std::string::npos ? origin + ": " : "")
                << visible(text, "\n") << "\n";
      nlohmann::json failed{{"image", file.string()}, {"error", text}};
      if (page > 0) failed["page"] = page;
      images_.push_back(failed);
    }
  }

  bool as_tiff(Index pages) const { return a_.format == "tiff" || (a_.format == "auto" && pages > 1); }

  /// All pages of a file.
  template <class Tell>
  void segment_file(const fs::path& file, io::OutputFolder& out, const Tell& tell) {
    io::ImageFile image(file);
    const Index pages = image.pages();
    const std::string stem = file.stem().string();
    const auto resolution = image.resolution();
    area_ = resolution ? io::pixel_area(*resolution) : std::nullopt;
    std::optional<Stack> stack;
    if (as_tiff(pages)) {
      take_name(stem);
      stack.emplace(out, stem, pictures_, pages, resolution);
    }
    const Index failures = failures_;
    const std::size_t first = images_.size();
    std::vector<Index> sum(d_.class_names.size(), 0);
    for (Index page = 0; page < pages; ++page) {
      const std::string name = pages == 1 ? stem : stem + numbered(page + 1);
      const std::string origin = pages == 1 ? file.string() : message(file.string(), ", page ", page + 1);
      segmenter_.progress([&](Index done, Index windows) {
        if (report::interrupted()) throw Stopped();
        tell(message(name, ": window ", done, "/", windows));
      });
      attempt(origin, file, pages > 1 ? page + 1 : 0, [&] {
        io::DecodedImage pixels = image.page(page);
        turned_ += pixels.orientation != 1 ? 1 : 0;
        note_brightness(pixels);
        const Rows rows(std::move(pixels), d_.channels, d_.value_range, origin);
        if (!stack) {
          take_name(name);
          for (const std::string& picture : pictures_) out.require(name + "_" + picture + ".png");
        }
        nlohmann::json told{{"image", file.string()}, {"name", name}};
        const Pictures made = segment(rows, told);
        if (stack)
          stack->add(made);
        else
          told["files"] = write_png(out, name, pictures_, made, a_.format == "png16");
        if (pages > 1) told["page"] = page + 1;
        areas_.add(file.string(), pages > 1 ? std::to_string(page + 1) : "", made.pixels_of_class(), area_);
        std::transform(sum.begin(), sum.end(), made.pixels_of_class().begin(), sum.begin(), std::plus<>{});
        ++segmented_;
        images_.push_back(told);
        if (!a_.json) say(origin, told);
      });
    }
    if (pages > 1 && std::accumulate(sum.begin(), sum.end(), Index{0}) > 0)
      areas_.add(file.string(), "all", sum, area_);
    if (!stack || pictures_.empty()) return;
    if (failures_ != failures) {
      std::cerr << "error: " << visible(file.string())
                << ": a page failed, so no stack of it is written; --format png writes the others page by page\n";
      return;
    }
    const Files files = stack->commit();
    for (std::size_t i = first; i < images_.size(); ++i) images_[i]["files"] = files;
  }

  void take_name(const std::string& name) {
    check<ValueError>(names_.insert(name).second, "segment_image",
                      "another image has written the pictures of the name ", name, " already");
  }

  /// Where the values are shares of the files' full scale.
  void note_brightness(const io::DecodedImage& page) {
    if (d_.value_range || page.real() || !page.palette.empty()) return;
    const auto most = std::ranges::max(page.integers.pixels.values());
    brightest_ = std::max(brightest_.value_or(0), static_cast<float>(most) / static_cast<float>(page.integers.maximum));
  }

  /// The pictures of an image, and into `told` what is to be said of it.
  Pictures segment(const Rows& rows, nlohmann::json& told) {
    Pictures made(wanted_, rows.height(), rows.width(), d_.classes(), segmenter_.paser().actions());
    double reading = 0;
    const double start = report::monotonic_seconds();
    const auto summary = segmenter_(rows, [&](const pipeline::TiledBand<float>& band) {
      const double before = report::monotonic_seconds();
      made.add(band, rows);
      reading += report::monotonic_seconds() - before;
    });
    const double seconds = report::monotonic_seconds() - start - reading;
    made.finish();
    watch_.add(summary.statistics);
    told.update({{"height", rows.height()},
                 {"width", rows.width()},
                 {"windows", summary.windows},
                 {"gmac", segmenter_.costs().of(summary.work) * 1e-9},
                 {"ms", 1e3 * seconds},
                 {"mean_entropy", made.mean_entropy()},
                 {"class_pixels", made.pixels_of_class()}});
    if (area_) told["pixel_area"] = {{"area", area_->area}, {"unit", area_->unit}};
    const Index patches = std::accumulate(summary.patches.begin(), summary.patches.end(), Index{0});
    for (std::size_t k = 0; k < d_.class_names.size(); ++k) told["class_shares"].push_back(made.share_of_class(k));
    for (const Index count : summary.patches)
      told["model_shares"].push_back(static_cast<double>(count) / static_cast<double>(patches));
    return made;
  }

  /// One line for people.
  void say(const std::string& origin, const nlohmann::json& image) const {
    std::cout << visible(origin) << ": " << image["height"] << " x " << image["width"] << ";";
    for (std::size_t k = 0; k < d_.class_names.size(); ++k)
      std::cout << (k > 0 ? ", " : " ") << visible(d_.class_names[k]) << " "
                << report::fixed(100 * image["class_shares"][k].get<double>(), 1) << " %";
    std::cout << "; patches";
    for (std::size_t k = 0; k < image["model_shares"].size(); ++k)
      std::cout << (k > 0 ? ", f" : " f") << k + 1 << " "
                << report::fixed(100 * image["model_shares"][k].get<double>(), 0) << " %";
    std::cout << "; " << report::fixed(image["gmac"].get<double>(), 3) << " GMAC, "
              << report::fixed(image["ms"].get<double>(), 0) << " ms" << std::endl;
  }

  const Arguments& a_;
  Segmenter segmenter_;
  const pipeline::PaserDescription& d_;
  std::set<std::string> wanted_;
  std::vector<std::string> pictures_;
  AreaTable areas_;
  std::optional<float> brightest_;     ///< of all images that are scaled by their depth, in [0,1]
  std::optional<io::PixelArea> area_;  ///< of a pixel of the present file
  std::set<std::string> names_;
  program::DomainWatch watch_;
  nlohmann::json images_ = nlohmann::json::array();
  Index failures_ = 0, turned_ = 0, segmented_ = 0;
  bool not_finite_ = false;
};

/// Says what would be segmented; the status tells whether every file can be read.
int tell_inputs(const std::vector<fs::path>& files, bool json) {
  nlohmann::json inputs = nlohmann::json::array();
  int status = program::done;
  for (const fs::path& file : files) {
    try {
      io::ImageFile image(file);
      const io::DecodedImage page = image.page(0);
      inputs.push_back({{"image", file.string()},
                        {"pages", image.pages()},
                        {"height", page.height()},
                        {"width", page.width()},
                        {"kind", page.kind()}});
      if (!json)
        std::cout << visible(file.string()) << ": " << image.pages()
                  << (image.pages() == 1 ? " page of " : " pages of ") << page.height() << " x " << page.width() << ", "
                  << page.kind() << "\n";
    } catch (const Error& error) {
      status = program::failed;
      std::cerr << "error: " << visible(error.what(), "\n") << "\n";
      inputs.push_back({{"image", file.string()}, {"error", error.what()}});
    }
  }
  if (json) std::cout << io::json_text(inputs, 2) << "\n";
  return status;
}

int segment_all(const Arguments& a) {
  const fs::path model = a.model.file();
  std::optional<Session> session;
  try {
    session.emplace(a, pipeline::load_paser(model));
  } catch (const NotFiniteError&) {
    throw;
  } catch (const std::exception& error) {
    std::cerr << "error: " << visible(error.what(), "\n") << "\n";
    return program::wrong_usage;
  }
  const std::vector<fs::path> files = listed(with_lists(a.inputs, std::cin), a.out);
  if (a.dry_run) return tell_inputs(files, a.json);
  io::OutputFolder out(a.out, "segment_image", {.overwrite = a.overwrite});
  out.protect(model);
  for (const fs::path& file : files) out.protect(file);
  if (std::ranges::count(a.write, "areas") > 0) out.require(AreaTable::file);
  const report::InterruptGuard guard;
  std::optional<report::Progress> progress;
  if (!a.quiet) progress.emplace("segment", static_cast<Index>(files.size()), report::ProgressOptions{.unit = "files"});
  bool stopped = false;
  try {
    session->run(files, out, [&](Index done, const std::string& note) {
      if (progress) progress->update(done, note);
    });
    if (progress) {
      progress->update(static_cast<Index>(files.size()));
      progress->finish();
    }
  } catch (const Stopped&) {
    stopped = true;
    progress.reset();
    std::cerr << "interrupted; the images before are done\n";
  }
  session->write_areas(out);
  if (a.json) std::cout << io::json_text(session->document(model, stopped), 2) << std::endl;
  session->warn();
  if (session->failures() > 0) std::cerr << session->failures() << " images failed\n";
  return stopped ? program::interrupted : session->status();
}

}  // namespace segment_command

int run_segment(int argc, char** argv) {
  using namespace segment_command;
  Arguments a;
  CLI::App app("Segments images of any size with a trained PaSeR.");
  add_model_options(app, a.model);
  app.add_option("inputs", a.inputs,
                 "images (PNG, JPEG, BMP, PNM, TIFF and NPY, also stacks) and folders of images; - reads names from "
                 "standard input, @FILE from a file, one per line")
      ->required();
  app.add_option("--out", a.out, "folder for the pictures")->capture_default_str();
  std::vector<std::string> kinds = Pictures::kinds;
  kinds.push_back("areas");
  app.add_option("--write", a.write,
                 "what to write, such as mask,overlay; all by default but `classes`, the probability of each class")
      ->delimiter(',')
      ->check(CLI::IsMember(kinds));
  app.add_option("--format", a.format, "of the pictures; auto: TIFF for stacks, else PNG; png16: 16-bit numbers")
      ->check(CLI::IsMember(formats))
      ->capture_default_str();
  add_segmenter_options(app, a.segmenter);
  app.add_flag("--overwrite", a.overwrite, "replace files that segment_image did not write, but no input");
  app.add_flag("--dry-run", a.dry_run, "name the pages and what they would cost, and write nothing");
  app.add_flag("--json", a.json, "print one JSON document in place of a line per image");
  app.add_flag("--quiet", a.quiet, "show no progress");
  app.footer(
      "Example: paser segment run new_images scan.tif --out segmented --write mask,overlay,areas\n"
      "Exit status: 0 all done; 1 some image failed, the others are done; 2 wrong options or an unreadable model;\n"
      "3 a number of the model or of an answer is not finite, other images are done; 130 interrupted, what was done "
      "before is whole.");
  return program::run(app, argc, argv, [&](const std::string&) { return segment_all(a); });
}

}  // namespace command
