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
  target_link_libraries(paser_program_options INTERFACE paser_warnings paser::compiled $<TARGET_NAME_IF_EXISTS:paser::tiff>)
endif()

# The page of a report, as bytes of the programs that write one: examples/page_assets.hpp.
set(page_assets ${PROJECT_SOURCE_DIR}/include/paser/report/assets)
file(GLOB page_files CONFIGURE_DEPENDS ${page_assets}/*)
add_custom_command(
  OUTPUT ${PROJECT_BINARY_DIR}/page_assets.cpp
  COMMAND ${CMAKE_COMMAND} -DFOLDER=${page_assets} -DFUNCTION=program::page_assets -DHEADER=page_assets.hpp
          -DOUT=${PROJECT_BINARY_DIR}/page_assets.cpp -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  DEPENDS ${page_files} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
  VERBATIM)
add_library(paser_page_assets STATIC EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/page_assets.cpp)
target_link_libraries(paser_page_assets PRIVATE paser_warnings paser)
target_include_directories(paser_page_assets PUBLIC ${PROJECT_SOURCE_DIR}/examples)

# paser_install_programs(TARGET...): a program that uses a shared paser::compiled finds it beside itself, wherever both are.
function(paser_install_programs)
  if(NOT PASER_INSTALL)
    return()
  endif()
  include(GNUInstallDirs)
  set_target_properties(${ARGN} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)  # MPI may be anywhere
  if(BUILD_SHARED_LIBS)
    set_target_properties(${ARGN} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
  install(TARGETS ${ARGN} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

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
