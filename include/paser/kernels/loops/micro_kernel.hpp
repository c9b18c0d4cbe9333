#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/core/simd.hpp"

/// The innermost loop of every matrix product: a block of C held in registers while A and B stream by.
namespace paser::kernels {

/// Packets of B that one block spans, and rows of A: rows x packets accumulators, one packet row of B and one broadcast
/// of A fill the registers. Two packets a row, since two loads of B and `block_rows` broadcasts then keep fewer load
/// ports busy than the multiply-adds need cycles.
inline constexpr int block_packets = 2;
inline constexpr int block_rows = simd::registers >= 32 ? 12 : 6;  ///< Rows of a block of the matrix product.

/// Elements of T in a row of a block, which is the width of a panel of packed B.
template <class T>
inline constexpr Index block_width = block_packets* simd::width<T>;

/// c[i][j] = start + sum over l of a[i * a_row + l * a_step] * b[l * b_step + j] for i < Rows and j < Packets packets,
/// where start is c[i][j] when `accumulate`, else 0. The sum is taken over l in order by fused multiply-adds and then
/// added to start, so the bits of an element do not depend on Rows or Packets.
///
/// Meanwhile the lines of memory that come next are asked for, since what the caches foresee by themselves comes too
/// late as soon as an operand is not in the second level: next_a, when not null, is the block of A that follows, of the
/// same layout with a_step 1; of next_b, when not null, two lines are fetched for each of A.
template <int Rows, int Packets, class T>
inline void multiply_block(Index depth, const T* a, Index a_row, Index a_step, const T* b, Index b_step, T* c,
                           Index c_row, bool accumulate, const T* next_a = nullptr, const T* next_b = nullptr) {
  using P = simd::Packet<T>;
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  if (next_a || next_b)
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) simd::prefetch(c + i * c_row);
  P sum[Rows][Packets];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Packets; ++j) sum[i][j] = simd::zero<T>();
  for (Index l = 0; l < depth;) {
    if (next_a) {
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) simd::prefetch(next_a + i * a_row);
      next_a += line;
    }
    if (next_b) {
      simd::prefetch(next_b);
      simd::prefetch(next_b + line);
      next_b += 2 * line;
    }
    for (const Index stop = std::min(depth, l + line); l < stop; ++l) {
      P row[Packets];
#pragma GCC unroll 4
      for (int j = 0; j < Packets; ++j) row[j] = simd::load(b + j * simd::width<T>);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const P factor = simd::broadcast(a[i * a_row]);
#pragma GCC unroll 4
        for (int j = 0; j < Packets; ++j) sum[i][j] = simd::fma(factor, row[j], sum[i][j]);
      }
      a += a_step;
      b += b_step;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Packets; ++j) {
      T* const to = c + i * c_row + j * simd::width<T>;
      simd::store(to, accumulate ? simd::add(simd::load(to), sum[i][j]) : sum[i][j]);
    }
}

/// multiply_block for a number of rows known only at run time, 1 to block_rows.
template <int Packets, class T, int Rows = block_rows>
inline void multiply_rows(Index rows, Index depth, const T* a, Index a_row, Index a_step, const T* b, Index b_step,
                          T* c, Index c_row, bool accumulate, const T* next_a, const T* next_b) {
  if (rows == Rows)
    multiply_block<Rows, Packets>(depth, a, a_row, a_step, b, b_step, c, c_row, accumulate, next_a, next_b);
  else if constexpr (Rows > 1)
    multiply_rows<Packets, T, Rows - 1>(rows, depth, a, a_row, a_step, b, b_step, c, c_row, accumulate, next_a, next_b);
}

/// The same for any number of rows, and for the last panel of B, of which only `columns` <= block_width<T> are wanted:
/// a packet that holds none of them is left out. next_b: the panel of B that will be wanted next, or null.
template <class T>
inline void multiply_panel(Index rows, Index columns, Index depth, const T* a, Index a_row, Index a_step, const T* b,
                           Index b_step, T* c, Index c_row, bool accumulate, const T* next_b = nullptr) {
  // Shorter sums than these are of operands so small that they are near, and the requests would show.
  const bool ahead = depth >= 32;
  if (!ahead) next_b = nullptr;
  // The last block_rows + few are halved: a few rows alone would wait for their own sums.
  for (Index i = 0, some; i < rows; i += some) {
    const Index left = rows - i;
    some = left >= 2 * block_rows ? block_rows : left > block_rows ? (left + 1) / 2 : left;
    const T* const block = a + i * a_row;
    const T* const next_a = ahead && a_step == 1 && left > some ? block + some * a_row : nullptr;
    if (columns > simd::width<T>)
      multiply_rows<block_packets>(some, depth, block, a_row, a_step, b, b_step, c + i * c_row, c_row, accumulate,
                                   next_a, next_b);
    else
      multiply_rows<1>(some, depth, block, a_row, a_step, b, b_step, c + i * c_row, c_row, accumulate, next_a, next_b);
    if (next_b) next_b += 2 * depth;
  }
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
