// expected: a module names its members
#include "paser/nn/linear.hpp"

struct Scale {
  paser::Parameter<float, 1> factor;
#ifndef MUST_NOT_COMPILE
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("factor", self.factor);
  }
#endif
};

paser::Index count(const Scale& scale) {
  return paser::nn::count_parameters(scale);
}
