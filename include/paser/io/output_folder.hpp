#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <set>

#include "paser/io/output_manifest.hpp"
#include "paser/io/output_name.hpp"

#ifdef PASER_POSIX_FILES

namespace paser::io {

/// How a program writes into a folder.
struct OutputOptions {
  std::string called{};    ///< what messages call the program; empty: by the word that stands in the folder's list
  bool overwrite = false;  ///< also replace what others wrote: the option --overwrite of the programs
  bool alone = false;      ///< nobody else may write into the folder meanwhile
  bool dry_run = false;    ///< everything is judged, and nothing made, written or removed
  /// Whether a file is of the kind that the program writes under this name: for those whose content the list does not
  /// have (see OutputFolder::rewritten). Without it any content will do.
  std::function<bool(const Path& file, const std::string& name)> recognises{};
  /// What a program advises that refuses a file: one without the option says another word.
  const char* advice = "choose another place for the output, or --overwrite to replace it";
  bool unlisted = false;  ///< where the list is another user's, new files are written all the same, and not listed
};

/// A folder into which a program writes, and never over anything else than what it wrote there itself.
///
/// A file that is there may be replaced or removed only when the folder's manifest (see OutputManifest) says that this
/// program wrote it, and it still has that content. Everything else, a link to nothing among it, is refused with a
/// sentence, unless OutputOptions::overwrite allows it. A file that the command reads (see protect) is never written
/// to, by whatever name. Writing the very bytes that are there changes nothing and is always allowed.
///
///   OutputFolder out("found", "evaluate");
///   out.protect("images/a.png");
///   out.write("masks/a.png", png);
///
/// Names are relative to the folder, "masks/a.png"; folders on the way are made. What killed programs left half-written
/// is removed when the folder is opened. Of a link, the file that it names is judged and replaced, by its content;
/// where that says nothing (see rewritten) a link is another's. A folder on the way may be a link. POSIX only.
class OutputFolder {
  /// What is there under a name, if it may be replaced.
  struct Standing {
    bool exists = false, own = false;
    std::optional<ContentSum> content{};  ///< where it is the program's own
  };

 public:
  /// Opens the folder, or makes it; `program` is one word. Throws IoError when it cannot be written to, and with the
  /// number of the process that excludes this one, ValueError when its name is too long.
  OutputFolder(const Path& folder, std::string program, OutputOptions options = {})
      : path_(options.dry_run ? makeable(folder) : made(folder)),
        options_(options),
        manifest_(path_, std::move(program), options.alone, options.dry_run, options.unlisted) {
    if (options_.unlisted && !options_.dry_run) require_writable(path_, path_);
    if (!options_.dry_run) remove_stray_temporaries();
    if (options_.alone) forget_what_is_gone();
  }

  const Path& path() const { return path_; }
  const std::map<std::string, ListedFile>& listed() const { return manifest_.files(); }

  /// Whether this program wrote the file of this name, by the manifest.
  bool lists(const std::string& name) const {
    const auto found = manifest_.files().find(name);
    return found != manifest_.files().end() && found->second.program == manifest_.program();
  }

  /// Whether it wrote nothing here, by the manifest.
  bool lists_nothing() const {
    return std::ranges::none_of(manifest_.files(),
                                [&](const auto& file) { return file.second.program == manifest_.program(); });
  }

  /// Whether what is there under a name is what this program wrote. Throws IoError when it cannot be read.
  bool unchanged(const std::string& name) const {
    std::error_code none;
    return lists(name) && std::filesystem::is_regular_file(path_ / name, none) && own(name, path_ / name).empty();
  }

  /// Names a file that the command reads. Nothing happens where there is none.
  void protect(const Path& input) {
    struct stat file {};
    if (::stat(input.c_str(), &file) == 0) inputs_.emplace(file.st_dev, file.st_ino);
  }

  /// Throws unless a file of this name may be written: ValueError when it is an input or not this program's, IoError
  /// when it is no file. For what is written after long work.
  void require(const std::string& name) { own_content(name); }

  /// Throws FormatError, saying why, unless what is there under a name is what this program wrote: for what it reads
  /// again, and no person writes.
  void require_unchanged(const std::string& name) const {
    const std::string problem = own(name, path_ / name);
    check<FormatError>(problem.empty(), (path_ / name).c_str(), problem, "; remove it to go on without it");
  }

  /// Writes a file, whole or not at all. Throws as require, and IoError.
  void write(const std::string& name, std::string_view content) {
    const Path file = path_ / name;
    if (same_bytes(file, content)) {  // with --overwrite it is this program's from now on, as any other
      if (options_.overwrite && !options_.dry_run && !is_input(file) && !unchanged(name))
        manifest_.list(name, {{}, false, {}, ContentSum::of(content)});
      return;
    }
    const Standing there = own_content(name);
    if (options_.dry_run) return;
    make_folder(file.parent_path());
    manifest_.list(name, {{}, false, there.content, ContentSum::of(content)});
    write_file(file, content, there.exists || options_.overwrite ? Existing::replace : Existing::keep);
  }

