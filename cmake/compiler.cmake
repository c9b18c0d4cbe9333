# paser_compiler_flags(target scope prefix suffix): gives a target, or its users where scope is INTERFACE, the flags with
# which g++ 12 writes constants right (include/paser/core/compiler.hpp), each between prefix and suffix. They are given
# whatever the instruction set, which a project may choose after this; without AVX-512 they are the compiler's defaults.
# Configuring an installed paser asks again: its headers may be used by another compiler than was there when installing.
include(CheckCXXCompilerFlag)

function(paser_compiler_flags target scope prefix suffix)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12
     AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    check_cxx_compiler_flag("-mmove-max=128 -mstore-max=128" PASER_HAS_MOVE_MAX)  # on x86 alone
    if(PASER_HAS_MOVE_MAX)
      foreach(flag -mmove-max=128 -mstore-max=128)
        target_compile_options(${target} ${scope} "${prefix}$<$<COMPILE_LANGUAGE:CXX>:${flag}>${suffix}")
      endforeach()
      target_compile_definitions(${target} ${scope}
                                 "${prefix}$<$<COMPILE_LANGUAGE:CXX>:PASER_MOVE_MAX_128>${suffix}")
    endif()
  endif()
endfunction()
