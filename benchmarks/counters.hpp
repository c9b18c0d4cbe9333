#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <string>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

/// What every benchmark reports beside its time.
namespace bench {

/// GFLOP/s of fused multiply-adds in registers, with all threads; the best of several tries.
inline double measure_peak() {
  using namespace paser;
  constexpr Index steps = 4'000'000, chains = 12;
  double best = 0;
  for (int attempt = 0; attempt < 7; ++attempt) {
    std::vector<float> sink(static_cast<std::size_t>(threads()));
    const auto start = std::chrono::steady_clock::now();
    parallel_each(threads(), [&](Index i) {
      simd::Packet<float> sums[chains];
      for (auto& sum : sums) sum = simd::broadcast(static_cast<float>(i));
      const auto factor = simd::broadcast(0.99F), term = simd::broadcast(0.1F);
      for (Index step = 0; step < steps; ++step)
#pragma GCC unroll 12
        for (auto& sum : sums) sum = simd::keep(simd::fma(factor, sum, term));
      float total = 0;
      for (const auto& sum : sums) total += simd::sum<float>(sum);
      sink[static_cast<std::size_t>(i)] = total;
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    benchmark::DoNotOptimize(sink.data());
    const double flops = 2.0 * steps * chains * simd::width<float> * threads();
    best = std::max(best, flops / seconds.count() * 1e-9);
  }
  return best;
}

/// The machine's peak, measured on first use.
inline double peak() {
  static const double value = measure_peak();
  return value;
}

/// Reports `flops` as GFLOP/s and as a share of the peak (1 is all of it), and `bytes` as GB/s, each of one iteration.
/// Bytes are those that must at least be read and written once; 0 leaves a column out.
inline void report_work(benchmark::State& state, double flops, double bytes) {
  const auto rate = [&](double one) {
    return benchmark::Counter(1e-9 * one * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  };
  if (flops > 0) {
    state.counters["GFLOP/s"] = rate(flops);
    state.counters["peak"] = rate(flops / peak());
  }
  if (bytes > 0) state.counters["GB/s"] = rate(bytes);
}

/// Runs what was registered; the head of the output names the threads and the peak.
inline int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("threads", std::to_string(paser::threads()));
  benchmark::AddCustomContext("multiply-add peak, GFLOP/s", std::to_string(peak()));
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace bench
