#pragma once
#include "paser/core/macros_off.inc"

#include <map>
#include <string>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// While one lives, every operation that its thread records is looked at, and so is every gradient: the first result
/// or gradient that is not finite throws NotFiniteError, which names the operation by the parameter that was read last
/// before it was recorded. Takes about as long again as the run itself; for finding out where a training went wrong.
class FiniteWatch {
 public:
  FiniteWatch() : outer_(current()) { current() = this; }
  ~FiniteWatch() { current() = outer_; }
  FiniteWatch(const FiniteWatch&) = delete;
  FiniteWatch& operator=(const FiniteWatch&) = delete;

  /// The watch of this thread; null: nobody watches.
  static FiniteWatch*& current() {
    thread_local FiniteWatch* watch = nullptr;
    return watch;
  }

  /// What a parameter is called in messages.
  void name(const void* parameter, std::string name) { names_[parameter] = std::move(name); }

  /// A run reads a parameter, whose leaf on its tape is `node`. Throws where its values are not finite.
  template <class T>
  void read(const void* parameter, Index node, Index n, const T* values) {
    const auto found = names_.find(parameter);
    last_read_ = found == names_.end() ? "a parameter without a name" : found->second;
    since_ = 0;
    describe(node, last_read_);
    check_finite("FiniteWatch", n, values, last_read_);
  }

  /// An operation has been recorded as `node`.
  template <class T, int Rank>
  void result(Index node, const Shape<Rank>& shape, const T* values) {
    ++since_;
    const std::string where = last_read_.empty() ? message("before any parameter, operation ", since_)
                                                 : message("operation ", since_, " after ", last_read_, " was read");
    describe(node, message(where, ", of result ", shape));
    check_finite("forward pass", shape.numel(), values, of(node));
  }

  /// A gradient has reached `node`.
  template <class T>
  void gradient(Index node, Index n, const T* values) const {
    check_finite("backward pass", n, values, "the gradient of ", of(node));
  }

 private:
  void describe(Index node, const std::string& what) {
    if (static_cast<std::size_t>(node) >= nodes_.size()) nodes_.resize(static_cast<std::size_t>(node) + 1);
    nodes_[static_cast<std::size_t>(node)] = what;
  }
  std::string of(Index node) const {
    const auto i = static_cast<std::size_t>(node);
    return i < nodes_.size() && !nodes_[i].empty() ? nodes_[i] : message("the value at place ", node, " of the tape");
  }

  FiniteWatch* outer_;
  std::map<const void*, std::string> names_;
  std::vector<std::string> nodes_;  // of the tape that is being recorded
  std::string last_read_;
  Index since_ = 0;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
