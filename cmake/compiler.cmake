# paser_compiler_flags(target prefix suffix): gives the users of a target the flags with which g++ 12 writes constants
# right (include/paser/core/compiler.hpp), each between prefix and suffix. They are given whatever the instruction set,
# which a project may choose after this; without AVX-512 they are the compiler's own defaults. Configuring an installed
# paser asks again, since its headers may be used by another compiler than the one that installed them.
include(CheckCXXCompilerFlag)

function(paser_compiler_flags target prefix suffix)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12
     AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    check_cxx_compiler_flag("-mmove-max=128 -mstore-max=128" PASER_HAS_MOVE_MAX)  # on x86 alone
    if(PASER_HAS_MOVE_MAX)
      foreach(flag -mmove-max=128 -mstore-max=128)
        target_compile_options(${target} INTERFACE "${prefix}$<$<COMPILE_LANGUAGE:CXX>:${flag}>${suffix}")
      endforeach()
      target_compile_definitions(${target} INTERFACE
                                 "${prefix}$<$<COMPILE_LANGUAGE:CXX>:PASER_MOVE_MAX_128>${suffix}")
    endif()
  endif()
endfunction()
