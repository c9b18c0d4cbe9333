# paser::compiled: the kernels in float and double, compiled once for each instruction set, of which a program chooses
# the best that the processor runs. A program that links to it is portable, and is compiled faster than with the headers
# alone. It is built where something needs it, and shared where BUILD_SHARED_LIBS says so.
#
# An object for AVX-512 also holds weak copies of inline functions of other libraries, with AVX-512 code. If a linker
# kept those, the program would crash on other processors. So all objects of one instruction set are linked into one
# (ld -r), and all of its symbols but the tables become local (objcopy).
set(compiled_isas base)
set(compiled_targets "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_OBJCOPY AND CMAKE_LINKER AND NOT APPLE AND NOT MSVC)
  list(APPEND compiled_isas v3 v4)
  set(compiled_base x86-64)
  set(compiled_flags_v3 -mavx2 -mfma -mbmi -mbmi2 -mlzcnt -mmovbe -mf16c)
  set(compiled_flags_v4 ${compiled_flags_v3} -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  set(compiled_base neon)
else()
  set(compiled_base scalar)
endif()

add_library(paser_state OBJECT EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/src/state.cpp)
target_link_libraries(paser_state PRIVATE paser)
target_compile_definitions(paser_state PRIVATE PASER_COMPILING_STATE)
set_target_properties(paser_state PROPERTIES POSITION_INDEPENDENT_CODE ON)
file(GLOB zoo_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/zoo/*.cpp)
set(compiled_sources ${PROJECT_SOURCE_DIR}/src/dispatch.cpp ${PROJECT_SOURCE_DIR}/src/models.cpp
                     ${PROJECT_SOURCE_DIR}/src/routers.cpp ${zoo_sources}
                     $<TARGET_OBJECTS:paser_state>)
foreach(isa IN LISTS compiled_isas)
  set(objects "")
  foreach(number float double)
    set(target paser_kernels_${isa}_${number})
    add_library(${target} OBJECT EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/src/kernels.cpp)
    target_link_libraries(${target} PRIVATE paser)
    target_compile_definitions(${target} PRIVATE PASER_COMPILING_KERNELS PASER_NUMBER=${number}
                                                 PASER_KERNELS_OF=${isa}_${number})
    # Of a build without optimisation nobody wants slow kernels; -g and sanitizers stay.
    target_compile_options(${target} PRIVATE ${compiled_flags_${isa}} $<$<NOT:$<CONFIG:Debug>>:-O3>
                                             $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET default
                                               INTERPROCEDURAL_OPTIMIZATION OFF)
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
    list(APPEND compiled_targets ${target})
  endforeach()
  if(compiled_isas STREQUAL base)
    list(APPEND compiled_sources ${objects})
    break()
  endif()
  set(object ${PROJECT_BINARY_DIR}/paser_kernels_${isa}.o)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_LINKER} -r --force-group-allocation -o ${object} ${objects}
    COMMAND ${CMAKE_OBJCOPY} --keep-global-symbol=paser_kernels_${isa}_float
            --keep-global-symbol=paser_kernels_${isa}_double ${object}
    DEPENDS ${objects}
    COMMAND_EXPAND_LISTS VERBATIM)
  set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  list(APPEND compiled_sources ${object})
endforeach()

add_library(paser_compiled ${compiled_sources})
if(NOT PASER_COMPILED)
  set_target_properties(paser_compiled PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
add_library(paser::compiled ALIAS paser_compiled)
target_link_libraries(paser_compiled PUBLIC paser)
target_compile_definitions(paser_compiled PUBLIC PASER_COMPILED PRIVATE PASER_COMPILED_BASE="${compiled_base}")
foreach(isa IN LISTS compiled_isas)
  string(TOUPPER ${isa} name)
  target_compile_definitions(paser_compiled PRIVATE PASER_COMPILED_${name}_KERNELS)
endforeach()
set_target_properties(paser_compiled PROPERTIES EXPORT_NAME compiled POSITION_INDEPENDENT_CODE ON)
# Make has no rule for another target's objects, only an order among targets.
add_dependencies(paser_compiled ${compiled_targets})
