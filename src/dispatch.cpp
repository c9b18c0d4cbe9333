// The kernels as the rest of a program calls them: every call goes to the table of the instruction set that was chosen.
#include <cstdlib>
#include <string>
#include <vector>

#include "kernel_list.hpp"
#include "paser/core/error.hpp"
#include "paser/core/isa.hpp"

#define PASER_TABLES_OF(suffix)                                                       \
  extern "C" const paser::kernels::KernelTable<float> paser_kernels_##suffix##_float; \
  extern "C" const paser::kernels::KernelTable<double> paser_kernels_##suffix##_double
PASER_TABLES_OF(base);
#ifdef PASER_COMPILED_V3_KERNELS
PASER_TABLES_OF(v3);
#endif
#ifdef PASER_COMPILED_V4_KERNELS
PASER_TABLES_OF(v4);
#endif
#undef PASER_TABLES_OF

namespace paser {

namespace {

struct InstructionSet {
  const char* name;
  const kernels::KernelTable<float>* single;
  const kernels::KernelTable<double>* twice;
  bool runs;  // on this processor
};

// What one level asks for beyond the last; the processors that have these have the rest of the level too.
#ifdef PASER_COMPILED_V3_KERNELS
bool runs_v3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}
#endif
#ifdef PASER_COMPILED_V4_KERNELS
bool runs_v4() {
  return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

/// The best one stands first.
std::vector<InstructionSet> instruction_sets() {
  return {
#ifdef PASER_COMPILED_V4_KERNELS
      {"x86-64-v4", &paser_kernels_v4_float, &paser_kernels_v4_double, runs_v4()},
#endif
#ifdef PASER_COMPILED_V3_KERNELS
      {"x86-64-v3", &paser_kernels_v3_float, &paser_kernels_v3_double, runs_v3()},
#endif
      {PASER_COMPILED_BASE, &paser_kernels_base_float, &paser_kernels_base_double, true}};
}

InstructionSet choose_instruction_set() {
  const char* const wanted = std::getenv("PASER_ISA");
  std::string names;
  for (const InstructionSet& set : instruction_sets()) {
    if (!set.runs) continue;
    if (wanted == nullptr || *wanted == '\0' || std::string(wanted) == set.name) return set;
    names += (names.empty() ? "" : ", ") + std::string(set.name);
  }
  throw ValueError("PASER_ISA: \"" + std::string(wanted) +
                   "\" is no instruction set that this program has and this processor runs; those are " + names);
}

const InstructionSet& chosen() {
  static const InstructionSet set = choose_instruction_set();
  return set;
}

template <class T>
const kernels::KernelTable<T>& table() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return *chosen().single;
  } else {
    return *chosen().twice;
  }
}

}  // namespace

std::string_view isa() {
  return chosen().name;
}

namespace kernels {

#define PASER_FORWARD(result, name, parameters, arguments) \
  template <class T>                                       \
  result name parameters {                                 \
    return table<T>().name arguments;                      \
  }
PASER_KERNELS(PASER_FORWARD)
#undef PASER_FORWARD

namespace {

/// Its address is needed, so each kernel is instantiated here, where callers find it.
#define PASER_ENTRY(result, name, parameters, arguments) .name = &kernels::name<T>,
template <class T>
[[gnu::used]] constexpr KernelTable<T> every_kernel{PASER_KERNELS(PASER_ENTRY)};
#undef PASER_ENTRY
template const KernelTable<float> every_kernel<float>;
template const KernelTable<double> every_kernel<double>;

}  // namespace

}  // namespace kernels

}  // namespace paser
