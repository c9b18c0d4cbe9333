#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "paser/core/tensor.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/memory.hpp"

using namespace paser;
using namespace paser::report;

TEST_CASE("The memory of a stage is that of its largest moment") {
  constexpr std::size_t size = std::size_t{48} << 20;
  const MemoryMeter meter;
  { auto t = Tensor<float, 1>::full({static_cast<Index>(size / sizeof(float))}, 1.0f); }
  const MemoryPeak peak = meter.peak();
  CHECK(peak.tensors >= size);
  CHECK(peak.process >= size);
  if (peak.of_stage) {
    BufferPool::instance().release();
    const MemoryMeter after;
    CHECK(after.peak().tensors < size);
#ifndef __SANITIZE_ADDRESS__  // which keeps what is given back for a while
    CHECK(after.peak().process + size / 2 < peak.process);
#endif
  }
}

TEST_CASE("The first interrupt only sets a flag; afterwards the old handler is back") {
  static int others = 0;
  const auto before = std::signal(SIGTERM, [](int) { ++others; });
  {
    const InterruptGuard guard;
    CHECK_FALSE(interrupted());
    std::raise(SIGTERM);
    CHECK(interrupted());
    CHECK(others == 0);
  }
  std::raise(SIGTERM);
  CHECK(others == 1);
  std::signal(SIGTERM, before);
  CHECK_FALSE((InterruptGuard{}, interrupted()));
}

TEST_CASE("The second interrupt ends the process") {
  const pid_t child = ::fork();
  if (child == 0) {
    const InterruptGuard guard;
    std::signal(SIGALRM, SIG_DFL);
    ::alarm(10);  // never hangs
    std::raise(SIGTERM);
    std::raise(SIGTERM);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("The environment names library, machine and compiler") {
  const nlohmann::json e = environment();
  CHECK(e.at("library") == std::string("paser ") + version);
  for (const char* name : {"cpu", "compiler", "system"}) CHECK_FALSE(e.at(name).get<std::string>().empty());
  CHECK(e.at("kernels") == isa());
  CHECK(e.at("threads") == threads());
  const std::string date = e.at("date");
  CHECK(date.size() == 20);
  CHECK(date[10] == 'T');
  CHECK(date.back() == 'Z');
}
