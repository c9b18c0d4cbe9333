#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/attention.hpp"

namespace paser {

namespace detail {

inline void check_attention(const Shape<4>& query, const Shape<4>& key, const Shape<4>& value) {
  check(query[0] == key[0] && query[1] == key[1] && key[0] == value[0] && key[1] == value[1] && key[2] == value[2] &&
            query[3] == key[3],
        "attention", "query ", query, ", key ", key, " and value ", value,
        " (batch,heads,tokens,features) must agree in batch and heads, query and key in features, key and value in "
        "tokens");
  check(key[2] >= 1, "attention", "no tokens to attend to in key ", key);
}

template <class T>
struct Attention {
  Tensor<T, 4> query, key, value;
  T scale;

  Attention(const Tensor<T, 4>& q, const Tensor<T, 4>& k, const Tensor<T, 4>& v, double factor)
      : query(q), key(k), value(v), scale(static_cast<T>(factor)) {
    check_attention(q.shape(), k.shape(), v.shape());
  }

  Shape<4> result() const { return {query.shape()[0], query.shape()[1], query.shape()[2], value.shape()[3]}; }
  Index heads() const { return query.shape()[0] * query.shape()[1]; }
  Index tokens() const { return query.shape()[2]; }

  kernels::AttentionHead<T> head(Index i) const {
    const Index n = tokens(), s = key.shape()[2], d = key.shape()[3], e = value.shape()[3];
    return {n, s, d, e, query.data() + i * n * d, key.data() + i * s * d, value.data() + i * s * e, scale};
  }

  template <class Body>
  void for_each_head(const Body& body) const {
    const Index macs = tokens() * key.shape()[2] * (key.shape()[3] + value.shape()[3]);
    parallel_for(heads(), kernels::gemm_grain(macs), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) body(i, head(i));
    });
  }

  Tensor<T, 4> forward(T* log_sum_exp) const {
    Tensor<T, 4> y(result());
    T* const out = y.mutable_data();
    for_each_head([&](Index i, const kernels::AttentionHead<T>& h) {
      kernels::attention_forward(h, out + i * h.n * h.e, log_sum_exp != nullptr ? log_sum_exp + i * h.n : nullptr);
    });
    return y;
  }
};

}  // namespace detail

/// Scaled dot-product attention, softmax(query key^T scale) value, for every head of every batch element
/// (torch.nn.functional.scaled_dot_product_attention). query: (B, heads, N, d); key: (B, heads, S, d);
/// value: (B, heads, S, e) -> (B, heads, N, e). Throws ShapeError when they do not fit.
template <class T>
Tensor<T, 4> attention(const Tensor<T, 4>& query, const Tensor<T, 4>& key, const Tensor<T, 4>& value, double scale) {
  return detail::Attention<T>(query, key, value, scale).forward(nullptr);
}

/// The same value, recorded. Keeps the inputs, the result and one number a query row; the N x S scores are made again
/// in backward, so memory grows with N + S and not with their product.
template <class T>
Var<T, 4> attention(const Var<T, 4>& query, const Var<T, 4>& key, const Var<T, 4>& value, double scale) {
  const detail::Attention<T> a(query.value(), key.value(), value.value(), scale);
  Tensor<T, 1> log_sum_exp({a.heads() * a.tokens()});
  const Tensor<T, 4> y = a.forward(log_sum_exp.mutable_data());
  return record(y, {query, key, value}, [a, y, log_sum_exp](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
    Tensor<T, 4> dquery(a.query.shape()), dkey(a.key.shape()), dvalue(a.value.shape());
    T *const dq = dquery.mutable_data(), *const dk = dkey.mutable_data(), *const dv = dvalue.mutable_data();
    a.for_each_head([&](Index i, const kernels::AttentionHead<T>& h) {
      kernels::attention_backward(h, y.data() + i * h.n * h.e, log_sum_exp.data() + i * h.n, dy.data() + i * h.n * h.e,
                                  dq + i * h.n * h.d, dk + i * h.s * h.d, dv + i * h.s * h.e);
    });
    grad.add(0, std::move(dquery));
    grad.add(1, std::move(dkey));
    grad.add(2, std::move(dvalue));
  });
}

/// Counted: two matrix products a head; the softmax between them is free.
inline Counted<4> attention(const Counted<4>& query, const Counted<4>& key, const Counted<4>& value, double) {
  const Shape<4>&q = query.shape(), &k = key.shape(), &v = value.shape();
  detail::check_attention(q, k, v);
  return query.then(Shape<4>{q[0], q[1], q[2], v[3]}, "matmul", q[0] * q[1] * q[2] * k[2] * (q[3] + v[3]));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
