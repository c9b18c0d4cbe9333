# Compiles compile_time_reference and the targets of AT_MOST_PERCENT (TARGET=PERCENT of the reference's time, a list) afresh,
# in turn, and compares the shortest times of the processor, as the shell's `time` gives them. What else the machine does
# can only make a time longer, so up to four tries count.
cmake_minimum_required(VERSION 3.21)

function(compile target milliseconds)
  file(GLOB_RECURSE objects ${BUILD}/tests/compile_time/CMakeFiles/${target}.dir/*.o)
  if(objects)
    file(REMOVE ${objects})
  endif()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C "TIMEFORMAT=paser-compile-time %3U %3S" CCACHE_DISABLE=1 ${BASH} -c "time \"$0\" \"$@\""
            ${CMAKE_COMMAND} --build ${BUILD} --target ${target}
    OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  if(NOT result EQUAL 0 OR NOT output MATCHES "paser-compile-time ([0-9]+)\\.([0-9]+) ([0-9]+)\\.([0-9]+)")
    message(FATAL_ERROR "It does not compile:\n${output}")
  endif()
  math(EXPR took "1000 * (${CMAKE_MATCH_1} + ${CMAKE_MATCH_3}) + 1${CMAKE_MATCH_2} + 1${CMAKE_MATCH_4} - 2000")
  if(took LESS ${${milliseconds}})
    set(${milliseconds} ${took} PARENT_SCOPE)
  endif()
endfunction()

set(reference 1000000000)
foreach(limit IN LISTS AT_MOST_PERCENT)
  string(REPLACE "=" ";" limit ${limit})
  list(GET limit 0 target)
  list(GET limit 1 at_most_${target})
  list(APPEND slow ${target})
  set(time_${target} 1000000000)
endforeach()

foreach(try RANGE 1 4)
  compile(compile_time_reference reference)
  foreach(target IN LISTS slow)
    compile(${target} time_${target})
    math(EXPR percent "100 * ${time_${target}} / ${reference}")
    message(STATUS "${target}: ${time_${target}} ms, the reference ${reference} ms: ${percent} % of at most ${at_most_${target}} %")
    if(percent LESS_EQUAL at_most_${target})
      list(REMOVE_ITEM slow ${target})
    endif()
  endforeach()
  if(NOT slow)
    return()
  endif()
endforeach()
message(FATAL_ERROR "Compiling takes too long: ${slow}")
