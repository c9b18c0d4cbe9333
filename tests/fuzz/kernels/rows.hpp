#pragma once

#include "draw.hpp"
#include "paser/kernels/argmax.hpp"
#include "paser/kernels/attention.hpp"
#include "paser/kernels/cross_entropy.hpp"
#include "paser/kernels/divergence.hpp"
#include "paser/kernels/entropy.hpp"
#include "paser/kernels/layer_norm.hpp"
#include "paser/kernels/softmax.hpp"

/// What works on rows of numbers. The twins compute in double what the comments of the kernels say.
namespace fuzz {

/// The softmax of a row and its logarithm.
struct RowSoftmax {
  std::vector<double> p, log_p;

  template <class T>
  RowSoftmax(const T* x, Index n, double temperature = 1) : p(static_cast<std::size_t>(n)), log_p(p) {
    double largest = -INFINITY, sum = 0;
    for (Index i = 0; i < n; ++i) largest = std::max(largest, static_cast<double>(x[i]) / temperature);
    for (Index i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) / temperature - largest);
    for (std::size_t i = 0; i < p.size(); ++i) {
      log_p[i] = static_cast<double>(x[i]) / temperature - largest - std::log(sum);
      p[i] = std::exp(log_p[i]);
    }
  }
};

/// What an exponential of numbers within `spread` of each other loses: the rounding of its argument, and a few units of
/// its own.
inline double exponential_terms(double spread, Index n) {
  return 2 * spread + static_cast<double>(n) + 16;
}

template <class T>
void softmax(Draw& draw) {
  const Index rows = draw.between(0, 40), n = draw.between(1, 80);
  const double spread = draw.pick({1.0, 5.0, 30.0, 80.0});
  const auto x = draw.values<T>(rows * n, -spread, spread), dy = draw.values<T>(rows * n);
  auto y = unwritten<T>(rows * n), log_y = y, dx = y, log_dx = y;
  paser::kernels::softmax_forward(rows, n, x.data(), y.data());
  paser::kernels::log_softmax_forward(rows, n, x.data(), log_y.data());
  paser::kernels::softmax_backward(rows, n, y.data(), dy.data(), dx.data());
  paser::kernels::log_softmax_backward(rows, n, log_y.data(), dy.data(), log_dx.data());
  std::vector<Sum> p(y.size()), log_p(y.size()), want_dx(y.size()), want_log_dx(y.size());
  for (Index row = 0; row < rows; ++row) {
    const auto first = static_cast<std::size_t>(row * n);
    const RowSoftmax softmax(x.data() + row * n, n);
    Sum dot, total;
    for (std::size_t k = 0; k < softmax.p.size(); ++k) {
      p[first + k].add(softmax.p[k]);
      log_p[first + k].add(softmax.log_p[k], 1 + std::abs(softmax.log_p[k]));
      dot.add(static_cast<double>(y[first + k]) * static_cast<double>(dy[first + k]));
      total.add(static_cast<double>(dy[first + k]));
    }
    for (std::size_t k = first; k < first + softmax.p.size(); ++k) {
      const auto yk = static_cast<double>(y[k]), dyk = static_cast<double>(dy[k]);
      want_dx[k].add(yk * (dyk - dot.value), yk * (std::abs(dyk) + dot.magnitude));
      const double e = std::exp(static_cast<double>(log_y[k]));
      want_log_dx[k].add(dyk - e * total.value, std::abs(dyk) + e * total.magnitude);
    }
  }
  const auto what = paser::message(rows, " rows of ", n, " numbers within ", spread);
  agree("softmax of " + what, y, p, exponential_terms(2 * spread, n));
  agree("log-softmax of " + what, log_y, log_p, static_cast<double>(n) + 16);
  agree("softmax backward of " + what, dx, want_dx, static_cast<double>(n) + 8);
  agree("log-softmax backward of " + what, log_dx, want_log_dx, exponential_terms(2 * spread, n));
}

