# How paser's own programs are compiled: strict warnings, and this machine's instruction set where PASER_NATIVE says so.
# Nothing of this reaches a project that uses paser::paser.
add_library(paser_warnings INTERFACE)
target_link_libraries(paser_warnings INTERFACE paser::paser)
target_compile_options(paser_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow -pedantic)
if(PASER_WERROR)
  target_compile_options(paser_warnings INTERFACE -Werror)
endif()

add_library(paser_program_options INTERFACE)
target_link_libraries(paser_program_options INTERFACE paser_warnings)
if(PASER_NATIVE)
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-march=native PASER_HAS_MARCH_NATIVE)
  if(PASER_HAS_MARCH_NATIVE)
    target_compile_options(paser_program_options INTERFACE -march=native)
  endif()
endif()

# paser_programs(LIBRARIES...): every *.cpp of the calling folder becomes one program of its name.
function(paser_programs)
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE paser_program_options ${ARGN})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  endforeach()
endfunction()
