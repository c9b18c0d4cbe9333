// The kernels for one instruction set, that of this file's compile flags: PASER_KERNELS_OF is its name, PASER_NUMBER
// the type of numbers. Nothing but the table leaves this file (see compiled.cmake).
#include "kernel_list.hpp"

#define PASER_JOIN_(a, b) a##b
#define PASER_JOIN(a, b) PASER_JOIN_(a, b)

extern "C" const paser::kernels::KernelTable<PASER_NUMBER> PASER_JOIN(paser_kernels_, PASER_KERNELS_OF);

const paser::kernels::KernelTable<PASER_NUMBER> PASER_JOIN(paser_kernels_, PASER_KERNELS_OF){
#define PASER_ENTRY(result, name, parameters, arguments) .name = &paser::kernels::name<PASER_NUMBER>,
    PASER_KERNELS(PASER_ENTRY)
#undef PASER_ENTRY
};