template <class T>
void cross_entropy(Draw& draw) {
  const Index rows = draw.between(0, 60), n = draw.between(1, 40);
  const double factor = 0.25, spread = draw.pick({1.0, 10.0, 40.0});
  const auto x = draw.values<T>(rows * n, -spread, spread), target = draw.values<T>(rows * n, 0, 1),
             chosen = draw.values<T>(rows, 0, static_cast<double>(n + 1));
  const auto weight = draw.values<double>(n, 0, 2);
  std::vector<std::int32_t> labels(chosen.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<std::int32_t>(chosen[i]);
    if (labels[i] >= n) labels[i] = 255;  // ignored
  }
  auto hard = unwritten<T>(rows * n), soft = hard;
  const double hard_sum =
      paser::kernels::cross_entropy_labels(rows, n, x.data(), labels.data(), weight.data(), 255, factor, hard.data());
  const double soft_sum =
      paser::kernels::cross_entropy_probabilities(rows, n, x.data(), target.data(), weight.data(), factor, soft.data());
  Sum want_hard, want_soft;
  std::vector<Sum> d_hard(hard.size()), d_soft(soft.size());
  for (Index row = 0; row < rows; ++row) {
    const auto first = static_cast<std::size_t>(row * n);
    const RowSoftmax softmax(x.data() + row * n, n);
    const std::int32_t label = labels[static_cast<std::size_t>(row)];
    double mass = 0;
    for (std::size_t k = 0; k < softmax.p.size(); ++k) {
      const double share = weight[k] * static_cast<double>(target[first + k]), loss = -softmax.log_p[k];
      want_soft.add(share * loss, share * (1 + loss + 2 * spread));
      mass += share;
      if (label == 255) continue;
      const auto own = static_cast<std::size_t>(label);
      if (k == own) want_hard.add(weight[k] * loss, weight[k] * (1 + loss + 2 * spread));
      const double scale = factor * weight[own];
      d_hard[first + k].add(scale * (softmax.p[k] - (k == own ? 1 : 0)), scale * (softmax.p[k] + (k == own ? 1 : 0)));
    }
    for (std::size_t k = 0; k < softmax.p.size(); ++k) {
      const double share = weight[k] * static_cast<double>(target[first + k]);
      d_soft[first + k].add(factor * (mass * softmax.p[k] - share), factor * (mass * softmax.p[k] + share));
    }
  }
  const auto what = paser::message(rows, " rows of ", n, " logits within ", spread);
  const double in_t = std::numeric_limits<T>::epsilon() / std::numeric_limits<double>::epsilon();
  const double terms = static_cast<double>(n) + 16;
  agree("cross entropy by labels, " + what, std::vector{hard_sum}, std::vector{want_hard}, terms * in_t);
  agree("cross entropy by probabilities, " + what, std::vector{soft_sum}, std::vector{want_soft}, terms * in_t);
  agree("gradient by labels, " + what, hard, d_hard, exponential_terms(2 * spread, n));
  agree("gradient by probabilities, " + what, soft, d_soft, exponential_terms(2 * spread, n));
  const double alone =
      paser::kernels::cross_entropy_labels<T>(rows, n, x.data(), labels.data(), weight.data(), 255, factor, nullptr);
  agree("cross entropy without a gradient, " + what, std::vector{alone}, std::vector{want_hard}, terms * in_t);
}

template <class T>
void distances(Draw& draw) {
  const Index rows = draw.between(0, 40), n = draw.between(1, 40);
  const double temperature = draw.pick({1.0, 2.0, 0.5}), factor = 0.5, spread = 4;
  const auto a = draw.values<T>(rows * n, -spread, spread), b = draw.values<T>(rows * n, -spread, spread);
  auto da = unwritten<T>(rows * n), ds = da, dt = da;
  const double squares = paser::kernels::squared_error(rows * n, a.data(), b.data(), factor, da.data());
  const double divergence =
      paser::kernels::tempered_divergence(rows, n, a.data(), b.data(), temperature, factor, ds.data(), dt.data());
  Sum want_squares, want_divergence;
  std::vector<Sum> want_da(da.size()), want_ds(da.size()), want_dt(da.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    want_squares.add(difference * difference);
    want_da[i].add(2 * factor * difference);
  }
  for (Index row = 0; row < rows; ++row) {
    const RowSoftmax s(a.data() + row * n, n, temperature), t(b.data() + row * n, n, temperature);
    const auto first = static_cast<std::size_t>(row * n);
    Sum own;
    for (std::size_t k = 0; k < s.p.size(); ++k)
      own.add(t.p[k] * (t.log_p[k] - s.log_p[k]), t.p[k] * (1 + std::abs(t.log_p[k]) + std::abs(s.log_p[k])));
    want_divergence.add(own.value, own.magnitude);
    for (std::size_t k = 0; k < s.p.size(); ++k) {
      want_ds[first + k].add(factor * s.p[k]);
      want_ds[first + k].add(-factor * t.p[k]);
      const double difference = t.log_p[k] - s.log_p[k];
      want_dt[first + k].add(factor * t.p[k] * (difference - own.value),
                             factor * t.p[k] * (1 + std::abs(t.log_p[k]) + std::abs(s.log_p[k]) + own.magnitude));
    }
  }
  const auto what = paser::message(rows, " rows of ", n, " at temperature ", temperature);
  const double in_t = std::numeric_limits<T>::epsilon() / std::numeric_limits<double>::epsilon();
  const double terms = exponential_terms(2 * spread / temperature, n);
  agree("squared error, " + what, std::vector{squares}, std::vector{want_squares}, 4 * in_t);
  agree("its gradient, " + what, da, want_da, 4);
  agree("divergence, " + what, std::vector{divergence}, std::vector{want_divergence}, terms * in_t);
  agree("its gradient of the student, " + what, ds, want_ds, terms);
  agree("its gradient of the teacher, " + what, dt, want_dt, terms);
}

