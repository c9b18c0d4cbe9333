# Configures and builds the user's project SOURCE with COMPILER in the fresh folder BUILD, where warnings are errors.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(REMOVE_RECURSE ${BUILD})
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
    -DPASER_SOURCE=${PASER_SOURCE})
run(${CMAKE_COMMAND} --build ${BUILD})

# Warnings are not silenced for the user: none is switched off, and a mistake of the user's own is still found.
file(READ ${BUILD}/compile_commands.json commands)
if(commands MATCHES "-Wno-|-w ")
  message(FATAL_ERROR "paser's target switches off warnings: ${CMAKE_MATCH_0}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target mistake
                OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
if(result EQUAL 0 OR NOT output MATCHES "uninitialized")
  message(FATAL_ERROR "A variable of the user's that is never set must be a warning, but building ended with ${result}:\n${output}")
endif()
