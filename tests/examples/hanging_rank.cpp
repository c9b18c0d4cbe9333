/// A process of mpirun that starts MPI and then answers nobody.

#include <mpi.h>

#include <chrono>
#include <thread>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  std::this_thread::sleep_for(std::chrono::minutes(2));
}
