// MatPhase's reconstruction, compiled once for all programs.
#include "paser/models/registered/makers/matphase.hpp"

namespace paser::models {

template MatPhase<float>::MatPhase(const MatPhaseSpec&, Key);

#define PASER_MATPHASE(Context)                                                                                        \
  template std::vector<DeferredNorm<Image<Context>>> MatPhase<float>::deterministic_part(Context&,                     \
                                                                                         const Image<Context>&) const; \
  template Image<Context> MatPhase<float>::stochastic_part(Context&, std::vector<DeferredNorm<Image<Context>>>) const
PASER_MATPHASE(EvalContext<float>);
PASER_MATPHASE(TapeContext<float>);
PASER_MATPHASE(CountContext<float>);

template struct MatPhaseMaker<float>;
template struct MatPhaseMaker<double>;

}  // namespace paser::models
