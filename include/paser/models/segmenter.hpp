#pragma once

#include <memory>
#include <string>
#include <vector>

#include "paser/autograd/context.hpp"
#include "paser/core/rows.hpp"
#include "paser/nn/visit.hpp"
#include "paser/ops/feature_map.hpp"

namespace paser::models {

namespace detail {

/// Receives the members of a type-erased module.
template <class T>
struct MemberVisitor {
  virtual ~MemberVisitor() = default;
  virtual void visit(const std::string& name, Parameter<T, 1>& p) = 0;
  virtual void visit(const std::string& name, Parameter<T, 2>& p) = 0;
  virtual void visit(const std::string& name, Parameter<T, 4>& p) = 0;
  virtual void visit(const std::string& name, Buffer<T, 1>& b) = 0;
};

template <class T, class F, bool Const>
struct ForwardMembers final : MemberVisitor<T> {
  F& f;
  explicit ForwardMembers(F& target) : f(target) {}
  template <class Member>
  void forward(const std::string& name, Member& m) {
    if constexpr (Const) {
      f(name.c_str(), std::as_const(m));
    } else {
      f(name.c_str(), m);
    }
  }
  void visit(const std::string& name, Parameter<T, 1>& p) override { forward(name, p); }
  void visit(const std::string& name, Parameter<T, 2>& p) override { forward(name, p); }
  void visit(const std::string& name, Parameter<T, 4>& p) override { forward(name, p); }
  void visit(const std::string& name, Buffer<T, 1>& b) override { forward(name, b); }
};

}  // namespace detail

/// Any segmentation network, its type forgotten: images (N, H, W, C) -> logits (N, H, W, K). The pipeline holds its
/// models so, since which networks take part is a matter of a run and not of the program. It is itself a module:
/// optimizers, checkpoints and counts walk it as they would walk the network inside. A copy is a copy of the weights.
template <class T = float>
class Segmenter {
 public:
  using Scalar = T;

  using Maps = std::vector<FeatureMap<Tensor<T, 4>>>;

  /// Takes any module with a templated operator()(ctx, image). A network that also has prefix(ctx, image) and
  /// suffix(ctx, maps), the part before and after its first dropout, shares the prefix among MC samples; its maps are a
  /// std::vector of FeatureMaps, and its dropouts are nn::Dropout applied to FeatureMaps.
  template <class Network>
  requires(!std::same_as<std::remove_cvref_t<Network>, Segmenter>) Segmenter(Network network)
      : holder_(std::make_unique<Holder<Network>>(std::move(network))) {}

  Segmenter(const Segmenter& other) : holder_(other.holder_->clone()) {}
  Segmenter(Segmenter&&) noexcept = default;
  Segmenter& operator=(Segmenter other) noexcept {
    holder_ = std::move(other.holder_);
    return *this;
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return holder_->run(ctx, image);
  }
  Maps prefix(EvalContext<T>& ctx, const Tensor<T, 4>& image) const { return holder_->prefix(ctx, image); }
  Tensor<T, 4> suffix(EvalContext<T>& ctx, Maps maps) const { return holder_->suffix(ctx, std::move(maps)); }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    detail::ForwardMembers<T, std::remove_reference_t<F>, std::is_const_v<Self>> forward(f);
    self.holder_->visit(forward);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual Tensor<T, 4> run(EvalContext<T>& ctx, const Tensor<T, 4>& image) const = 0;
    virtual Var<T, 4> run(TapeContext<T>& ctx, const Var<T, 4>& image) const = 0;
    virtual Maps prefix(EvalContext<T>& ctx, const Tensor<T, 4>& image) const = 0;
    virtual Tensor<T, 4> suffix(EvalContext<T>& ctx, Maps maps) const = 0;
    virtual void visit(detail::MemberVisitor<T>& visitor) = 0;
  };

  template <class Network>
  struct Holder final : Base {
    Network network;
    static constexpr bool splits = requires(const Network& n, EvalContext<T>& c, const Tensor<T, 4>& x) {
      n.suffix(c, Maps(n.prefix(c, x)));
    };

    explicit Holder(Network n) : network(std::move(n)) {}
    std::unique_ptr<Base> clone() const override { return std::make_unique<Holder>(network); }
    Tensor<T, 4> run(EvalContext<T>& ctx, const Tensor<T, 4>& image) const override { return network(ctx, image); }
    Var<T, 4> run(TapeContext<T>& ctx, const Var<T, 4>& image) const override { return network(ctx, image); }
    Maps prefix(EvalContext<T>& ctx, const Tensor<T, 4>& image) const override {
      if constexpr (splits) {
        return network.prefix(ctx, image);
      } else {
        return {image};
      }
    }
    Tensor<T, 4> suffix(EvalContext<T>& ctx, Maps maps) const override {
      if constexpr (splits) {
        return network.suffix(ctx, std::move(maps));
      } else {
        const Tensor<T, 4> images = materialize(maps.at(0));
        return network(ctx, repeat_rows(images, ctx.passes(images.shape().n())));
      }
    }
    void visit(detail::MemberVisitor<T>& visitor) override {
      nn::walk(network, [&visitor](const std::string& name, auto& member) { visitor.visit(name, member); });
    }
  };

  std::unique_ptr<Base> holder_;
};

}  // namespace paser::models
