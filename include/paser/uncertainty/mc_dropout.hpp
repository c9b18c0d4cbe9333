#pragma once

#include <vector>

#include "paser/autograd/context.hpp"
#include "paser/core/rows.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/uncertainty/entropy.hpp"

namespace paser::uncertainty {

/// What the passes of MC dropout say about a batch of images (Gal & Ghahramani 2016).
template <class T>
struct Belief {
  Tensor<T, 4> mean;        ///< mean class probabilities, (N, H, W, K)
  Tensor<T, 4> first_pass;  ///< the class probabilities of the first pass alone, (N, H, W, K)
  Labels labels;            ///< the most probable class of the mean, ties to the lowest, (N, H, W)
  Tensor<T, 3> entropy;     ///< of the mean, in nats: total uncertainty, (N, H, W)

  /// Only with McDropoutSpec::decompose: mean entropy of the passes (aleatoric), and what remains of the entropy, the
  /// mutual information of label and weights (epistemic), both in nats.
  Tensor<T, 3> expected_entropy, mutual_information;

  /// Several passes, all of them equal in every bit: the model has no active dropout. Worth a warning.
  bool without_noise = false;

  /// What the policy sees: (N, H, W, 2), the label as a number and the entropy.
  Tensor<T, 4> observation() const {
    const Shape<3>& s = labels.shape();
    Tensor<T, 4> map({s[0], s[1], s[2], 2});
    T* const out = map.mutable_data();
    for (Index i = 0; i < labels.numel(); ++i) {
      out[2 * i] = static_cast<T>(labels.data()[i]);
      out[2 * i + 1] = entropy.data()[i];
    }
    return map;
  }
};

template <class T>
struct McDropoutSpec {
  int samples = 5;  ///< the paper's
  double epsilon = probability_epsilon;
  bool decompose = false;
  /// The image's number in its data set, one for each image of the batch: the noise on it then does not depend on the
  /// batch it is in. Empty: its place in the batch.
  std::vector<std::uint64_t> image_ids{};
  /// Masks in place of random ones, one source a pass.
  std::vector<MaskSource<T>> masks{};
};

namespace detail {

/// The batch `times` times in a row.
template <class T>
Tensor<T, 4> repeat(const Tensor<T, 4>& x, Index times) {
  if (times == 1) return x;
  Shape<4> shape = x.shape();
  shape[0] *= times;
  Tensor<T, 4> result(shape);
  T* const out = result.mutable_data();
  parallel_each(times, [&](Index i) { std::copy_n(x.data(), x.numel(), out + i * x.numel()); });
  return result;
}
template <class T>
std::vector<Tensor<T, 4>> repeat(std::vector<Tensor<T, 4>> maps, Index times) {
  for (auto& map : maps) map = repeat(map, times);
  return maps;
}

/// Passes first .. first + count - 1 of the model as one batch, pass by pass.
template <class T>
EvalContext<T> pass_context(const McDropoutSpec<T>& spec, Key key, Index images, Index first, Index count) {
  EvalContext<T> ctx(run::mc_dropout, key);
  for (Index pass = first; pass < first + count; ++pass)
    for (Index n = 0; n < images; ++n)
      ctx.sample_keys.push_back(key.fold(static_cast<std::uint64_t>(pass))
                                    .fold(spec.image_ids.empty() ? static_cast<std::uint64_t>(n)
                                                                 : spec.image_ids[static_cast<std::size_t>(n)]));
  if (spec.masks.empty()) return ctx;
  ctx.masks = [&spec, images, first, count](int call, const Shape<4>& shape) {
    Tensor<T, 4> mask(shape);
    T* const out = mask.mutable_data();
    Shape<4> part = shape;
    part[0] = images;
    for (Index i = 0; i < count; ++i) {
      const Tensor<T, 4> one = spec.masks[static_cast<std::size_t>(first + i)](call, part);
      check(one.shape() == part, "mc_dropout", "a mask of shape ", one.shape(), ", expected ", part);
      std::copy_n(one.data(), one.numel(), out + i * one.numel());
    }
    return mask;
  };
  return ctx;
}

/// Softmax over the classes, in the pixels' own place, on several threads.
template <class T>
void softmax_rows(Index rows, Index n, const T* logits, T* p) {
  parallel_for(rows, kernels::loss_rows(n), [=](Index begin, Index end) {
    const Index piece = kernels::loss_rows(n);
    Scratch<T> scratch(static_cast<std::size_t>(2 * std::min(piece, end - begin)));
    for (Index row = begin; row < end; row += piece) {
      const Index count = std::min(piece, end - row);
      T *const largest = scratch.data(), *const sum = largest + count, *const out = p + row * n;
      kernels::exp_rows(count, n, logits + row * n, out, largest, sum);
      for (Index i = 0; i < count; ++i)
        for (Index k = 0; k < n; ++k) out[i * n + k] /= sum[i];
    }
  });
}

/// Sums up the passes as they come.
template <class T>
class Passes {
 public:
  explicit Passes(const McDropoutSpec<T>& spec) : spec_(spec) {}

