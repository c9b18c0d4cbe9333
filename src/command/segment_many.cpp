/// Segments the images of a list, of any length, with a trained PaSeR: by one process or by many, that start and end
/// when they like.
///
///   paser segment-many runs/carbon --manifest images.txt --out masks
///   mpirun -n 16 paser segment-many ...     srun paser segment-many ...     sbatch --array=0-63 ...     or in several
///   shells
///
/// The list has one image or TIFF stack per line. It is cut into chunks of 1,000 lines; a process claims one at a time
/// by a file, and writes chunk_0000012.tar with the masks, .jsonl with a line per image (its status, a sentence if it
/// failed, the shares of classes and models, a hash of its masks) and .json with the sums, each whole or not at all.
/// The same command goes on where it was stopped or killed, with any number of processes, which need nothing in common
/// but the folder; it ends when all chunks are done. docs/cluster.md has more.
///
/// Memory: the decoded page, one row of windows, and the masks of a chunk as PNG; eight bytes per chunk of the list.
/// Exit status: 0 all done; 1 some image failed, the others are done, or --verify found damage; 2 wrong options, or an
/// unreadable model or list; 3 a number of the model or of an answer is not finite; 130 interrupted, the same command
/// goes on.

#include <chrono>
#include <functional>
#include <thread>

#include "command.hpp"
#include "common_options.hpp"
#include "model_options.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"
#include "segment_many/chunk.hpp"
#include "segment_many/claim.hpp"

namespace command {

namespace segment_many_command {

using namespace paser;
using namespace ::segment_many;

struct Arguments {
  fs::path manifest, out;
  ModelOptions model;
  segment_image::SegmenterOptions segmenter;
  Index chunk = 1000;
  double stale = 300;
  bool verify = false;
  program::CommonOptions common;
};

/// Ctrl-C.
struct Stopped {};

/// Whether this process is the one of its job that tells the totals.
bool reports() {
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID", "SLURM_ARRAY_TASK_ID"})
    if (const char* const rank = std::getenv(variable)) return std::string_view(rank) == "0";
  return true;
}

/// What the masks depend on, as it is stored beside them.
nlohmann::json job_of(const Arguments& a, const fs::path& model, const Manifest& manifest) {
  const auto sum = io::ContentSum::of_file(model);
  const auto& m = a.model;
  const auto& s = a.segmenter;
  return {{"manifest", manifest.sum()},
          {"lines", manifest.lines()},
          {"lines of a chunk", a.chunk},
          {"model", message(sum.bytes, " bytes, CRC-32 ", sum.crc)},
          {"only", m.only},
          {"range", s.range},
          {"overlap", m.overlap},
          {"batch", s.batch},
          {"thresholds", m.thresholds},
          {"budget", m.target.budget},
          {"quality", m.target.quality ? nlohmann::json(*m.target.quality) : nlohmann::json()},
          {"share", m.target.share},
          {"samples", m.samples},
          {"seed", s.seed}};
}

/// Begins a job in the folder, or goes on with the one that is there. Throws ValueError when that is another.
void begin(const nlohmann::json& job, io::OutputFolder& out, bool dry_run) {
  const fs::path file = out.path() / "job.json";
  if (!fs::exists(file)) {
    const bool begun = std::ranges::any_of(out.listed(), [](const auto& f) { return f.first.starts_with("chunk_"); });
    check<ValueError>(!begun, file.string().c_str(),
                      "is gone, and the folder has chunks of a job that nothing tells of; choose another --out");
    if (dry_run) return;
    write_as_any(out, "job.json", io::json_text(job, 1) + "\n");
  }
  const auto there = io::read_json(file);
  for (const auto& [name, value] : job.items())
    check<ValueError>(there.is_object() && there.value(name, nlohmann::json()) == value, file.string().c_str(),
                      "the folder holds another job, with ", name, " = ",
                      there.is_object() ? there.value(name, nlohmann::json()).dump() : "nothing", ", asked for is ",
                      value.dump(), "; choose another --out");
}

bool is_done(Index chunk, const io::OutputFolder& out) {
  return fs::exists(out.path() / file_of(chunk, ".json"));
}

/// Throws unless the files of a chunk may be written.
void require_files(Index chunk, io::OutputFolder& out) {
  for (const char* ending : {".tar", ".jsonl", ".json"}) out.require(file_of(chunk, ending));
}

/// What would be read and written. Throws when something is in the way of a chunk that is not done.
program::DryRun described(const Arguments& a, const fs::path& model, const Manifest& manifest, io::OutputFolder& out) {
  const auto counted = [](Index count, const char* what) {
    return program::DryRun::counted(static_cast<std::size_t>(count), what);
  };
  program::DryRun would;
  would.reads({model}).reads({a.manifest, counted(manifest.lines(), "line"), {{"lines", manifest.lines()}}});
  const Index chunks = manifest.chunks();
  if (a.verify) return would.reads({a.out, counted(chunks, "chunk")});
  Index left = 0;
  for (Index chunk = 0; chunk < chunks; ++chunk) {
    if (is_done(chunk, out)) continue;
    require_files(chunk, out);
    ++left;
  }
  return would.writes(
      {a.out, counted(left, "chunk") + message(" of ", chunks, ", each .tar, .jsonl and .json"), {{"chunks", left}}});
}

/// Works on chunks until all are done.
class Worker {
 public:
  Worker(const Arguments& a, Segmenter& segmenter, const Manifest& manifest, io::OutputFolder& out)
      : segmenter_(segmenter),
        manifest_(manifest),
        out_(out),
        claims_(out.path() / ".claims", a.stale),
        progress_("segment", manifest.lines(), report::ProgressOptions{.unit = "images"}) {}

