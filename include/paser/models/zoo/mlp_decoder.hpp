#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/count_context.hpp"
#include "paser/models/zoo/transformer_layers.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/module_list.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/add_resized.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/matmul.hpp"
#include "paser/ops/reshape.hpp"
#include "paser/ops/upsample_bilinear.hpp"

namespace paser::models {

/// SegFormer's all-MLP decoder up to its last layer: each map of the pyramid through a linear layer of its own to
/// `width` channels and resized to the largest, all of them side by side, the coarsest first, through a 1x1 convolution
/// without bias, batch norm and ReLU. Maps (N, H_i, W_i, C_i), the finest first -> (N, H_0, W_0, width).
template <class T>
struct MlpDecoder {
  nn::ModuleList<nn::Linear<T>> linear_c;
  nn::Conv2d<T> linear_fuse;
  nn::BatchNorm<T> batch_norm;

  MlpDecoder(const std::vector<Index>& channels, Index width, Key key)
      : linear_fuse(token_conv<T>({.in = static_cast<Index>(channels.size()) * width,
                                   .out = width,
                                   .kernel = 1,
                                   .options = {},
                                   .bias = false},
                                  key.fold(0))),
        batch_norm(width) {
    for (const Index c : channels) linear_c.push_back(token_linear<T>(c, width, key.fold(linear_c.size() + 1)));
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    for (std::size_t i = 0; i < self.linear_c.size(); ++i)
      f(("linear_c." + std::to_string(i) + ".proj").c_str(), self.linear_c[i]);
    f("linear_fuse", self.linear_fuse);
    f("batch_norm", self.batch_norm);
  }

  /// The 1x1 convolution is a sum over the maps, and each of its terms commutes with the resizing, whose weights sum to
  /// one: so it is done on the small maps. The batch norm by its running statistics is folded into it.
  template <class Context>
  Image<Context> operator()(Context& ctx, const std::vector<Image<Context>>& maps) const {
    check(maps.size() == linear_c.size(), "MlpDecoder", maps.size(), " maps, expected ", linear_c.size());
    if constexpr (requires { ctx.as_published; })
      if (ctx.as_published) return as_published(ctx, maps);
    if constexpr (std::is_same_v<Context, EvalContext<T>>)
      if (!ctx.mode.batch_statistics) {
        const auto& n = batch_norm;
        const auto fold = [&] {
          return fold_batch_norm(linear_fuse.weight.value, {}, n.weight.value, n.bias.value, n.running_mean.value,
                                 n.running_var.value, n.options);
        };
        const auto folded = ctx.filters ? ctx.filters->folded(linear_fuse.weight.value,
                                                              {Tensor<T, 1>(), n.weight.value, n.bias.value,
                                                               n.running_mean.value, n.running_var.value},
                                                              n.options.eps, fold)
                                        : fold();
        return fused(ctx, maps, folded.weight, folded.bias, true);
      }
    const auto none = ctx.constant(Tensor<T, 1>::zeros({batch_norm.bias.value.numel()}));
    return relu(batch_norm(ctx, fused(ctx, maps, ctx(linear_fuse.weight), none, false)));
  }

  /// The same, step by step as it is published.
  template <class Context>
  Image<Context> as_published(Context& ctx, const std::vector<Image<Context>>& maps) const {
    const Shape<4> largest = value_of(maps[0]).shape();
    std::optional<Image<Context>> all;
    for (std::size_t i = 0; i < maps.size(); ++i) {
      const Image<Context> wide = upsample_bilinear(linear_c[i](ctx, maps[i]), {.size = {largest.h(), largest.w()}});
      all = all ? concat_channels(wide, *all) : wide;
    }
    return materialize(relu(batch_norm(ctx, linear_fuse(ctx, DeferredNorm(*all)))));
  }

 private:
  template <class Context, int Rank>
  using Value = typename Context::template Value<Rank>;

  /// The sum over the maps of resize(linear_c(map) W), and the bias. W: a block of rows of the weight.
  template <class Context>
  Image<Context> fused(Context& ctx, const std::vector<Image<Context>>& maps, const Value<Context, 4>& weight,
                       const Value<Context, 1>& bias, bool with_relu) const {
    const Index width = bias.shape()[0], block = width * width;
    const auto flat = reshape(weight, Shape<4>{1, 1, 1, weight.shape().numel()});
    auto offset = reshape(bias, Shape<2>{1, width});
    std::vector<Image<Context>> terms;  // the coarsest first
    for (std::size_t i = maps.size(); i-- > 0;) {
      const auto rows = static_cast<Index>(terms.size()) * block;
      const auto part = reshape(slice_channels(flat, rows, block), Shape<2>{width, width});
      const auto& own = ctx(linear_c[i].weight);
      offset = add(offset, matmul(reshape(ctx(linear_c[i].bias), Shape<2>{1, width}), part));
      // Two layers without a bias between them are one, whichever product is made first.
      const Shape<4> shape = value_of(maps[i]).shape();
      const bool weights_first = shape.n() * shape.h() * shape.w() > shape.c();
      const auto through = [&](const auto&... last) {
        return weights_first ? linear(maps[i], matmul(own, part), last...)
                             : linear(linear(maps[i], own), part, last...);
      };
      terms.push_back(i > 0 ? through() : through(reshape(offset, Shape<1>{width})));
    }
    Image<Context> finest = std::move(terms.back());
    terms.pop_back();
    return add_resized(std::move(finest), terms, with_relu);
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
