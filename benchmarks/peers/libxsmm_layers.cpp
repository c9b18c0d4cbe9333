/// Single layers by LIBXSMM: its direct convolutions on its own blocked layouts with a physical rim of zeros, and its
/// matrix product. Conversions to and from its layouts are not timed.

#include <libxsmm.h>
#include <omp.h>

#include <cstring>

#include "layer_worker.hpp"

namespace {

using namespace layer_worker;

void expect(libxsmm_dnn_err_t status) {
  if (status != LIBXSMM_DNN_SUCCESS) throw std::runtime_error(libxsmm_dnn_get_error(status));
}

struct Aligned {
  explicit Aligned(std::size_t bytes) : data(libxsmm_aligned_malloc(bytes + 64, 2097152)) {}
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { libxsmm_free(data); }
  void* data;
};

/// (outer, h, w, inner) -> (outer, inner, h, w) with a rim of zeros.
Values planes(const Values& from, std::int64_t outer, std::int64_t h, std::int64_t w, std::int64_t inner,
              std::int64_t rim) {
  const std::int64_t rows = h + 2 * rim, columns = w + 2 * rim;
  Values to(static_cast<std::size_t>(outer * inner * rows * columns), 0.0F);
  std::size_t at = 0;
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t x = 0; x < w; ++x)
        for (std::int64_t i = 0; i < inner; ++i)
          to[static_cast<std::size_t>(((o * inner + i) * rows + y + rim) * columns + x + rim)] = from[at++];
  return to;
}
/// The way back, the rim left out.
Values channels_last(const Values& from, std::int64_t outer, std::int64_t h, std::int64_t w, std::int64_t inner,
                     std::int64_t rim) {
  const std::int64_t rows = h + 2 * rim, columns = w + 2 * rim;
  Values to(static_cast<std::size_t>(outer * h * w * inner));
  std::size_t at = 0;
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t x = 0; x < w; ++x)
        for (std::int64_t i = 0; i < inner; ++i)
          to[at++] = from[static_cast<std::size_t>(((o * inner + i) * rows + y + rim) * columns + x + rim)];
  return to;
}
/// (R,S,C,K) -> (K,C,R,S), which is also how a matrix of (RS) x (CK) turns into its transpose.
Values kcrs(const Values& rsck, const Layer& l) {
  Values to(rsck.size());
  std::size_t at = 0;
  for (std::int64_t rs = 0; rs < l.r * l.r; ++rs)
    for (std::int64_t c = 0; c < l.c; ++c)
      for (std::int64_t k = 0; k < l.k; ++k) to[static_cast<std::size_t>((k * l.c + c) * l.r * l.r + rs)] = rsck[at++];
  return to;
}
Values rsck(const Values& kcrs_values, const Layer& l) {
  Values to(kcrs_values.size());
  std::size_t at = 0;
  for (std::int64_t rs = 0; rs < l.r * l.r; ++rs)
    for (std::int64_t c = 0; c < l.c; ++c)
      for (std::int64_t k = 0; k < l.k; ++k)
        to[at++] = kcrs_values[static_cast<std::size_t>((k * l.c + c) * l.r * l.r + rs)];
  return to;
}

