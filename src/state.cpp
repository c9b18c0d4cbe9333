// What a process has once, for all files of a program and the kernels of all instruction sets: the pool of buffers and
// the team of threads. The headers define these functions in place; here something refers to them, so that they become
// symbols of the library.
#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"

namespace {

[[gnu::used]] constexpr auto pool = &paser::BufferPool::instance;
[[gnu::used]] constexpr auto count = &paser::threads;
[[gnu::used]] constexpr auto limit = &paser::set_threads;
[[gnu::used]] constexpr auto loop = &paser::detail::run_pieces;

}  // namespace
