# Toolchain: 64-bit ARM Linux by Debian's cross compiler; programs run under qemu-user. scripts/test_aarch64 uses it.
# Libraries come from the cross compiler's own root; headers that are the same everywhere from the usual places.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)

find_program(PASER_QEMU_AARCH64 qemu-aarch64)
if(PASER_QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${PASER_QEMU_AARCH64} -L /usr/aarch64-linux-gnu)
endif()
