// The models that programs use most, so that these need not be compiled again in each of them.
#include "paser/models/policy_net.hpp"
#include "paser/models/registered/makers/unet.hpp"
#include "paser/models/registered/wrappers.hpp"
#include "paser/models/unet.hpp"

namespace paser::models {

template UNet<float>::UNet(const UNetSpec&, Key);

#define PASER_UNET(Context)                                                                                           \
  template std::vector<DeferredNorm<Image<Context>>> UNet<float>::deterministic_part(Context&, const Image<Context>&) \
      const;                                                                                                          \
  template Image<Context> UNet<float>::stochastic_part(Context&, std::vector<DeferredNorm<Image<Context>>>) const
PASER_UNET(EvalContext<float>);
PASER_UNET(TapeContext<float>);
PASER_UNET(CountContext<float>);

template Tensor<float, 2> PolicyNet<float>::operator()(EvalContext<float>&, const Tensor<float, 4>&) const;
template Var<float, 2> PolicyNet<float>::operator()(TapeContext<float>&, const Var<float, 4>&) const;
template Counted<2> PolicyNet<float>::operator()(CountContext<float>&, const Counted<4>&) const;

template struct UNetMaker<float>;
template struct UNetMaker<double>;
template struct WrapperMaker<float>;
template struct WrapperMaker<double>;

}  // namespace paser::models
