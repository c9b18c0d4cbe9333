# The order of the folders of include/paser: a header includes only from its own folder and from those before it.
set(paser_layers core kernels autograd ops nn io optim models uncertainty rl metrics data distributed pipeline report experiment)

# Folders that alone call kernels: operations, the sums of gradients, and the optimizers' updates.
set(paser_kernel_callers kernels autograd ops optim)

# Files that alone may name a library, and the pattern that gives the library away.
set(paser_eigen_files paser/core/simd.hpp paser/kernels/gemm.hpp paser/metrics/significance/incomplete_beta.hpp)
set(paser_mpi_files paser/distributed/mpi_team.hpp)
set(paser_thread_files paser/core/thread_team.hpp paser/core/bed.hpp)
set(paser_most_lines 350)
