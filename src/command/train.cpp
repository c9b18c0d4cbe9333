#include <cstdlib>
#include <iostream>

#include "command.hpp"
#include "segmentation/train.hpp"

namespace command {

namespace {

/// The processes that mpirun or srun started together with this one.
int processes_started() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const char* const size = std::getenv(variable)) return std::atoi(size);
  return 1;
}

}  // namespace

/// PaSeR, or one network alone, on a folder of images and masks: what the example train_segmentation does, in one
/// process. This program knows nothing of MPI, so several of it would train the same and write into one folder.
int run_train(int argc, char** argv) {
  if (const int processes = processes_started(); processes > 1) {
    std::cerr << "error: paser train is one process, and " << processes
              << " were started together; train_segmentation takes the same options and trains by several\n";
    return program::wrong_usage;
  }
  return segmentation::train(argc, argv);
}

}  // namespace command
