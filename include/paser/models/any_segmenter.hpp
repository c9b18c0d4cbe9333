#pragma once
#include "paser/core/macros_off.inc"

#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include "paser/autograd/count_context.hpp"
#include "paser/core/rows.hpp"
#include "paser/models/model_spec.hpp"
#include "paser/nn/erased.hpp"
#include "paser/ops/deferred_norm.hpp"

namespace paser::models {

namespace detail {

/// A number that a network says of itself.
enum class ModelTrait { channels, classes, smallest_size, size_multiple, stride, margin };

/// That number; 0 or 1, as AnySegmenter has it, of a network that does not say. One number at a time: a wrapper asks
/// the network inside, so that all six for each one would take six times as long with every wrapper around another.
template <class Network>
Index trait_of(const Network& network, ModelTrait trait) {
  switch (trait) {
    case ModelTrait::channels:
      if constexpr (requires { network.channels(); }) return network.channels();
      return 0;
    case ModelTrait::classes:
      if constexpr (requires { network.classes(); }) return network.classes();
      return 0;
    case ModelTrait::smallest_size:
      if constexpr (requires { network.smallest_size(); }) return network.smallest_size();
      return 1;
    case ModelTrait::size_multiple:
      if constexpr (requires { network.size_multiple(); }) return network.size_multiple();
      return 1;
    case ModelTrait::stride:
      if constexpr (requires { network.stride(); }) return network.stride();
      return 1;
    case ModelTrait::margin:
      if constexpr (requires { network.margin(); }) return network.margin();
      return 0;
  }
  return 0;
}

}  // namespace detail

/// What an AnySegmenter holds: a module that answers images in every kind of run.
template <class N, class T>
concept SegmentationNetwork = nn::Module<N> &&
    requires(const N& network, EvalContext<T>& eval, const Tensor<T, 4>& image, TapeContext<T>& tape,
             const Var<T, 4>& recorded, CountContext<T>& count, const Counted<4>& counted) {
  { network(eval, image) } -> std::convertible_to<Tensor<T, 4>>;
  { network(tape, recorded) } -> std::convertible_to<Var<T, 4>>;
  { network(count, counted) } -> std::convertible_to<Counted<4>>;
};

/// Any segmentation network, its type forgotten: images (N, H, W, C) -> logits (N, H, W, K). The pipeline holds its
/// models so, since which networks take part is a matter of a run and not of the program. It is itself a module:
/// optimizers, checkpoints and counts walk it as they would walk the network inside. A copy is a copy of the weights.
///
/// A network is any module with a templated operator()(ctx, image). One that computes by itself and not in ops has an
/// overload of it for CountContext<T> and Counted<4> as well. What it may say of itself by members of these names:
///   ModelSpec spec() const            how to make it again, see registry.hpp; without, it cannot be saved in a Paser
///   Index channels(), classes() const of its images and of its logits; 0, as without the member: not known
///   Index smallest_size() const       of both sides of an image, 1 without
///   Index size_multiple() const       both sides must be multiples of it, 1 without
///   Index stride() const              pixels of the image per pixel of the answer along a side, 1 without
///   Index margin() const              pixels of the image around all of its answer, 0 without; see models::Halo
///   deterministic_part(ctx, image), stochastic_part(ctx, maps)  the parts before and from its first dropout on, for
///     plain tensors: MC samples share the first. Its maps are a std::vector of DeferredNorms, which the second part
///     may get repeated, see DeferredNorm::repeated.
template <class T = float>
class AnySegmenter {
 public:
  using Scalar = T;

  using Maps = std::vector<DeferredNorm<Tensor<T, 4>>>;  ///< What deterministic_part gives and stochastic_part takes.