  /// The chunks that this process made.
  Index made() const { return made_; }

  /// Throws Stopped after Ctrl-C, with nothing claimed any more.
  void run() {
    const Index chunks = manifest_.chunks();
    // Processes that begin together begin at different places.
    const auto place = std::hash<std::string>{}(message(::getpid(), "@", ::gethostid()));
    const Index first = static_cast<Index>(place % static_cast<std::size_t>(chunks));
    std::vector<bool> done(static_cast<std::size_t>(chunks), false);
    for (Index left = chunks; left > 0;) {
      bool worked = false;
      for (Index i = 0; i < chunks; ++i) {
        const Index chunk = (first + i) % chunks;
        if (done[static_cast<std::size_t>(chunk)] || !(is_done(chunk, out_) || claim(chunk))) continue;
        done[static_cast<std::size_t>(chunk)] = worked = true;
        --left;
        lines_ += manifest_.lines_of(chunk);
        progress_.update(lines_);
      }
      pause_ = worked ? shortest_pause : std::min(pause_ + pause_ / 4, longest_pause);
      if (left > 0 && !worked) wait();
    }
    claims_.clear();
    progress_.finish();
  }

 private:
  /// Makes a chunk that nobody works on; false when somebody does.
  bool claim(Index chunk) {
    auto held = claims_.take(chunk_name(chunk));
    if (!held) return false;
    if (!is_done(chunk, out_)) make(chunk, *held);
    return true;
  }

  void make(Index chunk, Claims::Held& held) {
    require_files(chunk, out_);
    segmenter_.progress([&](Index, Index) {
      if (report::interrupted()) throw Stopped();
      held.touch();
    });
    ChunkWork work(segmenter_);
    Index line = manifest_.first_line(chunk);
    for (const std::string& path : manifest_.read(chunk)) {
      if (report::interrupted()) throw Stopped();
      held.touch();
      work.answer(path, ++line);
      progress_.update(lines_ + line - manifest_.first_line(chunk));
    }
    (void)std::move(work).write(chunk, out_);
    ++made_;
  }

  using Milliseconds = std::chrono::milliseconds;
  static constexpr Milliseconds shortest_pause{20}, longest_pause{500};

  /// Others work on what is left, or have died.
  void wait() const {
    for (Milliseconds left = pause_; left > Milliseconds(0); left -= Milliseconds(100)) {
      if (report::interrupted()) throw Stopped();
      std::this_thread::sleep_for(std::min(left, Milliseconds(100)));
    }
  }

