// DeepLabV3+, compiled once for all programs.
#include "paser/models/registered/makers/deeplabv3plus.hpp"

namespace paser::models {

template struct DeepLabV3Plus<float>;

#define PASER_DEEPLAB(Context)                                                                 \
  template std::vector<DeferredNorm<Image<Context>>> DeepLabV3Plus<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                                  \
  template Image<Context> DeepLabV3Plus<float>::stochastic_part(                               \
      Context&, const std::vector<DeferredNorm<Image<Context>>>&) const
PASER_DEEPLAB(EvalContext<float>);
PASER_DEEPLAB(TapeContext<float>);
PASER_DEEPLAB(CountContext<float>);

template struct DeepLabV3PlusMaker<float>;
template struct DeepLabV3PlusMaker<double>;

}  // namespace paser::models