template <class T>
void entropy_and_argmax(Draw& draw) {
  const Index rows = draw.between(0, 60), n = draw.between(2, 40);
  const double epsilon = draw.pick({0.0, 1e-6, 1e-3});
  auto p = draw.values<T>(rows * n, 0.01, 1);
  if (draw.flag())
    for (std::size_t i = 0; i < p.size(); ++i)
      if (i % 3 == 1) p[i] = 0;
  auto got = unwritten<T>(rows);
  std::vector<std::int32_t> places(got.size(), -1), want_places(got.size());
  paser::kernels::entropy(rows, n, p.data(), epsilon, got.data());
  paser::kernels::argmax(rows, n, p.data(), places.data());
  std::vector<Sum> want(got.size());
  for (Index row = 0; row < rows; ++row) {
    const auto at = [&](Index k) { return static_cast<double>(p[static_cast<std::size_t>(row * n + k)]); };
    Sum& h = want[static_cast<std::size_t>(row)];
    double sum = 0;
    Index best = 0;
    for (Index k = 0; k < n; ++k) {
      sum += at(k);
      if (at(k) > at(best)) best = k;
    }
    want_places[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(best);
    for (Index k = 0; k < n; ++k) {
      const double q = at(k) / sum;
      if (q > 0)
        h.add(-q * std::log(std::clamp(q, std::max(epsilon, 1e-300), 1 - epsilon)), q * (1 + std::abs(std::log(q))));
    }
    h.value = std::clamp(h.value, 0.0, std::log(static_cast<double>(n)));
  }
  agree(paser::message("entropy of ", rows, " rows of ", n, ", epsilon ", epsilon), got, want,
        static_cast<double>(n) + 16);
  same(paser::message("argmax of ", rows, " rows of ", n), places, want_places);
}

template <class T>
void attention(Draw& draw) {
  const Index n = draw.between(1, 100), s = draw.between(1, 100), d = draw.between(1, 24), e = draw.between(1, 24);
  const double scale = draw.pick({1.0, 0.25});
  const auto q = draw.values<T>(n * d), k = draw.values<T>(s * d), v = draw.values<T>(s * e),
             dy = draw.values<T>(n * e);
  const paser::kernels::AttentionHead<T> head{n,        s, d, e, q.data(), k.data(),
                                              v.data(), d, d, e, e,        static_cast<T>(scale)};
  auto y = unwritten<T>(n * e), dq = unwritten<T>(n * d), dk = unwritten<T>(s * d), dv = unwritten<T>(s * e);
  attention_forward(head, y.data());
  attention_backward(head, dy.data(), dq.data(), {dk.data(), dv.data(), d, e});

  // The products of q and k stay below d, so that a probability is wrong by some d units at most.
  const auto at = [](const std::vector<T>& m, Index row, Index columns, Index column) {
    return static_cast<double>(m[static_cast<std::size_t>(row * columns + column)]);
  };
  std::vector<Sum> want_y(y.size()), want_dq(dq.size()), want_dk(dk.size()), want_dv(dv.size());
  for (Index i = 0; i < n; ++i) {
    std::vector<double> scores(static_cast<std::size_t>(s));
    for (Index j = 0; j < s; ++j)
      for (Index c = 0; c < d; ++c) scores[static_cast<std::size_t>(j)] += scale * at(q, i, d, c) * at(k, j, d, c);
    const RowSoftmax softmax(scores.data(), s);
    Sum dot;
    std::vector<Sum> dp(softmax.p.size());
    for (Index j = 0; j < s; ++j) {
      const double p = softmax.p[static_cast<std::size_t>(j)];
      for (Index c = 0; c < e; ++c) {
        want_y[static_cast<std::size_t>(i * e + c)].add(p * at(v, j, e, c));
        want_dv[static_cast<std::size_t>(j * e + c)].add(p * at(dy, i, e, c));
        dp[static_cast<std::size_t>(j)].add(at(v, j, e, c) * at(dy, i, e, c));
      }
      dot.add(p * dp[static_cast<std::size_t>(j)].value, p * dp[static_cast<std::size_t>(j)].magnitude);
    }
    for (Index j = 0; j < s; ++j) {
      const double p = softmax.p[static_cast<std::size_t>(j)] * scale;
      const Sum& d_p = dp[static_cast<std::size_t>(j)];
      for (Index c = 0; c < d; ++c) {
        const double kc = at(k, j, d, c), qc = at(q, i, d, c), ds = p * (d_p.value - dot.value),
                     size = p * (d_p.magnitude + dot.magnitude);
        want_dq[static_cast<std::size_t>(i * d + c)].add(ds * kc, size * std::abs(kc));
        want_dk[static_cast<std::size_t>(j * d + c)].add(ds * qc, size * std::abs(qc));
      }
    }
  }
  const auto what = paser::message("attention of ", n, " x ", d, " to ", s, " x ", e, " scaled by ", scale);
  const double terms = static_cast<double>(n + s + 4 * d + e) + 32;
  agree(what, y, want_y, terms);
  agree(what + ", dq", dq, want_dq, terms);
  agree(what + ", dk", dk, want_dk, terms);
  agree(what + ", dv", dv, want_dv, terms);
}

template <class T>
void layer_norm(Draw& draw) {
  const Index rows = draw.between(0, 50), n = draw.between(2, 100);
  const double eps = draw.pick({1e-5, 1e-3}), far = draw.pick({0.0, 0.0, 10.0});
  const auto x = draw.values<T>(rows * n, far - 1, far + 1), dy = draw.values<T>(rows * n), weight = draw.values<T>(n),
             bias = draw.values<T>(n);
  auto y = unwritten<T>(rows * n), dx = y, dw = unwritten<T>(n), db = dw, shift = unwritten<T>(rows), rstd = shift,
       offset = shift;
  const paser::kernels::RowStatistics<T> statistics{shift.data(), rstd.data(), offset.data()};
  layer_norm_forward(rows, n, eps, x.data(), weight.data(), bias.data(), statistics, y.data());
  layer_norm_backward_input(rows, n, x.data(), weight.data(), statistics, dy.data(), dx.data());
  layer_norm_backward_weights(rows, n, x.data(), statistics, dy.data(), dw.data(), db.data());

  const auto count = static_cast<double>(n);
  std::vector<Sum> want_y(y.size()), want_dx(y.size()), want_dw(dw.size()), want_db(dw.size());
  for (Index row = 0; row < rows; ++row) {
    const auto first = static_cast<std::size_t>(row * n);
    double mean = 0, variance = 0;
    for (std::size_t k = first; k < first + static_cast<std::size_t>(n); ++k) mean += static_cast<double>(x[k]) / count;
    for (std::size_t k = first; k < first + static_cast<std::size_t>(n); ++k)
      variance += (static_cast<double>(x[k]) - mean) * (static_cast<double>(x[k]) - mean) / count;
    const double r = 1 / std::sqrt(variance + eps);
    // The rounding of x - mean is as large as their own, however small the difference.
    const double size = (1 + std::abs(far)) * r + 1;
    Sum g, gx;
    const auto xhat = [&](std::size_t k) { return (static_cast<double>(x[first + k]) - mean) * r; };
    for (std::size_t k = 0; k < weight.size(); ++k) {
      const auto d = static_cast<double>(dy[first + k]), w = static_cast<double>(weight[k]);
      want_y[first + k].add(xhat(k) * w, size * std::abs(w));
      want_y[first + k].add(static_cast<double>(bias[k]));
      want_dw[k].add(d * xhat(k), std::abs(d) * size);
      want_db[k].add(d);
      g.add(d * w / count);
      gx.add(d * w * xhat(k) / count, std::abs(d * w) * size / count);
    }
    for (std::size_t k = 0; k < weight.size(); ++k) {
      const double dw_k = static_cast<double>(dy[first + k]) * static_cast<double>(weight[k]);
      want_dx[first + k].add(r * (dw_k - g.value - xhat(k) * gx.value),
                             r * (std::abs(dw_k) + g.magnitude + size * gx.magnitude));
    }
  }
  const auto what = paser::message("layer norm of ", rows, " rows of ", n, " around ", far);
  agree(what, y, want_y, count + 16);
  agree(what + ", dx", dx, want_dx, count + 32);
  agree(what + ", dweight", dw, want_dw, static_cast<double>(rows) + count + 32);
  agree(what + ", dbias", db, want_db, static_cast<double>(rows) + 8);
}

}  // namespace fuzz