  template <class Network>
  requires(!std::same_as<std::remove_cvref_t<Network>, AnySegmenter>) AnySegmenter(Network network)
      : holder_(make_holder(std::move(network))) {}

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return holder_->run(ctx, image);
  }
  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    return holder_->deterministic_part(ctx, image);
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    return holder_->stochastic_part(ctx, std::move(maps));
  }

  /// The operations of one run on images of this shape, as those of the published network or as they are done (see
  /// CountContext). Computes nothing; throws what the run would throw about shapes.
  Operations count(const Shape<4>& images, Mode mode = run::inference, bool as_published = true) const {
    return count_operations<T>(*this, images, mode, as_published);
  }

  /// Its name in the registry and its settings; an empty name when the network does not say.
  ModelSpec spec() const { return holder_->spec(); }

  Index channels() const { return holder_->trait(detail::ModelTrait::channels); }  ///< of its images; 0: not known
  Index classes() const { return holder_->trait(detail::ModelTrait::classes); }    ///< of its answer; 0: not known
  Index smallest_size() const {
    return holder_->trait(detail::ModelTrait::smallest_size);
  }  ///< least pixels of both sides of an image
  Index size_multiple() const {
    return holder_->trait(detail::ModelTrait::size_multiple);
  }  ///< that both sides must be multiples of
  Index stride() const {
    return holder_->trait(detail::ModelTrait::stride);
  }  ///< pixels of the image per pixel of its answer
  Index margin() const {
    return holder_->trait(detail::ModelTrait::margin);
  }  ///< pixels of the image around all of its answer

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    nn::visit_erased<T, Self>(self.holder_, f);
  }

 private:
  struct Base;

  template <class Network>
  static std::unique_ptr<Base> make_holder(Network network) {
    static_assert(SegmentationNetwork<Network, T>,
                  "a segmentation network is a module (see nn/visit.hpp) with a member function template "
                  "Image<Context> operator()(Context& ctx, const Image<Context>& image) const");
    if constexpr (SegmentationNetwork<Network, T>) return std::make_unique<Holder<Network>>(std::move(network));
  }

  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual Tensor<T, 4> run(EvalContext<T>& ctx, const Tensor<T, 4>& image) const = 0;
    virtual Var<T, 4> run(TapeContext<T>& ctx, const Var<T, 4>& image) const = 0;
    virtual Counted<4> run(CountContext<T>& ctx, const Counted<4>& image) const = 0;
    virtual Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const = 0;
    virtual Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const = 0;
    virtual ModelSpec spec() const = 0;
    virtual Index trait(detail::ModelTrait trait) const = 0;
    virtual void visit(nn::MemberVisitor<T>& visitor) = 0;
  };

  template <class Network>
  struct Holder final : Base {
    Network network;
    static constexpr bool splits = requires(const Network& n, EvalContext<T>& c, const Tensor<T, 4>& x) {
      n.stochastic_part(c, Maps(n.deterministic_part(c, x)));
    };

    explicit Holder(Network n) : network(std::move(n)) {}
    std::unique_ptr<Base> clone() const override { return std::make_unique<Holder>(network); }
    Tensor<T, 4> run(EvalContext<T>& ctx, const Tensor<T, 4>& image) const override { return network(ctx, image); }
    Var<T, 4> run(TapeContext<T>& ctx, const Var<T, 4>& image) const override { return network(ctx, image); }
    Counted<4> run(CountContext<T>& ctx, const Counted<4>& image) const override { return network(ctx, image); }
    Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const override {
      if constexpr (splits) {
        return network.deterministic_part(ctx, image);
      } else {
        return {image};
      }
    }
    Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const override {
      if constexpr (splits) {
        return network.stochastic_part(ctx, std::move(maps));
      } else {
        const Tensor<T, 4> images = materialize(maps.at(0));
        return network(ctx, images);
      }
    }
    ModelSpec spec() const override {
      if constexpr (requires {
                      { network.spec() } -> std::convertible_to<ModelSpec>;
                    }) {
        return network.spec();
      } else {
        return {};
      }
    }
    Index trait(detail::ModelTrait trait) const override { return detail::trait_of(network, trait); }
    void visit(nn::MemberVisitor<T>& visitor) override { nn::show_members(network, visitor); }
  };

  nn::Cloned<Base> holder_;
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