  /// A file that comes piece by piece, whole or not at all: without commit() nothing is there. Not of a dry run.
  class Growing {
   public:
    /// Throws as OutputFolder::require, and IoError.
    Growing(OutputFolder& folder, std::string name)
        : folder_(folder),
          name_(std::move(name)),
          there_(folder.own_content(name_)),
          file_(folder.target(name_), there_.exists || folder.options_.overwrite ? Existing::replace : Existing::keep) {
    }
    void write(std::string_view piece) {
      file_.write(piece);
      bytes_ += piece.size();
      crc_.add(piece);
    }
    void commit() {
      folder_.manifest_.list(name_, {{}, false, there_.content, ContentSum{bytes_, crc_.value()}});
      file_.commit();
    }

   private:
    OutputFolder& folder_;
    std::string name_;
    Standing there_;
    AtomicFile file_;
    std::uint64_t bytes_ = 0;
    Crc32 crc_;
  };

  /// Lists a file that the program replaces by itself, now and later, and returns its path. One that is there stays,
  /// unless it is another's, as every link is. Throws as require.
  Path rewritten(const std::string& name) {
    if (!own_content(name).own) remove(name);
    if (options_.dry_run) return path_ / name;
    make_folder((path_ / name).parent_path());
    if (!lists(name) || !manifest_.files().at(name).by_name) manifest_.list(name, {{}, true, {}, {}});
    return path_ / name;
  }

  /// The same for a file that the program appends to where it stands: one that has other names, by hard links as `cp
  /// -al` makes them, becomes a file of its own, and those stay as they are. Throws as require, and IoError.
  Path appended(const std::string& name) {
    Path file = rewritten(name);
    struct stat there {};
    if (!options_.dry_run && ::lstat(file.c_str(), &there) == 0 && there.st_nlink > 1)
      write_file(file, read_file(file));
    return file;
  }

  /// Removes a file, if there is one. Throws as require.
  void remove(const std::string& name) {
    if (own_content(name).exists && options_.dry_run) {
      removed_.insert(name);
    } else if (own_content(name).exists) {
      std::error_code failed;
      std::filesystem::remove(path_ / name, failed);
      check<IoError>(!failed, "output", quoted(path_ / name), " cannot be removed: ", failed.message());
    }
    if (manifest_.files().contains(name)) manifest_.forget(name);
  }

  /// Lists a file that is there and is known to be this program's by other means.
  void adopt(const std::string& name) { manifest_.list(name, {{}, false, {}, ContentSum::of_file(path_ / name)}); }

  /// Removes all that this program wrote, and folders that are empty then. Throws as require, and ValueError where a
  /// folder on the way to a file is a link that leads elsewhere, before anything is removed.
  void clear() {
    std::vector<std::string> names;
    for (const auto& [name, file] : manifest_.files())
      if (lists(name)) names.push_back(name);
    for (const std::string& name : names)
      if (own_content(name).exists) require_not_elsewhere(name);
    std::set<Path> folders;
    for (const std::string& name : names) {
      remove(name);
      folders.insert((path_ / name).parent_path());
    }
    std::error_code in_use;
    for (const Path& folder : folders)
      if (folder != path_ && !options_.dry_run) std::filesystem::remove(folder, in_use);
  }

 private:
  /// What a folder's list names lies in that folder: behind a link it could be the file of anybody.
  void require_not_elsewhere(const std::string& name) const {
    std::error_code failed;
    const Path inside = std::filesystem::canonical((path_ / name).parent_path(), failed);
    const Path top = failed ? Path() : std::filesystem::canonical(path_, failed);
    const bool leads_out =
        failed || std::mismatch(top.begin(), top.end(), inside.begin(), inside.end()).first != top.end();
    check<ValueError>(!leads_out, "output", quoted(path_ / name), " lies outside of ", quoted(path_),
                      ", in a folder that a link leads to, and is not removed; remove it by hand");
  }

  /// A file that is listed by its name alone and was taken away: one that comes in its place is not the program's.
  void forget_what_is_gone() {
    std::vector<std::string> gone;
    for (const auto& [name, file] : manifest_.files())
      if (struct stat there{}; file.by_name && ::lstat((path_ / name).c_str(), &there) != 0) gone.push_back(name);
    for (const std::string& name : gone) manifest_.forget(name);
  }