/// One convolution layer and the tensors bound to it.
class Convolution {
 public:
  Convolution(const Layer& l, int threads) : layer_(l), threads_(threads) {
    libxsmm_dnn_conv_desc d{};
    d.N = static_cast<int>(l.n);
    d.C = static_cast<int>(l.c);
    d.H = static_cast<int>(l.h);
    d.W = static_cast<int>(l.w);
    d.K = static_cast<int>(l.k);
    d.R = d.S = static_cast<int>(l.r);
    d.u = d.v = static_cast<int>(l.stride);
    d.pad_h = d.pad_w = d.pad_h_in = d.pad_w_in = d.pad_h_out = d.pad_w_out = static_cast<int>(l.padding);
    d.threads = threads;
    d.algo = LIBXSMM_DNN_CONV_ALGO_DIRECT;
    d.buffer_format = d.filter_format = LIBXSMM_DNN_TENSOR_FORMAT_LIBXSMM;
    d.fuse_ops = LIBXSMM_DNN_CONV_FUSE_NONE;
    d.options = LIBXSMM_DNN_CONV_OPTION_OVERWRITE;
    d.datatype_in = d.datatype_out = LIBXSMM_DNN_DATATYPE_F32;
    libxsmm_dnn_err_t status{};
    handle_ = libxsmm_dnn_create_conv_layer(d, &status);
    expect(status);
    kind_ = l.pass == "forward"          ? LIBXSMM_DNN_COMPUTE_KIND_FWD
            : l.pass == "input_gradient" ? LIBXSMM_DNN_COMPUTE_KIND_BWD
                                         : LIBXSMM_DNN_COMPUTE_KIND_UPD;
    const Values image = planes(x_data(l), l.n, l.h, l.w, l.c, l.padding);
    const Values gradient = planes(dy_data(l), l.n, l.out_h(), l.out_w(), l.k, l.padding);
    const Values filter = kcrs(weight_data(l), l);
    bind(LIBXSMM_DNN_REGULAR_INPUT, image, LIBXSMM_DNN_TENSOR_FORMAT_NCHW);
    bind(LIBXSMM_DNN_GRADIENT_INPUT, Values(image.size()), LIBXSMM_DNN_TENSOR_FORMAT_NCHW);
    bind(LIBXSMM_DNN_REGULAR_OUTPUT, Values(gradient.size()), LIBXSMM_DNN_TENSOR_FORMAT_NCHW);
    bind(LIBXSMM_DNN_GRADIENT_OUTPUT, gradient, LIBXSMM_DNN_TENSOR_FORMAT_NCHW);
    bind(LIBXSMM_DNN_REGULAR_FILTER, filter, LIBXSMM_DNN_TENSOR_FORMAT_KCRS);
    bind(LIBXSMM_DNN_GRADIENT_FILTER, Values(filter.size()), LIBXSMM_DNN_TENSOR_FORMAT_KCRS);
    bind(LIBXSMM_DNN_REGULAR_FILTER_TRANS, {}, LIBXSMM_DNN_TENSOR_FORMAT_KCRS);
    const std::size_t bytes = libxsmm_dnn_get_scratch_size(handle_, LIBXSMM_DNN_COMPUTE_KIND_ALL, &status);
    expect(status);
    scratch_ = std::make_unique<Aligned>(bytes);
    std::memset(scratch_->data, 0, bytes);
    expect(libxsmm_dnn_bind_scratch(handle_, LIBXSMM_DNN_COMPUTE_KIND_ALL, scratch_->data));
  }
  Convolution(const Convolution&) = delete;
  Convolution& operator=(const Convolution&) = delete;
  ~Convolution() {
    libxsmm_dnn_release_scratch(handle_, LIBXSMM_DNN_COMPUTE_KIND_ALL);
    for (auto& [type, tensor] : tensors_) {
      libxsmm_dnn_release_tensor(handle_, type);
      libxsmm_dnn_destroy_tensor(tensor);
    }
    libxsmm_dnn_destroy_conv_layer(handle_);
  }

  void run() const {
#pragma omp parallel num_threads(threads_)
    libxsmm_dnn_execute_st(handle_, kind_, 0, omp_get_thread_num());
  }

  Values result() const {
    const Layer& l = layer_;
    const auto copied = [&](libxsmm_dnn_tensor_type type, std::size_t size, libxsmm_dnn_tensor_format format) {
      Values values(size);
      expect(libxsmm_dnn_copyout_tensor(tensors_.at(type), values.data(), format));
      return values;
    };
    const auto map_size = [&](std::int64_t h, std::int64_t w, std::int64_t channels) {
      return static_cast<std::size_t>(l.n * channels * (h + 2 * l.padding) * (w + 2 * l.padding));
    };
    if (l.pass == "forward")
      return channels_last(
          copied(LIBXSMM_DNN_REGULAR_OUTPUT, map_size(l.out_h(), l.out_w(), l.k), LIBXSMM_DNN_TENSOR_FORMAT_NCHW), l.n,
          l.out_h(), l.out_w(), l.k, l.padding);
    if (l.pass == "input_gradient")
      return channels_last(copied(LIBXSMM_DNN_GRADIENT_INPUT, map_size(l.h, l.w, l.c), LIBXSMM_DNN_TENSOR_FORMAT_NCHW),
                           l.n, l.h, l.w, l.c, l.padding);
    return rsck(copied(LIBXSMM_DNN_GRADIENT_FILTER, l.weight_size(), LIBXSMM_DNN_TENSOR_FORMAT_KCRS), l);
  }

