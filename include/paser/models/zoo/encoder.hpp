#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser::models {

/// What an encoder hands to a decoder that joins two levels.
template <class Value>
struct TwoLevels {
  Value low;   ///< stride 4
  Value high;  ///< the last map, at the encoder's output stride
};

/// Walks down an encoder of which the last stages are dilated instead of strided, so that its output stride is kept.
class OutputStride {
 public:
  /// Stride and dilation of one stage.
  struct Stage {
    Index stride;          ///< of the first block; all others have 1
    Index first_dilation;  ///< of the first block
    Index dilation;        ///< of all others
  };

  /// `wanted`: 8, 16 or 32. `reached`: the stride before the first stage. `spare_first`: the first block of a dilated
  /// stage keeps the dilation of the stage before, as in torchvision. Throws ValueError on another stride.
  OutputStride(Index wanted, Index reached, bool spare_first)
      : wanted_(wanted), reached_(reached), spare_first_(spare_first) {
    check<ValueError>(wanted == 8 || wanted == 16 || wanted == 32, "OutputStride", "the output stride is ", wanted,
                      ", expected 8, 16 or 32");
  }

  /// The next stage, whose stride would be `stride`.
  Stage next(Index stride) {
    const Index before = dilation_;
    if (reached_ * stride > wanted_) {
      dilation_ *= stride;
      stride = 1;
    }
    reached_ *= stride;
    return {stride, spare_first_ ? before : dilation_, dilation_};
  }

 private:
  Index wanted_, reached_, dilation_ = 1;
  bool spare_first_;
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
