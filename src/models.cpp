// The models that programs use most, so that these need not be compiled again in each of them.
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"

namespace paser::models {

template RuntimeUNet<float>::RuntimeUNet(const UNetSpec&, Key);

#define PASER_UNET(Context)                                                                                           \
  template std::vector<FeatureMap<Image<Context>>> RuntimeUNet<float>::prefix(Context&, const Image<Context>&) const; \
  template Image<Context> RuntimeUNet<float>::suffix(Context&, std::vector<FeatureMap<Image<Context>>>) const
PASER_UNET(EvalContext<float>);
PASER_UNET(TapeContext<float>);

template Tensor<float, 2> PolicyNet<float>::operator()(EvalContext<float>&, const Tensor<float, 4>&) const;
template Var<float, 2> PolicyNet<float>::operator()(TapeContext<float>&, const Var<float, 4>&) const;

}  // namespace paser::models
