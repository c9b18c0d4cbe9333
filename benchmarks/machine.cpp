/// The ceilings of this machine: fused multiply-adds in registers, and the bandwidth of each level of memory, for a
/// number of threads (the only argument). Prints one line of JSON: GFLOP/s and GB/s, the best of several rounds.

#include <barrier>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "count_argument.hpp"
#include "paser/core/simd.hpp"
#include "paser/core/tensor.hpp"

namespace {

using namespace paser;
using Vector = simd::Packet<float>;
constexpr Index lanes = simd::width<float>;

/// Runs `work` on all threads at once, several times -> seconds of the fastest round. `work` is called with the number
/// of the thread.
double best_seconds(int threads, int rounds, const std::function<void(int)>& work) {
  double best = 1e9;
  std::barrier<> line(threads);
  const auto body = [&](int thread) {
    for (int round = 0; round < rounds; ++round) {
      line.arrive_and_wait();
      const auto start = std::chrono::steady_clock::now();
      work(thread);
      line.arrive_and_wait();
      if (thread == 0)
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  };
  std::vector<std::thread> team;
  for (int t = 1; t < threads; ++t) team.emplace_back(body, t);
  body(0);
  for (auto& t : team) t.join();
  return best;
}

volatile float sink;

/// Twelve independent chains hide the latency of a multiply-add on every CPU so far.
double fma_gflops(int threads) {
  constexpr int chains = 12;
  constexpr Index steps = 4'000'000;
  const double seconds = best_seconds(threads, 30, [](int) {
    const Vector a = simd::broadcast(0.999999F), b = simd::broadcast(1e-6F);
    Vector sums[chains];
    for (int i = 0; i < chains; ++i) sums[i] = simd::broadcast(static_cast<float>(i));
    for (Index step = 0; step < steps; ++step)
      for (int i = 0; i < chains; ++i) sums[i] = simd::keep(simd::fma(sums[i], a, b));
    Vector total = sums[0];
    for (int i = 1; i < chains; ++i) total = simd::add(total, sums[i]);
    float values[lanes];
    simd::store(values, total);
    sink = values[0];
  });
  return 2e-9 * static_cast<double>(threads * steps * chains * lanes) / seconds;
}

struct Bandwidth {
  double triad, read;  // GB/s
};

/// a = b + s c over three arrays of together `bytes` per thread; counted as 12 bytes per element. And reading alone.
Bandwidth bandwidth(int threads, Index bytes) {
  const Index unit = 8 * lanes, count = std::max(bytes / 12 / unit, Index{1}) * unit;
  const Index repeats = std::max<Index>(1, 100'000'000 / (12 * count));
  std::vector<Tensor<float, 1>> arrays;
  std::vector<float*> a, b, c;
  for (int t = 0; t < 3 * threads; ++t) arrays.push_back(Tensor<float, 1>::zeros({count}));
  for (int t = 0; t < threads; ++t) {
    const auto at = static_cast<std::size_t>(3 * t);
    a.push_back(arrays[at].mutable_data());
    b.push_back(arrays[at + 1].mutable_data());
    c.push_back(arrays[at + 2].mutable_data());
  }
  const double gigabytes = 1e-9 * static_cast<double>(threads * repeats * count);
  const Vector scale = simd::broadcast(0.5F);
  const double triad = best_seconds(threads, 12, [&](int thread) {
    const auto t = static_cast<std::size_t>(thread);
    float* const to = a[t];
    const float *const left = b[t], *const right = c[t];
    for (Index repeat = 0; repeat < repeats; ++repeat) {
      for (Index i = 0; i < count; i += 4 * lanes)
        for (Index j = i; j < i + 4 * lanes; j += lanes)
          simd::store(to + j, simd::fma(simd::load(right + j), scale, simd::load(left + j)));
      sink = to[0];
    }
  });
  const double read = best_seconds(threads, 12, [&](int thread) {
    const auto t = static_cast<std::size_t>(thread);
    Vector sums[8];
    for (auto& sum : sums) sum = simd::zero<float>();
    for (Index repeat = 0; repeat < repeats; ++repeat)
      for (const float* from : {a[t], b[t], c[t]})
        for (Index i = 0; i < count; i += unit)
          for (Index j = 0; j < 8; ++j) sums[j] = simd::keep(simd::add(sums[j], simd::load(from + i + j * lanes)));
    float values[lanes];
    for (int j = 1; j < 8; ++j) sums[0] = simd::add(sums[0], sums[j]);
    simd::store(values, sums[0]);
    sink = values[0];
  });
  return {12 * gigabytes / triad, 12 * gigabytes / read};
}

/// The size of a core's data cache of a level, as Linux tells it; `fallback` elsewhere.
Index cache_bytes(int level, Index fallback) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    int its_level = 0;
    std::string type, size;
    std::ifstream(folder + "level") >> its_level;
    std::ifstream(folder + "type") >> type;
    std::ifstream(folder + "size") >> size;
    if (its_level != level || type == "Instruction" || size.empty()) continue;
    return std::stol(size) * (size.back() == 'M' ? 1 << 20 : size.back() == 'K' ? 1 << 10 : 1);
  }
  return fallback;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = benchmark_program::count_argument(argc, argv, 1, 1, "threads");
  const Index l1 = cache_bytes(1, 32 << 10), l2 = cache_bytes(2, 512 << 10), l3 = cache_bytes(3, 16 << 20);
  // A virtual machine may be told of more third-level cache than its share: a few times the second level is in it.
  const Index in_l3 = std::min(l3 / 2 / threads, 6 * l2),
              in_dram = std::max<Index>(384 << 20, 4 * std::min<Index>(l3, 96 << 20)) / threads;
  std::printf("{\"fma_gflops\": %.2f", fma_gflops(threads));
  const auto level = [threads](const char* name, Index bytes) {
    const Bandwidth b = bandwidth(threads, bytes);
    std::printf(", \"%s\": {\"bytes_a_thread\": %ld, \"triad_gbs\": %.2f, \"read_gbs\": %.2f}", name,
                static_cast<long>(bytes), b.triad, b.read);
  };
  level("L1", 3 * l1 / 4);
  level("L2", 3 * l2 / 4);
  level("L3", in_l3);
  level("DRAM", in_dram);
  std::printf("}\n");
}
