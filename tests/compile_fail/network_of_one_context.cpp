// expected: a segmentation network is a module
#include "paser/models/any_segmenter.hpp"

struct Same {
  template <class Self, class F>
  static void visit(Self&, F&&) {}
#ifdef MUST_NOT_COMPILE
  paser::Tensor<float, 4> operator()(paser::EvalContext<float>&, const paser::Tensor<float, 4>& image) const {
    return image;
  }
#else
  template <class Context>
  paser::Image<Context> operator()(Context&, const paser::Image<Context>& image) const {
    return image;
  }
#endif
};

paser::models::AnySegmenter<float> same() {
  return Same{};
}