  /// logits: (passes * N, H, W, K).
  void add(const Tensor<T, 4>& logits, Index images) {
    const Index passes = logits.shape().n() / images, size = logits.numel() / passes;
    Tensor<T, 4> all(logits.shape());
    softmax_rows(logits.numel() / logits.shape().c(), logits.shape().c(), logits.data(), all.mutable_data());
    for (Index pass = 0; pass < passes; ++pass) {
      const auto p = passes == 1 ? all : slice_rows(all, pass * images, (pass + 1) * images);
      if (count_++ == 0) {
        belief_.first_pass = belief_.mean = p;
      } else {
        same_ = same_ && std::equal(p.data(), p.data() + size, belief_.first_pass.data());
        kernels::accumulate(size, p.data(), belief_.mean.mutable_data());
      }
      if (spec_.decompose) add_to(belief_.expected_entropy, entropy(p, spec_.epsilon));
    }
  }

  Belief<T> finish() {
    divide(belief_.mean);
    belief_.labels = argmax_channels(belief_.mean);
    belief_.entropy = entropy(belief_.mean, spec_.epsilon);
    belief_.without_noise = count_ > 1 && same_;
    if (spec_.decompose) {
      divide(belief_.expected_entropy);
      auto& rest = belief_.mutual_information = Tensor<T, 3>(belief_.entropy.shape());
      T* const out = rest.mutable_data();
      for (Index i = 0; i < rest.numel(); ++i)
        out[i] = std::max(belief_.entropy.data()[i] - belief_.expected_entropy.data()[i], T(0));
    }
    return std::move(belief_);
  }

 private:
  static void add_to(Tensor<T, 3>& sum, const Tensor<T, 3>& x) {
    if (sum.empty()) {
      sum = x;
    } else {
      kernels::accumulate(x.numel(), x.data(), sum.mutable_data());
    }
  }
  template <int Rank>
  void divide(Tensor<T, Rank>& sum) const {
    T* const s = sum.mutable_data();
    if (count_ > 1) kernels::scale(sum.numel(), static_cast<T>(1.0 / count_), s, s);
  }

  const McDropoutSpec<T>& spec_;
  Belief<T> belief_;
  int count_ = 0;
  bool same_ = true;
};

/// Pixels that one run of the network takes: enough to keep all threads busy, few enough to stay near the caches.
inline constexpr Index pixels_per_run = Index{1} << 18;

}  // namespace detail

/// Runs a segmentation network `samples` times with dropout on and normalisation statistics frozen, without a tape, and
/// returns what the passes say together. images: (N, H, W, C). The mask of a pass depends on the key, the pass and the
/// image alone. A network with prefix(ctx, images) and suffix(ctx, maps), the parts before and from its first dropout
/// on, computes the prefix once. Throws ValueError unless samples >= 1, ShapeError when ids or masks do not fit.
template <class T, class Model>
Belief<T> mc_dropout(const Model& model, const Tensor<T, 4>& images, Key key, const McDropoutSpec<T>& spec = {}) {
  const Shape<4>& shape = images.shape();
  const Index n = shape.n(), samples = spec.samples;
  check<ValueError>(samples >= 1, "mc_dropout", "expected at least 1 sample, got ", samples);
  check(shape.numel() > 0, "mc_dropout", "no pixels in images ", shape);
  check(spec.image_ids.empty() || static_cast<Index>(spec.image_ids.size()) == n, "mc_dropout", spec.image_ids.size(),
        " image ids for ", n, " images");
  check(spec.masks.empty() || static_cast<Index>(spec.masks.size()) == samples, "mc_dropout", spec.masks.size(),
        " mask sources for ", samples, " samples");

  const Index together = std::clamp<Index>(detail::pixels_per_run / (n * shape.h() * shape.w()), 1, samples);
  constexpr bool splits = requires(EvalContext<T> & ctx) {
    model.suffix(ctx, detail::repeat(model.prefix(ctx, images), Index{1}));
  };
  const auto run_passes = [&](const auto& start, const auto& network) {
    detail::Passes<T> passes(spec);
    for (Index first = 0; first < samples; first += together) {
      const Index count = std::min(together, samples - first);
      EvalContext<T> ctx = detail::pass_context(spec, key, n, first, count);
      passes.add(network(ctx, detail::repeat(start, count)), n);
    }
    return passes.finish();
  };
  if constexpr (splits) {
    EvalContext<T> ctx(run::mc_dropout, key);
    return run_passes(model.prefix(ctx, images), [&](auto& c, auto maps) { return model.suffix(c, std::move(maps)); });
  } else {
    return run_passes(images, [&](auto& c, const auto& x) { return model(c, x); });
  }
}

}  // namespace paser::uncertainty
