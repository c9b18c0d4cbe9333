// Case N22: paser's headers among the macros of other headers, which are there again behind them.
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <cassert>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <list>
#include <locale>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numbers>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <typeindex>
#include <unordered_map>
#include <variant>
#include <vector>

#define near
#define far
#define small char
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define check(assertion)                \
  do {                                  \
    if (!(assertion)) __builtin_trap(); \
  } while (false)
#define require(assertion, label) \
  do {                            \
    if (!(assertion)) goto label; \
  } while (false)
#define verify(assertion) check(assertion)
#define interface struct
#define IN
#define OUT
#define ERROR 0
#define DELETE (0x00010000L)
#define emit
#define slots
#define signals public
#define foreach for
#define None 0L
#define Bool int
#define Status int
#define Success 0
#define True 1
#define False 0
#define Always 2
#define Above 0
#define Below 1
#define major(x) x
#define minor(x) x
#define I 1i
#define B0 0
#define error Rf_error
#define length Rf_length
#define warning Rf_warning
#define abs(x) ((x) > 0 ? (x) : -(x))
#define round(x) ((x) >= 0 ? (long)((x) + 0.5) : (long)((x)-0.5))
#define sq(x) ((x) * (x))
#define DEBUG 1
#define CONST const
#define NO_ERROR 0

#include "paser/paser.hpp"

static_assert(max(1, 2) == 2 && min(1, 2) == 1 && Success == 0);
small a_macro_of_the_program = 'x';
#if !defined(far) || !defined(IN) || !defined(check) || !defined(I) || !defined(round)
#error "a macro of the program is gone"
#endif
