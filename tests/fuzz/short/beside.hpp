#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "draw.hpp"

/// The kernels of two instruction sets on the same inputs, number by number: a child of this process answers by the
/// second one and writes its numbers into a pipe.
namespace fuzz {

class Beside {
 public:
  /// Before the first kernel is called, which is when a process chooses its instruction set.
  explicit Beside(const char* isa) {
    int ends[2];
    if (pipe(ends) != 0) finding("no pipe to the process of ", isa);
    child_ = fork();
    if (child_ < 0) finding("no process for ", isa);
    close(ends[child_ == 0 ? 0 : 1]);
    pipe_ = child_ == 0 ? fdopen(ends[1], "wb") : fdopen(ends[0], "rb");
    if (pipe_ == nullptr) finding("no pipe to the process of ", isa);
    if (child_ == 0) {
      setenv("PASER_ISA", isa, 1);
      answered = [this](const std::string&, double value, double) {
        if (std::fwrite(&value, sizeof value, 1, pipe_) != 1) std::_Exit(1);  // the other process has ended
      };
    } else {
      answered = [this](const std::string& what, double value, double bound) { compare(what, value, bound); };
    }
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside() { std::fclose(pipe_); }

  /// Behind the last input; the child does not return from it. The numbers that were compared.
  long end() {
    if (child_ == 0) std::_Exit(std::fflush(pipe_) == 0 ? 0 : 1);
    int status = 0;
    if (std::fgetc(pipe_) != EOF) finding("the other instruction set has more answers");
    if (waitpid(child_, &status, 0) != child_ || status != 0)
      finding("the process of the other instruction set failed");
    if (compared_ == 0) finding("there was nothing to compare");
    return compared_;
  }

 private:
  /// Each lies within the bound of what is exact; of one another they are to be no further apart than that.
  void compare(const std::string& what, double value, double bound) {
    double other = 0;
    if (std::fread(&other, sizeof other, 1, pipe_) != 1) finding(what, ": the other instruction set has no answer");
    if (!(std::abs(value - other) <= bound))
      finding(what, ": ", value, " and ", other, " by two instruction sets, the bound of the difference ", bound);
    ++compared_;
  }

  pid_t child_ = -1;
  std::FILE* pipe_ = nullptr;
  long compared_ = 0;
};

}  // namespace fuzz
