#pragma once

#include <fcntl.h>
#include <signal.h>  // kill is POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

/// A program that runs beside the test, its output in files.
class ChildProcess {
 public:
  ChildProcess(std::vector<std::string> words, const std::filesystem::path& out, const std::filesystem::path& err) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ > 0) return;
    constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC;
    const int out_file = ::open(out.c_str(), flags, 0600), err_file = ::open(err.c_str(), flags, 0600);
    if (out_file >= 0 && err_file >= 0 && ::dup2(out_file, 1) >= 0 && ::dup2(err_file, 2) >= 0)
      ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }

  pid_t pid() const { return pid_; }
  void send(int signal_number) const { ::kill(pid_, signal_number); }

  /// Whether it has ended.
  bool ended() {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    return status_.has_value();
  }

  /// Its exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, 0) == pid_) status_ = status;
    return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -WTERMSIG(*status_);
  }

 private:
  pid_t pid_ = 0;
  std::optional<int> status_;
};

/// The content of a file; empty when there is none.
inline std::string content_of(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// How a program ended and what it said.
struct Outcome {
  int status;
  std::string out, err;
};

/// Runs a program to its end. `scratch`: a folder for what it says.
inline Outcome run_program(const std::filesystem::path& scratch, const std::vector<std::string>& words) {
  const std::filesystem::path out = scratch / "stdout.txt", err = scratch / "stderr.txt";
  const int status = ChildProcess(words, out, err).wait();
  return {status, content_of(out), content_of(err)};
}

/// The names in a folder, hidden ones too but for that of the manifest; empty when there is no folder.
inline std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  if (!std::filesystem::exists(folder)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  names.erase(".paser_outputs");
  return names;
}