 private:
  void bind(libxsmm_dnn_tensor_type type, const Values& values, libxsmm_dnn_tensor_format format) {
    libxsmm_dnn_err_t status{};
    libxsmm_dnn_tensor_datalayout* const layout = libxsmm_dnn_create_tensor_datalayout(handle_, type, &status);
    expect(status);
    const std::size_t bytes = libxsmm_dnn_get_tensor_size(layout, &status);
    memory_.push_back(std::make_unique<Aligned>(bytes));
    std::memset(memory_.back()->data, 0, bytes);
    libxsmm_dnn_tensor* const tensor = libxsmm_dnn_link_tensor(layout, memory_.back()->data, &status);
    expect(status);
    libxsmm_dnn_destroy_tensor_datalayout(layout);
    tensors_[type] = tensor;
    if (!values.empty()) expect(libxsmm_dnn_copyin_tensor(tensor, values.data(), format));
    expect(libxsmm_dnn_bind_tensor(handle_, tensor, type));
  }

  Layer layer_;
  int threads_;
  libxsmm_dnn_layer* handle_ = nullptr;
  libxsmm_dnn_compute_kind kind_{};
  std::vector<std::unique_ptr<Aligned>> memory_;
  std::map<libxsmm_dnn_tensor_type, libxsmm_dnn_tensor*> tensors_;
  std::unique_ptr<Aligned> scratch_;
};

/// The weights as panels of `width` columns, each row by row: the order in which a small product reads them.
Values panels(const Values& matrix, std::int64_t rows, std::int64_t columns, std::int64_t width) {
  Values to;
  to.reserve(matrix.size());
  for (std::int64_t j = 0; j < columns; j += width)
    for (std::int64_t p = 0; p < rows; ++p)
      to.insert(to.end(), matrix.begin() + p * columns + j, matrix.begin() + p * columns + j + width);
  return to;
}

/// Small products over the whole depth, shared out among the threads by rows; LIBXSMM's own large product would call
/// another BLAS. The size of the tile is the fastest of those tried on Zen 3.
Job gemm(const Layer& l, int threads) {
  static constexpr int width = 32, height = 64;
  if (l.n % height != 0 || l.k % width != 0)
    throw std::invalid_argument("only products of full tiles are set up for LIBXSMM");
  const int depth = static_cast<int>(l.c), columns = static_cast<int>(l.k);
  const auto x = std::make_shared<Values>(x_data(l)), y = std::make_shared<Values>(l.y_size());
  const auto weight = std::make_shared<Values>(panels(weight_data(l), l.c, l.k, width));
  const float one = 1, zero = 0;
  // LIBXSMM's matrices are column-major, so that the operands change places.
  const auto product =
      libxsmm_smmdispatch(width, height, depth, &width, &depth, &columns, &one, &zero, nullptr, nullptr);
  if (product == nullptr) throw std::runtime_error("LIBXSMM has no kernel for this product");
  const std::int64_t rows = l.n;
  return {[=] {
#pragma omp parallel for num_threads(threads)
            for (std::int64_t i = 0; i < rows; i += height)
              for (std::int64_t j = 0; j < columns; j += width)
                product(weight->data() + j * depth, x->data() + i * depth, y->data() + i * columns + j);
          },
          [=] { return *y; }};
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::stoi(argv[1]) : 1;
  omp_set_num_threads(threads);
  libxsmm_init();
  serve([threads](const Layer& l) -> Job {
    if (l.pass == "gemm") return gemm(l, threads);
    if (l.groups != 1 || l.dilation != 1) throw std::invalid_argument("LIBXSMM has no groups and no dilation");
    const auto convolution = std::make_shared<Convolution>(l, threads);
    return {[convolution] { convolution->run(); }, [convolution] { return convolution->result(); }};
  });
}
