#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "command.hpp"
#include "program.hpp"

namespace command {

/// PaSeR, or one network alone, on a folder of images and masks: the example program train_segmentation, which stands
/// beside this one. It takes the place of this process, so that it trains by several where mpirun or srun started them.
int run_train(int, char** argv) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto trainer = (error ? std::filesystem::path(argv[0]) : self).parent_path() / "train_segmentation";
  ::execv(trainer.c_str(), argv);
  std::cerr << "error: paser train is the program " << paser::visible(trainer.string())
            << ", which cannot be started: " << std::strerror(errno) << "\n";
  return program::failed;
}

}  // namespace command
