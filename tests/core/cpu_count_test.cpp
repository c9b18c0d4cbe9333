#include "paser/core/cpu_count.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#ifdef __linux__
#include <sched.h>

#include "child.hpp"
#endif

using namespace paser;

namespace {

namespace fs = std::filesystem;

/// A folder that stands for the root of a machine, with the control groups of a process in it.
class Machine {
 public:
  Machine() {
    static int number = 0;
    root_ = fs::temp_directory_path() / ("paser_cpus_" + std::to_string(::getpid()) + "_" + std::to_string(number++));
    fs::remove_all(root_);
  }
  ~Machine() { fs::remove_all(root_); }

  Machine& file(const std::string& path, const std::string& text) {
    const fs::path full = root_ / path;
    fs::create_directories(full.parent_path());
    std::ofstream(full) << text;
    return *this;
  }
  Machine& groups(const std::string& text) { return file("proc/self/cgroup", text); }
  Machine& mounts(const std::string& text) { return file("proc/self/mountinfo", text); }
  Machine& version_1(const std::string& folder, const std::string& quota, const std::string& period = "100000") {
    return file(folder + "/cpu.cfs_quota_us", quota + "\n").file(folder + "/cpu.cfs_period_us", period + "\n");
  }
  int cpus() const { return detail::cpus_of_cgroups(root_.string()); }

 private:
  fs::path root_;
};

const std::string mount_2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const std::string mount_1 = "33 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
const std::string cpuset_1 = "34 30 0:31 / /sys/fs/cgroup/cpuset rw shared:10 - cgroup cgroup rw,cpuset\n";

}  // namespace

TEST_CASE("OMP_NUM_THREADS is the first number of a list, and anything else is nothing") {
  using detail::threads_wished;
  CHECK(threads_wished("3") == 3);
  CHECK(threads_wished("4,2") == 4);
  CHECK(threads_wished(" 5 , 2") == 5);
  CHECK(threads_wished("99999999999999999999") == detail::any_number_of_cpus);
  CHECK(threads_wished(nullptr) == 0);
  for (const char* garbage : {"", " ", "0", "-2", "two", "4x", "x4", ",4", "4.5"}) {
    CAPTURE(garbage);
    CHECK(threads_wished(garbage) == 0);
  }
}

TEST_CASE("a quota is rounded down to whole processors, at least one") {
  using detail::cpus_of_quota;
  CHECK(cpus_of_quota("400000", "100000\n") == 4);
  CHECK(cpus_of_quota("399999", "100000") == 3);
  CHECK(cpus_of_quota("150000", "100000") == 1);
  CHECK(cpus_of_quota("20000", "100000") == 1);
  CHECK(cpus_of_quota("100000", "50000") == 2);
  for (const char* none : {"max", "-1\n", "", "0", "much"}) {
    CAPTURE(none);
    CHECK(cpus_of_quota(none, "100000") == detail::any_number_of_cpus);
  }
  CHECK(cpus_of_quota("100000", "") == detail::any_number_of_cpus);
  CHECK(cpus_of_quota("100000", "0") == detail::any_number_of_cpus);
}

TEST_CASE("the quota of a control group of version 2, and of those around it") {
  Machine machine;
  machine.groups("0::/a.slice/b.service\n").mounts("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mount_2);
  CHECK(machine.cpus() == detail::any_number_of_cpus);
  machine.file("sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
  CHECK(machine.cpus() == detail::any_number_of_cpus);
  machine.file("sys/fs/cgroup/a.slice/cpu.max", "650000 100000\n");
  CHECK(machine.cpus() == 6);
  machine.file("sys/fs/cgroup/a.slice/b.service/cpu.max", "250000 100000\n");
  CHECK(machine.cpus() == 2);
  machine.file("sys/fs/cgroup/a.slice/other.service/cpu.max", "100000 100000\n");
  CHECK(machine.cpus() == 2);
  machine.file("sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK(machine.cpus() == 1);
}

TEST_CASE("in a container the own group of version 2 is the top") {
  Machine machine;
  machine.groups("0::/\n").mounts(mount_2).file("sys/fs/cgroup/cpu.max", "300000 100000\n");
  CHECK(machine.cpus() == 3);
  machine.groups("0::/../../other\n");  // a process that was moved in from outside
  CHECK(machine.cpus() == 3);
}

TEST_CASE("the quota of a control group of version 1, and of those around it") {
  Machine machine;
  machine.groups("12:cpuset:/c\n4:cpu,cpuacct:/a/b\n1:name=systemd:/d\n0::/d\n").mounts(cpuset_1 + mount_1 + mount_2);
  machine.version_1("sys/fs/cgroup/cpu,cpuacct", "-1");
  CHECK(machine.cpus() == detail::any_number_of_cpus);
  machine.version_1("sys/fs/cgroup/cpu,cpuacct/a/b", "790000");
  CHECK(machine.cpus() == 7);
  machine.version_1("sys/fs/cgroup/cpu,cpuacct/a", "100000", "20000");
  CHECK(machine.cpus() == 5);
  machine.version_1("sys/fs/cgroup/cpuset/c", "100000");
  CHECK(machine.cpus() == 5);
  machine.file("sys/fs/cgroup/d/cpu.max", "200000 100000\n");  // both versions at once
  CHECK(machine.cpus() == 2);
}

TEST_CASE("in a container the mount of version 1 may show the own group as its top") {
  Machine machine;
  machine.groups("4:cpu,cpuacct:/docker/0123/inner\n");
  machine.mounts("33 30 0:30 /docker/0123 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n");
  machine.version_1("sys/fs/cgroup/cpu", "400000");
  CHECK(machine.cpus() == 4);
  machine.version_1("sys/fs/cgroup/cpu/inner", "200000");
  CHECK(machine.cpus() == 2);
  machine.groups("4:cpu,cpuacct:/docker/01234\n");  // not below what is mounted
  CHECK(machine.cpus() == 4);
}

TEST_CASE("control groups that make no sense do not limit") {
  Machine machine;
  CHECK(machine.cpus() == detail::any_number_of_cpus);
  machine.groups("nonsense\n\n0::\n:::\n").mounts("- - -\n" + mount_2 + "x - cgroup2\n");
  machine.file("sys/fs/cgroup/cpu.max", "nonsense");
  CHECK(machine.cpus() == detail::any_number_of_cpus);
}

#ifdef __linux__
TEST_CASE("the processors are those that the thread may run on") {
  CHECK(detail::usable_cpus() >= 1);
  const bool right = in_child([] {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) != 0) return false;
    const int all = CPU_COUNT(&mask);
    if (detail::cpus_of_affinity() != all) return false;
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    return sched_setaffinity(0, sizeof mask, &mask) == 0 && detail::cpus_of_affinity() == 1 &&
           detail::usable_cpus() == 1;
  });
  CHECK(right);
}
#endif
