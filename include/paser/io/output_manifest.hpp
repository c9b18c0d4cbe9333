#pragma once
#include "paser/core/macros_off.inc"

#include <signal.h>  // kill is POSIX

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

#include "paser/io/atomic_file.hpp"

#ifdef PASER_POSIX_FILES

namespace paser::io {

/// A file's content in short: two files of the same are taken for equal.
struct ContentSum {
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;

  static ContentSum of(std::string_view content) { return {content.size(), Crc32().add(content).value()}; }
  /// Throws IoError when the file cannot be read.
  static ContentSum of_file(const Path& path) {
    InputFile file(path);
    ContentSum sum{static_cast<std::uint64_t>(file.size()), 0};
    Crc32 crc;
    std::vector<std::byte> piece(std::size_t{1} << 16);
    for (Index left = file.size(); left > 0; left -= static_cast<Index>(piece.size())) {
      piece.resize(static_cast<std::size_t>(std::min<Index>(left, static_cast<Index>(piece.size()))));
      file.read(piece.data(), static_cast<Index>(piece.size()));
      crc.add(piece);
    }
    sum.crc = crc.value();
    return sum;
  }
  bool operator==(const ContentSum&) const = default;
};

/// What a manifest says of a file.
struct ListedFile {
  std::string program{};             ///< that wrote it
  bool by_name = false;              ///< rewritten or appended to at any time, so that its content says nothing
  std::optional<ContentSum> before;  ///< what it replaced, if that is the program's own; a killed program left one of
  std::optional<ContentSum> now;     ///< the two
};

/// The files that programs wrote into a folder, kept in the folder itself: one line per change, each with its checksum,
/// appended before the change is made, so that a program killed at any moment leaves no file that is not listed.
/// The manifest is also the folder's lock, held as long as the object lives; it ends with the process. One that other
/// folders have too, by hard links (`cp -al`), becomes this folder's own when it is opened, unless a process that
/// opened it before is at work here.
class OutputManifest {
 public:
  static constexpr const char* file_name = ".paser_outputs";

  /// Opens the folder's manifest, or makes it. With `alone` nobody else may work in the folder, else nobody who wants
  /// to be alone. With `dry_run` what is there is read, and nothing is made, changed or kept locked: what is listed is
  /// known to this object alone. Throws IoError with the number of the process that works there, FormatError when the
  /// file is none, or lists what is not in the folder. With `dispensable`
  /// a file that this user may not write to is let alone, and what is listed known to this object alone, too.
  OutputManifest(const Path& folder, std::string program, bool alone, bool dry_run = false, bool dispensable = false)
      : path_(folder / file_name), program_(std::move(program)), dry_run_(dry_run), dispensable_(dispensable) {
    if (dry_run_ && !is_there()) return;
    const bool exclusive = open(alone);
    if (file_ < 0) return;
    read();
    if (dry_run_) {
      ::flock(file_, LOCK_UN);
      return;
    }
    if (exclusive && (lines_ > 2 * files_.size() + 100 || has_other_names())) {  // forget what no longer counts
      write_file(path_, text());
      open(alone);
      read();
    }
    append("process " + std::to_string(::getpid()), false);
    if (!alone) ::flock(file_, LOCK_SH);
  }
  OutputManifest(const OutputManifest&) = delete;
  OutputManifest& operator=(const OutputManifest&) = delete;

  /// A manifest of nothing is removed.
  ~OutputManifest() {
    if (!dry_run_ && files_.empty() && ::flock(file_, LOCK_EX | LOCK_NB) == 0) {
      try {
        refresh();
        if (files_.empty()) ::unlink(path_.c_str());
      } catch (const std::exception&) {  // it stays
      }
    }
  }

  const std::map<std::string, ListedFile>& files() const { return files_; }
  const std::string& program() const { return program_; }

  /// Takes in what others have listed meanwhile.
  void refresh() { read(); }

  /// Lists a file; it may then be written. Throws IoError when that cannot be stored, ValueError for a name that no
  /// list may have: one that leads out of the folder.
  void list(const std::string& name, ListedFile file) {
    check<ValueError>(is_inside(name), "output", quoted(path_.parent_path()), ": ", quoted(Path(name)),
                      " is no name for a file in this folder; expected one that is relative, without '.' or '..'");
    file.program = program_;
    append(line_of(name, file), true);
    files_[name] = std::move(file);
  }
  void forget(const std::string& name) {
    append("removed " + escaped(name), true);
    files_.erase(name);
  }

