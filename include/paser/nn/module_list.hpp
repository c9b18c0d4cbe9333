#pragma once
#include "paser/core/macros_off.inc"

#include <string>
#include <vector>

#include "paser/nn/visit.hpp"

namespace paser::nn {

/// Modules whose names are their numbers, "0", "1", ..., as torch.nn.ModuleList and torch.nn.Sequential have them.
template <class Module>
struct ModuleList : std::vector<Module> {
  using std::vector<Module>::vector;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    for (std::size_t i = 0; i < self.size(); ++i) f(std::to_string(i).c_str(), self[i]);
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