  Segmenter& segmenter_;
  const Manifest& manifest_;
  io::OutputFolder& out_;
  Claims claims_;
  report::Progress progress_;
  Index lines_ = 0, made_ = 0;
  Milliseconds pause_ = shortest_pause;  ///< before it looks again whether something is left
};

/// Tells the totals of all chunks, and returns the exit status that they call for. made: the chunks of this process;
/// none where it only looked at what is there.
int report_totals(const Arguments& a, const Summary& s, const pipeline::PaserDescription& d,
                  std::optional<Index> made = {}) {
  Index failed = 0;
  for (const auto& [status, count] : s.failures) failed += count;
  if (a.common.json) {
    nlohmann::json document = s;
    if (made) document["chunks_made"] = *made;
    std::cout << io::json_text(document, 2) << std::endl;
  } else {
    std::cout << s.done << " of " << s.lines << " images segmented, " << s.masks << " masks; hash of all masks "
              << hexadecimal(s.hash) << "; " << report::fixed(s.gmac, 3) << " GMAC\n";
    for (const auto& [status, count] : s.failures) std::cout << count << " " << visible(status) << "\n";
    const auto print = [](const char* of, const std::vector<Index>& counts, const auto& name) {
      const double sum = static_cast<double>(std::accumulate(counts.begin(), counts.end(), Index{0}));
      if (sum == 0) return;
      std::cout << of;
      for (std::size_t k = 0; k < counts.size(); ++k)
        std::cout << (k > 0 ? ", " : " ") << name(k) << " "
                  << report::fixed(100 * static_cast<double>(counts[k]) / sum, 1) << " %";
      std::cout << "\n";
    };
    print("pixels:", s.pixels, [&](std::size_t k) { return visible(d.class_names.at(k)); });
    print("patches:", s.patches, [](std::size_t k) { return message("f", k + 1); });
    std::cout << std::flush;
  }
  if (failed > 0)
    report::notes() << "why an image has no mask stands in its line of the .jsonl files of " << visible(a.out.string())
                    << "\n";
  if (s.turned > 0)
    std::cerr << "warning: " << s.turned
              << " images were turned upright, as the orientation in their files says, and so are their masks\n";
  if (a.model.target.asked() && s.other_chunks > 0)
    std::cerr << "warning: " << s.unlike << " of " << s.windows << " windows are unlike the images of the calibration, "
              << "where " << std::round(s.expected) << " would be, in " << s.other_chunks
              << " chunks more than by chance: a budget, a quality or a share may be missed by far\n";
  return s.failures.contains("not finite") ? program::not_finite : failed > 0 ? program::failed : program::done;
}

/// Reads everything back. Tells what is damaged, and the totals when nothing is.
int verify(const Arguments& a, const Manifest& manifest, const io::OutputFolder& out,
           const pipeline::PaserDescription& d) {
  Summary sums;
  Index damaged = 0;
  for (Index chunk = 0; chunk < manifest.chunks(); ++chunk) {
    try {
      sums += verify_chunk(chunk, manifest, out, d);
    } catch (const Error& error) {
      ++damaged;
      std::cerr << "error: " << visible(error.what(), "\n") << "\n";
    }
  }
  if (damaged > 0)
    std::cerr << damaged << " of " << manifest.chunks()
              << " chunks are not there or damaged; remove the .tar, .jsonl and .json of those and run "
              << "the same command without --verify\n";
  return damaged > 0 ? int{program::failed} : report_totals(a, sums, d);
}

int segment_list(const Arguments& a) {
  const fs::path model = a.model.file();
  Segmenter segmenter = of_model(model, [&] { return Segmenter(a.model, a.segmenter, pipeline::load_paser(model)); });
  const Manifest manifest(a.manifest, a.chunk);
  program::work_has_begun() = true;
  io::OutputFolder out(
      a.out, "segment_many",
      {.called = "paser segment-many", .dry_run = a.common.dry_run, .advice = "remove it, or choose another --out"});
  out.protect(model);
  out.protect(a.manifest);
  begin(job_of(a, model, manifest), out, a.common.dry_run);
  if (a.common.dry_run) throw program::DryRunEnds{described(a, model, manifest, out)};
  const auto& description = segmenter.description();
  if (a.verify) return verify(a, manifest, out, description);
  const report::InterruptGuard guard;
  Worker worker(a, segmenter, manifest, out);
  try {
    worker.run();
  } catch (const Stopped&) {
    std::cerr << "interrupted; the chunks before are done, and the same command goes on\n";
    return program::interrupted;
  }
  Summary sums;
  for (Index chunk = 0; chunk < manifest.chunks(); ++chunk) sums += read_summary(chunk, a.out, description);
  if (worker.made() == 0)
    report::notes() << program::DryRun::counted(static_cast<std::size_t>(manifest.chunks()), "chunk")
                    << " are others' or were done already; this process made none\n";
  return reports() ? report_totals(a, sums, description, worker.made()) : program::done;
}

}  // namespace segment_many_command

int run_segment_many(int argc, char** argv) {
  using namespace segment_many_command;
  Arguments a;
  CLI::App app("Segments the images of a list with a trained PaSeR, by any number of processes.");
  add_model_options(app, a.model);
  app.add_option("--manifest", a.manifest, "a text file with the path of one image per line")->required();
  app.add_option("--out", a.out, "folder for the chunks, the same for all processes")->required();
  app.add_option("--chunk", a.chunk, "lines that a process claims at once, and that a killed one loses at most")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option(
         "--stale", a.stale,
         "seconds after which a claim of another node that was not touched is taken over; more than an image takes")
      ->check(program::within(1, 1e6))
      ->capture_default_str();
  segment_image::add_segmenter_options(app, a.segmenter);
  app.add_flag("--verify", a.verify, "segment nothing: read everything back and compare it with what was written");
  a.common.add_to(app);
  app.footer(
      "Example: paser segment-many run --manifest images.txt --out masks\n"
      "A chunk that is done is not looked at again, whoever wrote it: whether it is damaged --verify alone finds.\n"
      "Exit status: 0 all done; 1 some image failed, the others are done, or --verify found damage; 2 wrong options, "
      "or\n"
      "the model or the list cannot be read; 3 a number of the model or of an answer is not finite; 130 interrupted,\n"
      "the same command goes on.");
  return program::run(app, argc, argv, [&](const std::string&) { return segment_list(a); });
}

}  // namespace command
