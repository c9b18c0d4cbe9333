// expected: a data set to train on has size(), range(first, end) and rows(numbers)
#include "paser/pipeline/pretrain.hpp"

struct Blank {
  struct Batch {
    paser::Tensor<float, 4> images;
    paser::Labels labels;
    paser::ImageIds ids;
  };
  paser::Index size() const { return 2; }
  Batch range(paser::Index first, paser::Index end) const { return of(end - first); }
#ifndef MUST_NOT_COMPILE
  Batch rows(std::span<const paser::Index> numbers) const {
    return of(static_cast<paser::Index>(numbers.size()));
  }
#endif

 private:
  static Batch of(paser::Index n) {
    return {paser::Tensor<float, 4>({n, 8, 8, 1}), paser::Labels({n, 8, 8}), {}};
  }
};

bool train(paser::models::AnySegmenter<float>& network, const Blank& blank) {
  return paser::pipeline::pretrain<float>(network, blank, blank, {}, {}, paser::Key{1});
}
