// What a compiler of this machine takes for other libraries' headers is what paser's time is measured in.
#include <Eigen/Dense>
#include <iostream>
#include <nlohmann/json.hpp>

int main(int argc, char** argv) {
  const auto document = nlohmann::json::parse(argc > 1 ? argv[1] : "[1, 2]");
  const Eigen::MatrixXd a = Eigen::MatrixXd::Random(8, 8) * document[0].get<double>();
  std::cout << a.inverse() * a << '\n' << document.dump() << '\n';
}