 private:
  static constexpr std::string_view header =
      "paser 1: files that paser wrote into this folder; it replaces and removes no others\n";

  /// Closes itself.
  struct Handle {
    int file = -1;
    ~Handle() {
      if (file >= 0) ::close(file);
    }
    void operator=(int other) {
      if (file >= 0) ::close(file);
      file = other;
    }
    operator int() const { return file; }
  };

  bool is_there() const {
    struct stat there {};
    return ::lstat(path_.c_str(), &there) == 0;
  }

  /// Whether what is appended to the file is another folder's as well.
  bool has_other_names() const {
    struct stat there {};
    return ::fstat(file_, &there) == 0 && there.st_nlink > 1;
  }

  /// Opens and locks the file. Returns whether the lock is exclusive.
  bool open(bool alone) {
    files_.clear();
    lines_ = read_to_ = 0;
    // A dry run learns whether it could write, and does not.
    const int access = !dry_run_ ? O_RDWR | O_APPEND | O_CREAT : dispensable_ ? O_RDWR : O_RDONLY;
    for (int attempt = 0;; ++attempt) {
      file_ = detail::uninterrupted([&] { return ::open(path_.c_str(), access | O_NOFOLLOW | O_CLOEXEC, 0666); });
      const int problem = file_ < 0 ? errno : 0;
      if (dispensable_ && (problem == EACCES || problem == EPERM || problem == EROFS) && is_there()) return false;
      check<IoError>(problem != ELOOP, "output", quoted(path_),
                     " is a link, expected a file or nothing: a link may lead to somebody else's file");
      check<IoError>(problem == 0, "output", quoted(path_), " cannot be opened: ", std::strerror(problem));
      // File systems without locks are written to unlocked.
      const bool exclusive = ::flock(file_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
      if (!exclusive && (alone || ::flock(file_, LOCK_SH | LOCK_NB) != 0)) {
        // Those who share the folder are alone in it for a moment when they begin.
        if (alone || attempt == 50)
          throw IoError(message("output: ", quoted(path_.parent_path()), ": ", owner(), " works in this folder",
                                has_other_names() ? ", or in one that its list is linked into" : "",
                                "; wait until it has ended, or choose another folder"));
        ::usleep(10'000);
        continue;
      }
      // Between open and lock the file may have been replaced or removed.
      struct stat mine {
      }, named{};
      if (::fstat(file_, &mine) == 0 && ::lstat(path_.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
          mine.st_dev == named.st_dev)
        return exclusive;
    }
  }

  /// Who holds the lock: the last process that said it works here.
  std::string owner() const {
    std::ifstream in(path_);
    long process = 0;
    std::string name;
    for (std::string line; std::getline(in, line);)
      if (const auto words = split(valid(line), 3); words.size() == 3 && words[1] == "process") {
        name = words[0];
        process = std::strtol(words[2].c_str(), nullptr, 10);
      }
    const bool alive = process > 0 && (::kill(static_cast<pid_t>(process), 0) == 0 || errno == EPERM);
    return alive ? name + ", process " + std::to_string(process) + "," : "another process";
  }

  /// Reads what is there and was not read before.
  void read() {
    if (file_ < 0) return;
    std::string text;
    std::array<char, 1 << 14> piece{};
    for (;;) {
      const auto at = static_cast<off_t>(read_to_ + text.size());
      const ssize_t count = detail::uninterrupted([&] { return ::pread(file_, piece.data(), piece.size(), at); });
      check<IoError>(count >= 0, "output", quoted(path_), " cannot be read: ", std::strerror(errno));
      if (count == 0) break;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
    if (read_to_ == 0) {
      if (text.size() < header.size() && header.starts_with(text)) {  // new, or killed while it was new
        if (dry_run_ || has_other_names()) return;                    // the constructor writes one of its own
        const int problem = ::ftruncate(file_, 0) == 0 ? 0 : errno;
        check<IoError>(problem == 0, "output", quoted(path_), " cannot be written: ", std::strerror(problem));
        store(header, true);
        read_to_ = header.size();
        return;
      }
      check<FormatError>(text.starts_with(header), path_.string().c_str(),
                         "is no manifest of paser; expected one, or no file of this name");
    }
    torn_ = !text.empty() && text.back() != '\n';
    const std::size_t end = text.rfind('\n');
    if (end == std::string::npos) return;
    for (std::size_t from = 0; from <= end;) {
      const std::size_t to = text.find('\n', from);
      take(text.substr(from, to - from));
      from = to + 1;
    }
    read_to_ += end + 1;
  }

  /// Whether a name is of a file in the folder: what is listed may be removed, so that a name that leads elsewhere
  /// would cost somebody else's file.
  static bool is_inside(const std::string& name) {
    const Path path(name);
    return !name.empty() && name.find('\0') == std::string::npos && path.is_relative() &&
           std::none_of(path.begin(), path.end(), [](const Path& part) { return part == "." || part == ".."; });
  }
  /// A name of a line that was read. Throws FormatError when it is not of this folder.
  std::string listed_name(const std::string& stored) const {
    std::string name = unescaped(stored);
    check<FormatError>(is_inside(name), path_.string().c_str(), "lists ", quoted(Path(name)),
                       ", which is no file in this folder; expected names that are relative, without '.' or '..'");
    return name;
  }

  /// One line, without its end. Half a line of a killed program says nothing.
  void take(const std::string& line) {
    const auto words = split(valid(line), 2);
    if (words.size() < 2) return;
    ++lines_;
    const std::string& program = words[0];
    const auto fields = split(words[1], 6);
    if (fields.size() < 2) return;
    if (fields[0] == "removed") {
      files_.erase(listed_name(split(words[1], 2)[1]));
    } else if (fields[0] == "rewritten") {
      files_[listed_name(split(words[1], 2)[1])] = {program, true, {}, {}};
    } else if (fields[0] == "content" && fields.size() == 6) {
      const auto sum = [&](std::size_t i) -> std::optional<ContentSum> {
        if (fields[i] == "-") return {};
        return ContentSum{std::strtoull(fields[i].c_str(), nullptr, 10),
                          static_cast<std::uint32_t>(std::strtoul(fields[i + 1].c_str(), nullptr, 10))};
      };
      files_[listed_name(fields[5])] = {program, false, sum(1), sum(3)};
    }
  }

  static std::string line_of(const std::string& name, const ListedFile& file) {
    if (file.by_name) return "rewritten " + escaped(name);
    const auto sum = [](const std::optional<ContentSum>& s) {
      return s ? std::to_string(s->bytes) + " " + std::to_string(s->crc) : std::string("- -");
    };
    return "content " + sum(file.before) + " " + sum(file.now) + " " + escaped(name);
  }

  /// All that counts.
  std::string text() const {
    std::string all(header);
    for (const auto& [name, file] : files_) all += with_checksum(file.program + " " + line_of(name, file));
    return all;
  }

  void append(const std::string& line, bool at_once) {
    if (dry_run_ || file_ < 0) return;
    store((torn_ ? "\n" : "") + with_checksum(program_ + " " + line), at_once);
    ++lines_;
  }
  void store(std::string_view text, bool at_once) {
    int error = detail::write_all(file_, std::as_bytes(std::span(text)));
    torn_ = error != 0;
    if (error == 0 && at_once) error = detail::flush(file_);
    check<IoError>(error == 0, "output", quoted(path_), " cannot be written: ", std::strerror(error));
  }

  static std::string with_checksum(const std::string& line) {
    return std::to_string(Crc32().add(line).value()) + " " + line + "\n";
  }
  /// A line without its checksum; nothing where that is wrong.
  static std::string valid(const std::string& line) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string::npos) return {};
    const std::string rest = line.substr(blank + 1);
    return line.substr(0, blank) == std::to_string(Crc32().add(rest).value()) ? rest : std::string();
  }
  /// At most `count` words; the last has the rest.
  static std::vector<std::string> split(const std::string& text, std::size_t count) {
    std::vector<std::string> words;
    std::size_t from = 0;
    while (words.size() + 1 < count) {
      const std::size_t to = text.find(' ', from);
      if (to == std::string::npos) break;
      words.push_back(text.substr(from, to - from));
      from = to + 1;
    }
    if (from < text.size()) words.push_back(text.substr(from));
    return words;
  }
  /// A name without ends of lines.
  static std::string escaped(const std::string& name) {
    std::string text;
    for (const char c : name) text += c == '\n' ? "%n" : c == '%' ? "%%" : std::string(1, c);
    return text;
  }
  static std::string unescaped(const std::string& text) {
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i)
      name += text[i] != '%' || i + 1 == text.size() ? text[i] : text[++i] == 'n' ? '\n' : text[i];
    return name;
  }

  Path path_;
  std::string program_;
  bool dry_run_, dispensable_;
  Handle file_;
  std::size_t read_to_ = 0, lines_ = 0;
  bool torn_ = false;
  std::map<std::string, ListedFile> files_;
};

}  // namespace paser::io

#endif

#include "paser/core/macros_on.inc"
