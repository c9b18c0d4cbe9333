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

inline void check_attention_heads(const Shape<4>& query, const Shape<4>& key, const Shape<4>& value, Index heads) {
  check(query.n() == key.n() && query.c() == key.c() && key.n() == value.n() && key.h() == value.h() &&
            key.w() == value.w() && heads >= 1 && query.c() % heads == 0 && value.c() % heads == 0,
        "attention_heads", "query ", query, ", key ", key, " and value ", value, " for ", heads,
        " heads must agree in batch, query and key in channels, key and value in pixels, and the channels must split "
        "into the heads");
  check(key.h() * key.w() >= 1, "attention_heads", "no pixels to attend to in key ", key);
}

/// Where the heads of an operand lie: head h of image b starts at b * image + h * head.
struct HeadLayout {
  Index image, head, row;

  /// The heads one after the other, (batch, heads, tokens, features).
  static HeadLayout apart(const Shape<4>& x) { return {x[1] * x[2] * x[3], x[2] * x[3], x[3]}; }
  /// Each head a block of the channels of every pixel, (batch, rows, columns, channels).
  static HeadLayout in_channels(const Shape<4>& x, Index heads) {
    return {x.h() * x.w() * x.c(), x.c() / heads, x.c()};
  }
};

template <class T>
struct Attention {
  Tensor<T, 4> query, key, value;
  Shape<4> result;
  Index images, heads;
  Index n, s, d, e;  // queries, keys; features of a key, of a value
  HeadLayout q_layout, k_layout, v_layout, y_layout;
  T scale;

  static Attention apart(const Tensor<T, 4>& q, const Tensor<T, 4>& k, const Tensor<T, 4>& v, double factor) {
    const Shape<4>&sq = q.shape(), &sk = k.shape(), &sv = v.shape();
    check_attention(sq, sk, sv);
    const Shape<4> y{sq[0], sq[1], sq[2], sv[3]};
    return {q,
            k,
            v,
            y,
            sq[0],
            sq[1],
            sq[2],
            sk[2],
            sk[3],
            sv[3],
            HeadLayout::apart(sq),
            HeadLayout::apart(sk),
            HeadLayout::apart(sv),
            HeadLayout::apart(y),
            static_cast<T>(factor)};
  }

  static Attention in_channels(const Tensor<T, 4>& q, const Tensor<T, 4>& k, const Tensor<T, 4>& v, Index heads,
                               double factor) {
    const Shape<4>&sq = q.shape(), &sk = k.shape(), &sv = v.shape();
    check_attention_heads(sq, sk, sv, heads);
    const Shape<4> y{sq.n(), sq.h(), sq.w(), sv.c()};
    return {q,
            k,
            v,
            y,
            sq.n(),
            heads,
            sq.h() * sq.w(),
            sk.h() * sk.w(),
            sk.c() / heads,
            sv.c() / heads,
            HeadLayout::in_channels(sq, heads),
            HeadLayout::in_channels(sk, heads),
            HeadLayout::in_channels(sv, heads),
            HeadLayout::in_channels(y, heads),
            static_cast<T>(factor)};
  }

  Index count() const { return images * heads; }
  Index at(const HeadLayout& layout, Index i, Index row = 0) const {
    return i / heads * layout.image + i % heads * layout.head + row * layout.row;
  }

  /// Queries begin .. end-1 of head i.
  kernels::AttentionHead<T> head(Index i, Index begin, Index end) const {
    return {end - begin,
            s,
            d,
            e,
            query.data() + at(q_layout, i, begin),
            key.data() + at(k_layout, i),
            value.data() + at(v_layout, i),
            q_layout.row,
            k_layout.row,
            v_layout.row,
            y_layout.row,
            scale};
  }

  /// body(head, part, first query, end of queries) for parts of about `size` queries of every head.
  template <class Body>
  void for_each_part(Index size, const Body& body) const {
    const Index parts = (n + size - 1) / size;
    parallel_for(count() * parts, kernels::gemm_grain(size * s * (d + e)), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index first = i % parts * size;
        body(i / parts, i % parts, first, std::min(n, first + size));
      }
    });
  }

  Tensor<T, 4> forward() const {
    Tensor<T, 4> y(result);
    for_each_part(4 * kernels::AttentionHead<T>::block,
                  [&, out = y.mutable_data()](Index i, Index, Index row, Index end) {
                    kernels::attention_forward(head(i, row, end), out + at(y_layout, i, row));
                  });
    return y;
  }

  void backward(const Tensor<T, 4>& dy, GradientSink<T>& grad) const;
};

