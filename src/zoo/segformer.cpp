// SegFormer, compiled once for all programs.
#include "paser/models/registered/makers/segformer.hpp"

namespace paser::models {

template SegFormer<float>::SegFormer(const SegFormerSpec&, Key);

#define PASER_SEGFORMER(Context)                                                           \
  template std::vector<DeferredNorm<Image<Context>>> SegFormer<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                              \
  template Image<Context> SegFormer<float>::stochastic_part(Context&,                      \
                                                            const std::vector<DeferredNorm<Image<Context>>>&) const
PASER_SEGFORMER(EvalContext<float>);
PASER_SEGFORMER(TapeContext<float>);
PASER_SEGFORMER(CountContext<float>);

template struct SegFormerMaker<float>;
template struct SegFormerMaker<double>;

}  // namespace paser::models