  static const Path& made(const Path& folder) {
    make_folder(folder);
    return folder;
  }
  /// Throws as made() where the folder is not there and cannot be made, or cannot be written to.
  static const Path& makeable(const Path& folder) {
    Path there = std::filesystem::absolute(folder);
    std::error_code ignored;
    detail::check_name(folder);
    while (!std::filesystem::exists(there, ignored) && there != there.parent_path()) there = there.parent_path();
    check<IoError>(std::filesystem::is_directory(there, ignored), "output", quoted(folder),
                   " cannot be made: ", std::strerror(ENOTDIR));
    require_writable(there, folder);
    return folder;
  }
  /// Throws IoError, which names `folder`, when nothing can be made in `there`.
  static void require_writable(const Path& there, const Path& folder) {
    const int problem = ::access(there.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
    check<IoError>(problem == 0, "output", quoted(folder), " cannot be written to: ", std::strerror(problem));
  }
  void remove_stray_temporaries() {
    io::remove_stray_temporaries(path_);
    for (const auto& [name, file] : manifest_.files())
      if (const Path inside = (path_ / name).parent_path(); cleaned_.insert(inside).second && inside != path_)
        io::remove_stray_temporaries(inside);
  }
  static void make_folder(const Path& folder) {
    std::error_code failed, ignored;
    detail::check_name(folder);
    std::filesystem::create_directories(folder, failed);
    check<IoError>(std::filesystem::is_directory(folder, ignored), "output", quoted(folder),
                   " cannot be made: ", failed ? failed.message() : "a file has this name");
  }

  Path target(const std::string& name) const {
    make_folder((path_ / name).parent_path());
    return path_ / name;
  }

  static bool same_bytes(const Path& file, std::string_view content) {
    std::error_code error;
    return std::filesystem::is_regular_file(file, error) && std::filesystem::file_size(file, error) == content.size() &&
           read_file(file) == content;
  }

  bool is_input(const Path& file) const {
    struct stat there {};
    return ::stat(file.c_str(), &there) == 0 && inputs_.contains({there.st_dev, there.st_ino});
  }

  Standing own_content(const std::string& name) {
    const Path file = path_ / name;
    struct stat there {};
    check<ValueError>(file.filename() != OutputManifest::file_name, "output", quoted(file),
                      " is the list of what programs wrote into the folder, and no name for another file");
    if (removed_.contains(name)) return {};
    if (::lstat(file.c_str(), &there) != 0) {  // a name that is too long, or a file where its folder is to be
      const int problem = errno;
      check<IoError>(problem == ENOENT, "output", quoted(file), " cannot be written: ", std::strerror(problem));
      return {};
    }
    const bool dangling = ::stat(file.c_str(), &there) != 0;
    check<IoError>(dangling || S_ISREG(there.st_mode), "output", quoted(file), " exists and is not a regular file");
    check<ValueError>(dangling || !is_input(file), "output", quoted(file),
                      " is an input of this command, and never written to; choose another place for the output");
    std::string problem = dangling ? "is a link to nothing" : own(name, file);
    if (!problem.empty() && !options_.alone) {  // someone who shares the folder may have written it since
      manifest_.refresh();
      if (!dangling) problem = own(name, file);
    }
    check<ValueError>(problem.empty() || options_.overwrite, "output", quoted(file), " ", problem, "; ",
                      options_.advice);
    Standing standing{true, problem.empty(), {}};
    if (standing.own && !manifest_.files().at(name).by_name) standing.content = ContentSum::of_file(file);
    return standing;
  }

  /// Why a file is not this program's own; empty when it is.
  std::string own(const std::string& name, const Path& file) const {
    const auto found = manifest_.files().find(name);
    if (found == manifest_.files().end()) return "is there, and " + called() + " did not write it";
    const ListedFile& listed = found->second;
    if (listed.program != manifest_.program()) return "was written by " + listed.program;
    if (listed.by_name) {
      std::error_code none;
      if (std::filesystem::is_symlink(file, none)) return "is a link, and " + called() + " makes none";
      const bool alike = !options_.recognises || options_.recognises(file, name);
      return alike ? "" : "is not what " + called() + " writes under this name";
    }
    const ContentSum content = ContentSum::of_file(file);
    if (content == listed.now || content == listed.before) return {};
    return "was changed since " + called() + " wrote it";
  }

  const std::string& called() const { return options_.called.empty() ? manifest_.program() : options_.called; }

  Path path_;
  OutputOptions options_;
  OutputManifest manifest_;
  std::set<Path> cleaned_;
  std::set<std::string> removed_;  ///< by a dry run: as if they were not there
  std::set<std::pair<dev_t, ino_t>> inputs_;
};

}  // namespace paser::io

#endif

#include "paser/core/macros_on.inc"
