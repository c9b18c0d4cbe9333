#pragma once

namespace paser {
inline int processes() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}
}  // namespace paser
