/// Matrix products by Eigen.

#include <Eigen/Core>

#include "layer_worker.hpp"

namespace {

using namespace layer_worker;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

std::shared_ptr<Matrix> matrix(const Values& values, std::int64_t rows, std::int64_t columns) {
  return std::make_shared<Matrix>(Eigen::Map<const Matrix>(values.data(), rows, columns));
}

Job make(const Layer& l) {
  if (l.pass != "gemm") throw std::invalid_argument("Eigen has no convolutions of images");
  const auto x = matrix(x_data(l), l.n, l.c), weight = matrix(weight_data(l), l.c, l.k);
  const auto y = std::make_shared<Matrix>(l.n, l.k);
  return {[=] { y->noalias() = *x * *weight; }, [=] { return Values(y->data(), y->data() + y->size()); }};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) Eigen::setNbThreads(std::stoi(argv[1]));
  serve(make);
}
