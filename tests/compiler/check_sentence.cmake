# Compiles a header by hand with COMPILER for AVX-512: without the flags it must say which to add, with them it compiles.
function(compile)
  execute_process(COMMAND ${COMPILER} -std=c++20 -mavx512f -fsyntax-only -I ${PASER_SOURCE}/include ${ARGN}
                          ${PASER_SOURCE}/include/paser/core/shape.hpp
                  OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  set(output "${output}" PARENT_SCOPE)
  set(result "${result}" PARENT_SCOPE)
endfunction()

compile()
if(NOT output MATCHES "error \"[^\n]*add (-mmove-max=128 -mstore-max=128 -DPASER_[A-Z0-9_]+)")
  message(FATAL_ERROR "Without the flags the compiler ends with ${result} and says:\n${output}")
endif()
separate_arguments(flags UNIX_COMMAND "${CMAKE_MATCH_1}")
compile(${flags})
if(NOT result EQUAL 0)
  message(FATAL_ERROR "With ${flags} it does not compile:\n${output}")
endif()
