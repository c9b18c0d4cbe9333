/// Matrix products by OpenBLAS.

#include <cblas.h>

#include "layer_worker.hpp"

namespace {

using namespace layer_worker;

Job make(const Layer& l) {
  if (l.pass != "gemm") throw std::invalid_argument("OpenBLAS has no convolutions");
  const auto x = std::make_shared<Values>(x_data(l)), weight = std::make_shared<Values>(weight_data(l));
  const auto y = std::make_shared<Values>(l.y_size());
  const int rows = static_cast<int>(l.n), depth = static_cast<int>(l.c), columns = static_cast<int>(l.k);
  return {[=] {
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, columns, depth, 1, x->data(), depth,
                        weight->data(), columns, 0, y->data(), columns);
          },
          [=] { return *y; }};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) openblas_set_num_threads(std::stoi(argv[1]));
  serve(make);
}
