#pragma once
#include "paser/core/macros_off.inc"

#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

/// Sums of numbered parts whose bits depend on the parts alone, and not on who adds which of them.
namespace paser {

/// Parts begin .. end-1.
struct PartRange {
  Index begin = 0, end = 0;
};

/// The parts that process `rank` of `processes` owns: consecutive ones in the order of the ranks, and the numbers of
/// any two processes differ by at most one. Throws ValueError on a rank that there is not, and when there are more
/// processes than parts.
inline PartRange parts_of_process(Index parts, Index rank, Index processes) {
  check<ValueError>(0 <= rank && rank < processes, "parts_of_process", "process ", rank, " of ", processes);
  check<ValueError>(processes <= parts, "parts_of_process", processes, " processes share ", parts,
                    " parts of a batch, and each needs at least one: expected fewer processes or smaller parts");
  return {parts * rank / processes, parts * (rank + 1) / processes};
}

/// Adds parts along a fixed binary tree. Its node of 2^k parts, which begins at a multiple of 2^k, is the sum of its
/// two halves, the earlier one on the left; where the parts end within a node, it is the sum of those that there are.
/// So the tree is balanced and depends on the number of parts alone.
///
/// A process adds the parts that it owns, one after the other, and hands over its roots: the nodes that lie within its
/// parts and have no parent there. Joined in the order of the processes they give the bits of a single process. At any
/// time log2(parts) + 1 sums are held, at the ends of a range that begins elsewhere than at 0 twice that.
///
/// Value: movable, with a += b.
template <class Value>
class TreeSum {
 public:
  /// The sum of parts begin .. begin+size-1. `size` is a power of two and `begin` a multiple of it.
  struct Node {
    Index begin = 0, size = 1;
    Value sum{};
  };

  /// A sum whose first part has this number.
  explicit TreeSum(Index first = 0) : begin_(first), end_(first) {}

  /// The parts that have been added.
  PartRange range() const { return {begin_, end_}; }

  /// Adds the next part.
  void add(Value part) { append({end_, 1, std::move(part)}); }

  /// Adds the parts of a node, which follow those that are there. Throws ValueError when they do not, or are no node.
  void append(Node node) {
    const bool is_node = node.size >= 1 && (node.size & (node.size - 1)) == 0 && node.begin % node.size == 0;
    check<ValueError>(is_node, "TreeSum", "parts ", node.begin, " .. ", node.begin + node.size - 1,
                      " are no node of the tree");
    check<ValueError>(node.begin == end_, "TreeSum", "part ", end_, " comes next, got part ", node.begin);
    end_ = node.begin + node.size;
    roots_.push_back(std::move(node));
    while (roots_.size() > 1 && are_halves(roots_[roots_.size() - 2], roots_.back())) merge_last();
  }

  /// Adds the parts of another process, which follow those that are there. Throws as append does.
  void join(TreeSum following) {
    for (Node& root : following.roots_) append(std::move(root));
  }

  /// What a process hands over, in order.
  const std::vector<Node>& roots() const& { return roots_; }
  std::vector<Node> roots() && { return std::move(roots_); }

  /// The sum of all parts; Value() when there are none. Throws ValueError when they do not begin with part 0.
  Value total() && {
    check<ValueError>(begin_ == 0, "TreeSum", "the total needs all parts from 0, these begin with part ", begin_);
    if (roots_.empty()) return Value();
    while (roots_.size() > 1) merge_last();
    return std::move(roots_.front().sum);
  }

 private:
  static bool are_halves(const Node& left, const Node& right) {
    return left.size == right.size && left.begin % (2 * left.size) == 0;
  }

  void merge_last() {
    Node right = std::move(roots_.back());
    roots_.pop_back();
    roots_.back().sum += right.sum;
    roots_.back().size += right.size;
  }

  std::vector<Node> roots_;
  Index begin_, end_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
