#pragma once

#include "paser/core/text.hpp"
#include "paser/experiment/dry_run.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "segment_image/area_table.hpp"
#include "segment_image/outputs.hpp"
#include "segment_image/segmenter.hpp"

/// What segment_image does with the images of a command.
namespace segment_image {

using namespace paser;
using experiment::DryRun;

/// What it is asked for.
struct SessionOptions {
  command::ModelOptions model;
  SegmenterOptions segmenter;
  std::vector<std::string> write{"mask", "overlay", "probability", "entropy", "routes", "areas"};
  std::string format = "auto";
  bool talk = true;  ///< a line on standard output for every image
};

/// One page of a file.
struct Page {
  const fs::path& file;
  Index number, of;  ///< from 1

  bool alone() const { return of == 1; }
  /// Of what is written of it: the file's name without its ending, of a stack with _0001 and so on.
  std::string name() const {
    const std::string digits = std::to_string(number), stem = file.stem().string();
    return alone() ? stem : stem + "_" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
  }
  /// In messages.
  std::string origin() const { return alone() ? file.string() : message(file.string(), ", page ", number); }
};

/// Ctrl-C.
struct Stopped {};

/// Segments images one by one and keeps the account of it.
class Session {
 public:
  Session(const SessionOptions& options, pipeline::LoadedPaser<float> model)
      : a_(options),
        segmenter_(a_.model, a_.segmenter, std::move(model)),
        d_(segmenter_.description()),
        wanted_(a_.write.begin(), a_.write.end()),
        pictures_(Pictures::names(wanted_, d_.classes())),
        areas_(d_.class_names),
        watch_(d_.calibration) {
    segmenter_.class_probabilities(wanted_.contains("classes"));
  }

  /// Tells what run() would read and write. Refuses what it would, as far as the first page of each file shows that.
  void describe(const std::vector<fs::path>& files, io::OutputFolder& out, DryRun& would) {
    for (const fs::path& file : files) attempt(file.string(), file, 0, [&] { describe_file(file, out, would); });
    for (const auto& failed : images_)
      would.refuses({failed["image"].get<std::string>(), failed["error"].get<std::string>()});
    if (wanted_.contains("areas") && images_.size() < files.size()) would.writes({out.path() / AreaTable::file});
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

  /// Takes a name for the pictures of an image, and returns their files. Throws ValueError when another image has the
  /// name, and as OutputFolder::require when something is in the way.
  std::vector<std::string> claim(io::OutputFolder& out, const std::string& name, const char* ending) {
    check<ValueError>(names_.insert(name).second, "paser segment",
                      "another image has written the pictures of the name ", name, " already");
    std::vector<std::string> files;
    for (const std::string& picture : pictures_) {
      files.push_back(name + "_" + picture + ending);
      out.require(files.back());
    }
    return files;
  }

  void describe_file(const fs::path& file, io::OutputFolder& out, DryRun& would) {
    io::ImageFile image(file);
    const Index pages = image.pages();
    io::DecodedImage first = image.page(0);
    const nlohmann::json details{
        {"pages", pages}, {"height", first.height()}, {"width", first.width()}, {"kind", first.kind()}};
    const std::string about = message(DryRun::counted(static_cast<std::size_t>(pages), "page"), " of ", first.height(),
                                      " x ", first.width(), ", ", first.kind());
    const Rows rows(std::move(first), d_.channels, d_.value_range, file.string());
    (void)rows(0, 1);  // throws where the networks do not take what is stored
    std::vector<std::string> written;
    if (as_tiff(pages)) {
      written = claim(out, file.stem().string(), ".tif");
    } else {
      for (Index page = 1; page <= pages; ++page)
        for (std::string& name : claim(out, Page{file, page, pages}.name(), ".png")) written.push_back(std::move(name));
    }
    would.reads({file, about, details});
    for (const std::string& name : written) would.writes({out.path() / name});
  }

  /// All pages of a file.
  template <class Tell>
  void segment_file(const fs::path& file, io::OutputFolder& out, const Tell& tell) {
    io::ImageFile image(file);
    const Index pages = image.pages();
    const auto resolution = image.resolution();
    area_ = resolution ? io::pixel_area(*resolution) : std::nullopt;
    std::optional<Stack> stack;
    if (as_tiff(pages)) {
      const std::string stem = file.stem().string();
      claim(out, stem, ".tif");
      stack.emplace(out, stem, pictures_, pages, resolution);
    }
    const Index failures = failures_;
    const std::size_t first = images_.size();
    std::vector<Index> sum(d_.class_names.size(), 0);
    for (Index number = 1; number <= pages; ++number) {
      const Page page{file, number, pages};
      segmenter_.progress([&](Index done, Index windows) {
        if (report::interrupted()) throw Stopped();
        tell(message(page.name(), ": window ", done, "/", windows));
      });
      attempt(page.origin(), file, page.alone() ? 0 : number,
              [&] { segment_page(image, page, out, stack ? &*stack : nullptr, sum); });
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

  /// One page, into its stack or files of its own. Adds its pixels to the sum of each class.
  void segment_page(io::ImageFile& image, const Page& page, io::OutputFolder& out, Stack* stack,
                    std::vector<Index>& sum) {
    io::DecodedImage pixels = image.page(page.number - 1);
    turned_ += pixels.orientation != 1 ? 1 : 0;
    note_brightness(pixels);
    const Rows rows(std::move(pixels), d_.channels, d_.value_range, page.origin());
    if (!stack) claim(out, page.name(), ".png");
    nlohmann::json told{{"image", page.file.string()}, {"name", page.name()}};
    const Pictures made = segment(rows, told);
    if (stack)
      stack->add(made);
    else
      told["files"] = write_png(out, page.name(), pictures_, made, a_.format == "png16");
    if (!page.alone()) told["page"] = page.number;
    areas_.add(page.file.string(), page.alone() ? "" : std::to_string(page.number), made.pixels_of_class(), area_);
    std::transform(sum.begin(), sum.end(), made.pixels_of_class().begin(), sum.begin(), std::plus<>{});
    ++segmented_;
    images_.push_back(told);
    if (a_.talk) say(page.origin(), told);
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

  const SessionOptions& a_;
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

}  // namespace segment_image
