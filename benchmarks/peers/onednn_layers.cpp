/// Single layers by oneDNN, in the memory layouts that it chooses itself; conversions to and from them are not timed.

#include <omp.h>

#include <dnnl.hpp>

#include "layer_worker.hpp"

namespace {

using namespace layer_worker;
using dnnl::memory;

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
dnnl::stream& stream() {
  static dnnl::stream s(cpu());
  return s;
}

memory::desc description(const memory::dims& dims, memory::format_tag tag) {
  return {dims, memory::data_type::f32, tag};
}

memory::dims x_dims(const Layer& l) {
  return {l.n, l.c, l.h, l.w};
}
memory::dims y_dims(const Layer& l) {
  return {l.n, l.k, l.out_h(), l.out_w()};
}
memory::dims weight_dims(const Layer& l) {
  if (l.groups == 1) return {l.k, l.c, l.r, l.r};
  return {l.groups, l.k / l.groups, l.group_c(), l.r, l.r};
}
/// The layout of our weights, (R,S,C,K), in oneDNN's words.
memory::format_tag weight_tag(const Layer& l) {
  return l.groups == 1 ? memory::format_tag::hwio : memory::format_tag::hwigo;
}
memory::desc any(const memory::dims& dims) {
  return description(dims, memory::format_tag::any);
}

/// Our values in the layout that a primitive wants.
memory to_layout(Values values, const memory::desc& ours, const memory::desc& wanted) {
  memory from(ours, cpu(), values.data());
  memory to(wanted, cpu());
  dnnl::reorder(from, to).execute(stream(), from, to);
  stream().wait();
  return to;
}

Values from_layout(memory result, const memory::desc& ours) {
  Values values(ours.get_size() / sizeof(float));
  memory to(ours, cpu(), values.data());
  dnnl::reorder(result, to).execute(stream(), result, to);
  stream().wait();
  return values;
}

using Arguments = std::unordered_map<int, memory>;

Job job(const dnnl::primitive& primitive, Arguments arguments, int result, const memory::desc& ours) {
  const memory output = arguments.at(result);
  return {[=] {
            primitive.execute(stream(), arguments);
            stream().wait();
          },
          [=] { return from_layout(output, ours); }};
}

Job gemm(const Layer& l) {
  const auto x = description({l.n, l.c}, memory::format_tag::ab);
  const auto weight = description({l.c, l.k}, memory::format_tag::ab);
  const auto y = description({l.n, l.k}, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc chosen({any({l.n, l.c}), any({l.c, l.k}), any({l.n, l.k})}, cpu());
  return job(dnnl::matmul(chosen),
             {{DNNL_ARG_SRC, to_layout(x_data(l), x, chosen.src_desc())},
              {DNNL_ARG_WEIGHTS, to_layout(weight_data(l), weight, chosen.weights_desc())},
              {DNNL_ARG_DST, memory(chosen.dst_desc(), cpu())}},
             DNNL_ARG_DST, y);
}

Job make(const Layer& l) {
  if (l.pass == "gemm") return gemm(l);
  const auto x = description(x_dims(l), memory::format_tag::nhwc);
  const auto y = description(y_dims(l), memory::format_tag::nhwc);
  const auto weight = description(weight_dims(l), weight_tag(l));
  const auto any_x = any(x_dims(l)), any_y = any(y_dims(l)), any_weight = any(weight_dims(l));
  const memory::dims strides{l.stride, l.stride}, padding{l.padding, l.padding};
  const memory::dims dilations{l.dilation - 1, l.dilation - 1};
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto kind = l.pass == "forward" ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  const dnnl::convolution_forward::primitive_desc forward(
      {kind, direct, any_x, any_weight, any_y, strides, dilations, padding, padding}, cpu());
  if (l.pass == "forward")
    return job(dnnl::convolution_forward(forward),
               {{DNNL_ARG_SRC, to_layout(x_data(l), x, forward.src_desc())},
                {DNNL_ARG_WEIGHTS, to_layout(weight_data(l), weight, forward.weights_desc())},
                {DNNL_ARG_DST, memory(forward.dst_desc(), cpu())}},
               DNNL_ARG_DST, y);
  if (l.pass == "input_gradient") {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {direct, any_x, any_weight, any_y, strides, dilations, padding, padding}, cpu(), forward);
    return job(dnnl::convolution_backward_data(backward),
               {{DNNL_ARG_DIFF_DST, to_layout(dy_data(l), y, backward.diff_dst_desc())},
                {DNNL_ARG_WEIGHTS, to_layout(weight_data(l), weight, backward.weights_desc())},
                {DNNL_ARG_DIFF_SRC, memory(backward.diff_src_desc(), cpu())}},
               DNNL_ARG_DIFF_SRC, x);
  }
  const dnnl::convolution_backward_weights::primitive_desc backward(
      {direct, any_x, any_weight, any_y, strides, dilations, padding, padding}, cpu(), forward);
  return job(dnnl::convolution_backward_weights(backward),
             {{DNNL_ARG_SRC, to_layout(x_data(l), x, backward.src_desc())},
              {DNNL_ARG_DIFF_DST, to_layout(dy_data(l), y, backward.diff_dst_desc())},
              {DNNL_ARG_DIFF_WEIGHTS, memory(backward.diff_weights_desc(), cpu())}},
             DNNL_ARG_DIFF_WEIGHTS, weight);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) omp_set_num_threads(std::stoi(argv[1]));
  serve(make);
}
