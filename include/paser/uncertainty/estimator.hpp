#pragma once
#include "paser/core/macros_off.inc"

#include <concepts>
#include <memory>

#include "paser/core/typed_spec.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/uncertainty/prediction.hpp"

namespace paser::uncertainty {

/// How an estimator is to run.
struct EstimatorRun {
  /// The number of each image in its data set, on which the noise of the image depends; empty: its place in the batch.
  ImageIds ids{};
  Key key{};
  Index micro_batch = 32;  ///< images that run at once, every sample of an image counted; bounds the memory
};

/// What asks the coarse model how every pixel is labelled and what that leaves open.
///   predict(coarse, images, run)   images: (N, H, W, C)
///   operations(coarse, images)     what predict takes on images of this shape
///   spec()                         its type and settings, for files
/// and, where it has weights of its own, visit().
template <class E, class T>
concept EstimatorFor = std::copyable<E> &&
    requires(const E& e, const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images, const EstimatorRun& run) {
  { e.predict(coarse, images, run) } -> std::same_as<Prediction<T>>;
  { e.operations(coarse, images.shape()) } -> std::same_as<Operations>;
  { e.spec() } -> std::same_as<TypedSpec>;
};

/// Any estimator, its type forgotten. Itself a module: the weights of its own, if it has any, are its members.
template <class T = float>
class Estimator {
 public:
  using Scalar = T;

  // Whether E is an Estimator is asked first, or clang++ 14 never ends to ask whether one can be copied.
  template <class E>
  requires(!std::same_as<std::remove_cvref_t<E>, Estimator> && EstimatorFor<E, T>) Estimator(E estimator)
      : holder_(std::make_unique<Holder<E>>(std::move(estimator))) {}
  /// Throws ShapeError when ids and images differ in number.
  Prediction<T> predict(const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images,
                        const EstimatorRun& run) const {
    check(run.ids.empty() || static_cast<Index>(run.ids.size()) == images.shape().n(), "Estimator", run.ids.size(),
          " image ids for ", images.shape().n(), " images");
    return holder_->predict(coarse, images, run);
  }
  Operations operations(const models::AnySegmenter<T>& coarse, const Shape<4>& images) const {
    return holder_->operations(coarse, images);
  }
  TypedSpec spec() const { return holder_->spec(); }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    nn::visit_erased<T, Self>(self.holder_, f);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual Prediction<T> predict(const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images,
                                  const EstimatorRun& run) const = 0;
    virtual Operations operations(const models::AnySegmenter<T>& coarse, const Shape<4>& images) const = 0;
    virtual TypedSpec spec() const = 0;
    virtual void visit(nn::MemberVisitor<T>& visitor) = 0;
  };

  template <class E>
  struct Holder final : Base {
    E estimator;
    explicit Holder(E e) : estimator(std::move(e)) {}
    std::unique_ptr<Base> clone() const override { return std::make_unique<Holder>(estimator); }
    Prediction<T> predict(const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images,
                          const EstimatorRun& run) const override {
      return estimator.predict(coarse, images, run);
    }
    Operations operations(const models::AnySegmenter<T>& coarse, const Shape<4>& images) const override {
      return estimator.operations(coarse, images);
    }
    TypedSpec spec() const override { return estimator.spec(); }
    void visit(nn::MemberVisitor<T>& visitor) override { nn::show_members(estimator, visitor); }
  };

  nn::Cloned<Base> holder_;
};

/// The answer of one pass of the coarse model without noise and the entropy of its softmax: the cheapest estimator. It
/// knows what the model finds ambiguous, but not what it has not learned.
struct SoftmaxEntropy {
  template <class T>
  Prediction<T> predict(const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images,
                        const EstimatorRun& run) const {
    return predict_in_parts<T>(images.shape().n(), run.micro_batch, [&](Index begin, Index end) {
      return summarize_samples(infer(coarse, slice_rows(images, begin, end)), 1);
    });
  }
  template <class T>
  Operations operations(const models::AnySegmenter<T>& coarse, const Shape<4>& images) const {
    return coarse.count(images);
  }
  TypedSpec spec() const { return {"softmax_entropy"}; }
};

/// A deep ensemble (Lakshminarayanan et al. 2017): the coarse model and further models that were trained as it was from
/// other random weights, each in one pass without noise. The first sample is the coarse model's. A NotFiniteError names
/// the member whose answer it is, unless it is the coarse model's.
template <class T = float>
struct Ensemble {
  std::vector<models::AnySegmenter<T>> members;  ///< beside the coarse model

  Prediction<T> predict(const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images,
                        const EstimatorRun& run) const {
    return predict_in_parts<T>(images.shape().n(), run.micro_batch, [&](Index begin, Index end) {
      const Tensor<T, 4> part = slice_rows(images, begin, end);
      SampleSum<T> samples;
      samples.add(infer(coarse, part), end - begin);
      for (const auto& member : members) samples.add(infer(member, part), end - begin);
      try {
        return samples.finish();
      } catch (const NotFiniteError&) {
        check_members(part);
        throw;
      }
    });
  }
  Operations operations(const models::AnySegmenter<T>& coarse, const Shape<4>& images) const {
    Operations sum = coarse.count(images);
    for (const auto& member : members) sum += member.count(images);
    return sum;
  }
  /// The members' own specifications, in their order.
  TypedSpec spec() const {
    std::string list;
    for (const auto& member : members) list += (list.empty() ? "" : ", ") + member.spec().text();
    return {"ensemble", "{\"members\": [" + list + "]}"};
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("member", self.members);
  }

 private:
  /// Throws NotFiniteError that names the first member without an answer: the mean does not tell whose it was.
  void check_members(const Tensor<T, 4>& images) const {
    for (std::size_t i = 0; i < members.size(); ++i) {
      try {
        argmax_channels(infer(members[i], images));
      } catch (const NotFiniteError& error) {
        throw NotFiniteError(message("member ", i + 1, " of the ensemble: ", error.what()));
      }
    }
  }
};

}  // namespace paser::uncertainty
#include "paser/core/macros_on.inc"