/// The queries of a head are cut into a few parts, as many as the shapes say; each part has its own sums for the keys
/// and values, which are then added in order.
template <class T>
void Attention<T>::backward(const Tensor<T, 4>& dy, GradientSink<T>& grad) const {
  constexpr Index block = kernels::AttentionHead<T>::block, enough = 16;
  const Index most = std::max<Index>(1, enough / std::max<Index>(1, count()));
  const Index size = ((n + most - 1) / most + block - 1) / block * block, parts = size > 0 ? (n + size - 1) / size : 0;
  Tensor<T, 4> dquery(query.shape()), dkey = Tensor<T, 4>::zeros(key.shape()),
                                      dvalue = Tensor<T, 4>::zeros(value.shape());
  Tensor<T, 1> sums({count() * parts * s * (d + e)});
  T *const dq = dquery.mutable_data(), *const dk = dkey.mutable_data(), *const dv = dvalue.mutable_data();
  T* const partial = sums.mutable_data();
  if (parts > 0)
    for_each_part(size, [&](Index i, Index part, Index row, Index end) {
      T *const k = partial + (i * parts + part) * s * (d + e), *const v = k + s * d;
      kernels::attention_backward(head(i, row, end), dy.data() + at(y_layout, i, row), dq + at(q_layout, i, row),
                                  {k, v, d, e});
    });
  parallel_for(count(), kernels::gemm_grain(parts * s * (d + e)), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index part = 0; part < parts; ++part) {
        const T *const k = partial + (i * parts + part) * s * (d + e), *const v = k + s * d;
        for (Index row = 0; row < s; ++row) {
          T *const to_k = dk + at(k_layout, i, row), *const to_v = dv + at(v_layout, i, row);
          for (Index j = 0; j < d; ++j) to_k[j] += k[row * d + j];
          for (Index j = 0; j < e; ++j) to_v[j] += v[row * e + j];
        }
      }
  });
  grad.add(0, std::move(dquery));
  grad.add(1, std::move(dkey));
  grad.add(2, std::move(dvalue));
}

template <class T>
Var<T, 4> record_attention(const Attention<T>& a, const Var<T, 4>& query, const Var<T, 4>& key,
                           const Var<T, 4>& value) {
  return record(a.forward(), {query, key, value},
                [a](const Tensor<T, 4>& dy, GradientSink<T>& grad) { a.backward(dy, grad); });
}

}  // namespace detail

/// Scaled dot-product attention, softmax(query key^T scale) value, for every head of every batch element
/// (torch.nn.functional.scaled_dot_product_attention). query: (B, heads, N, d); key: (B, heads, S, d);
/// value: (B, heads, S, e) -> (B, heads, N, e). Throws ShapeError when they do not fit.
template <class T>
Tensor<T, 4> attention(const Tensor<T, 4>& query, const Tensor<T, 4>& key, const Tensor<T, 4>& value, double scale) {
  return detail::Attention<T>::apart(query, key, value, scale).forward();
}

/// The same value, recorded. Keeps the inputs alone; the N x S scores are made again in backward, so memory grows with
/// N + S and not with their product.
template <class T>
Var<T, 4> attention(const Var<T, 4>& query, const Var<T, 4>& key, const Var<T, 4>& value, double scale) {
  return detail::record_attention(detail::Attention<T>::apart(query.value(), key.value(), value.value(), scale), query,
                                  key, value);
}

/// Counted: two matrix products a head; the softmax between them is free.
inline Counted<4> attention(const Counted<4>& query, const Counted<4>& key, const Counted<4>& value, double) {
  const Shape<4>&q = query.shape(), &k = key.shape(), &v = value.shape();
  detail::check_attention(q, k, v);
  return query.then(Shape<4>{q[0], q[1], q[2], v[3]}, "matmul", {q[0], q[1], q[2], k[2], q[3] + v[3]});
}

/// The same between maps, of which every head has a block of consecutive channels and every pixel is a token: nothing
/// is split, transposed or merged. query: (N, H, W, heads d); key: (N, H', W', heads d); value: (N, H', W', heads e) ->
/// (N, H, W, heads e). Throws ShapeError when they do not fit.
template <class T>
Tensor<T, 4> attention_heads(const Tensor<T, 4>& query, const Tensor<T, 4>& key, const Tensor<T, 4>& value, Index heads,
                             double scale) {
  return detail::Attention<T>::in_channels(query, key, value, heads, scale).forward();
}

/// The same value, recorded; keeps the inputs alone.
template <class T>
Var<T, 4> attention_heads(const Var<T, 4>& query, const Var<T, 4>& key, const Var<T, 4>& value, Index heads,
                          double scale) {
  return detail::record_attention(
      detail::Attention<T>::in_channels(query.value(), key.value(), value.value(), heads, scale), query, key, value);
}

/// Counted: two matrix products a head.
inline Counted<4> attention_heads(const Counted<4>& query, const Counted<4>& key, const Counted<4>& value, Index heads,
                                  double) {
  const Shape<4>&q = query.shape(), &k = key.shape(), &v = value.shape();
  detail::check_attention_heads(q, k, v, heads);
  return query.then(Shape<4>{q.n(), q.h(), q.w(), v.c()}, "matmul", {q.n(), q.h(), q.w(), k.h(), k.w(), q.c() + v.c()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
