// Constants in memory against the same numbers made at run time, which the compiler cannot foresee: 16, 32 and 64 bytes
// of every type, on the heap and on the stack, copied from a constant and written one by one.
//   constants          fails if any is wrong
//   constants wrong    fails if none is: how the test itself is tested, with a compiler that gets them wrong
// Ends with 77 where the processor lacks what this was compiled for.
#include <cstdint>
#include <cstring>
#include <iostream>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

int wrong = 0, checked = 0;

/// What an element may be: zero, a number, one whose sign bit is set, and one whose bits may all be set.
template <class T>
constexpr T element(int number) {
  return number == 0 ? T(0) : number == 1 ? T(2) : number == 2 ? T(-2) : T(-1);
}

template <class T>
volatile T hidden[] = {T(0), T(2), T(-2), T(-1)};

/// `count` elements in `blocks` equal runs, each of which is a digit of `pattern` in base `base`.
constexpr int digit(int pattern, int base, int block) {
  for (; block > 0; --block) pattern /= base;
  return pattern % base;
}

/// Keeps the compiler from following what p points to.
template <class T>
T* escape(T* p) {
  asm volatile("" : "+r"(p) : : "memory");
  return p;
}

template <class T>
[[gnu::noinline]] void compare(const T* values, int count, int blocks, int base, int pattern, const char* how) {
  ++checked;
  bool equal = true;
  for (int i = 0; i < count; ++i) {
    const T expected = hidden<T>[digit(pattern, base, i * blocks / count)];
    equal = equal && std::memcmp(&values[i], &expected, sizeof(T)) == 0;
  }
  if (equal) return;
  if (++wrong > 20) return;
  std::cout << count << " elements of " << sizeof(T) << " bytes, " << how << ":";
  for (int i = 0; i < count; ++i) std::cout << ' ' << +values[i];
  std::cout << " instead of";
  for (int i = 0; i < count; ++i) std::cout << ' ' << +hidden<T>[digit(pattern, base, i * blocks / count)];
  std::cout << '\n';
}

// One function for each way, and none with internal linkage: beside others, or where it knows that main calls a
// function once, the compiler builds the same constant differently.
template <class T, int Blocks, int Base, int Pattern, int... E>
struct Constant {
  static constexpr int count = sizeof...(E);

  [[gnu::noinline]] static void as_vector() {
    std::vector<T> values{element<T>(E)...};
    compare(escape(&values)->data(), count, Blocks, Base, Pattern, "a vector");
  }
  [[gnu::noinline]] static void as_array() {
    T values[] = {element<T>(E)...};
    compare(escape(values), count, Blocks, Base, Pattern, "an array");
  }
  [[gnu::noinline]] static void as_copy() {
    static constexpr T constant[] = {element<T>(E)...};
    T values[count];
    std::memcpy(escape(values), constant, sizeof(values));
    compare(values, count, Blocks, Base, Pattern, "a copy");
  }
  [[gnu::noinline]] static void one_by_one() {
    T values[count];
    T* const to = escape(values);
    int i = 0;
    ((to[i++] = element<T>(E)), ...);
    compare(values, count, Blocks, Base, Pattern, "one by one");
  }
};

template <class T, int Blocks, int Base, int Pattern, int... I>
void check(std::integer_sequence<int, I...>) {
  using C = Constant<T, Blocks, Base, Pattern, digit(Pattern, Base, I * Blocks / int{sizeof...(I)})...>;
  C::as_vector();
  C::as_array();
  C::as_copy();
  C::one_by_one();
}

constexpr int power(int base, int exponent) {
  return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

/// All patterns of `Blocks` runs that together take `Bytes`.
template <class T, int Bytes, int Blocks, int Base>
void check_all() {
  [&]<int... Pattern>(std::integer_sequence<int, Pattern...>) {
    (check<T, Blocks, Base, Pattern>(std::make_integer_sequence<int, Bytes / int{sizeof(T)}>{}), ...);
  }
  (std::make_integer_sequence<int, power(Base, Blocks)>{});
}

template <class T>
void check_type() {
  check_all<T, 16, 2, 4>();
  check_all<T, 32, 2, 4>();
  check_all<T, 32, 4, 2>();
  check_all<T, 64, 2, 4>();
  check_all<T, 64, 4, 2>();
}

[[gnu::noinline]] void check_everything() {
  check_type<double>();
  check_type<float>();
  check_type<std::int64_t>();
  check_type<std::int32_t>();
  check_type<std::int8_t>();
}

bool processor_suffices() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return true;
#endif
}

int main(int count, char** arguments) {
  if (!processor_suffices()) return 77;
  check_everything();
  std::cout << wrong << " of " << checked << " constants are wrong\n";
  const bool wanted = count > 1 && std::string_view(arguments[1]) == "wrong";
  return (wrong > 0) == wanted ? 0 : 1;
}
