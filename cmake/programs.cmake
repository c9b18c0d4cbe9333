# How paser's own programs are compiled: strict warnings, and the kernels of paser::compiled, or with PASER_HEADER_ONLY the
# headers alone for this machine's instruction set. Nothing of this reaches a project that uses paser.
add_library(paser_warnings INTERFACE)
target_compile_options(paser_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow -pedantic)
if(PASER_WERROR)
  target_compile_options(paser_warnings INTERFACE -Werror)
endif()

# The headers alone, with the compiler's default instruction set.
add_library(paser_header_only INTERFACE)
target_link_libraries(paser_header_only INTERFACE paser_warnings paser::paser $<TARGET_NAME_IF_EXISTS:paser::tiff>)

# This machine's instruction set.
add_library(paser_for_this_machine INTERFACE)
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-march=native PASER_HAS_MARCH_NATIVE)
if(PASER_HAS_MARCH_NATIVE AND NOT CMAKE_CROSSCOMPILING)
  target_compile_options(paser_for_this_machine INTERFACE -march=native)
endif()

add_library(paser_program_options INTERFACE)
if(PASER_HEADER_ONLY)
  target_link_libraries(paser_program_options INTERFACE paser_header_only paser_for_this_machine)
else()
  # The kernels are optimised already; what remains gains nothing from -O3.
  target_compile_options(paser_program_options INTERFACE $<$<CONFIG:Release>:-O2>)
  target_link_libraries(paser_program_options INTERFACE paser_warnings paser::compiled $<TARGET_NAME_IF_EXISTS:paser::tiff>)
endif()

# paser_programs(): every *.cpp of the calling folder becomes one program of its name. A program that includes a library
# which is missing is left out, with a sentence.
function(paser_programs)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    set(libraries "")
    set(missing "")
    file(STRINGS ${source} includes REGEX "^#include <(CLI|benchmark)/")
    if(includes MATCHES "<CLI/")
      paser_program_needs(CLI11 CLI11::CLI11 libcli11-dev)
    endif()
    if(includes MATCHES "<benchmark/")
      paser_program_needs(benchmark benchmark::benchmark libbenchmark-dev)
    endif()
    if(missing)
      message(STATUS "${name} is not built: ${missing}")
      continue()
    endif()
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE paser_program_options ${libraries})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  endforeach()
endfunction()

macro(paser_program_needs package target debian)
  find_package(${package} QUIET)
  if(TARGET ${target})
    list(APPEND libraries ${target})
  else()
    set(missing "${package} is missing (Debian: ${debian})")
  endif()
endmacro()
