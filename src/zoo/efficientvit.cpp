// EfficientViT, compiled once for all programs.
#include "paser/models/registered/makers/efficientvit.hpp"

namespace paser::models {

template EfficientViT<float>::EfficientViT(const EfficientViTSpec&, Key);

#define PASER_EFFICIENTVIT(Context)                                                           \
  template std::vector<DeferredNorm<Image<Context>>> EfficientViT<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                                 \
  template Image<Context> EfficientViT<float>::stochastic_part(Context&,                      \
                                                               const std::vector<DeferredNorm<Image<Context>>>&) const
PASER_EFFICIENTVIT(EvalContext<float>);
PASER_EFFICIENTVIT(TapeContext<float>);
PASER_EFFICIENTVIT(CountContext<float>);

template struct EfficientViTMaker<float>;
template struct EfficientViTMaker<double>;

}  // namespace paser::models
