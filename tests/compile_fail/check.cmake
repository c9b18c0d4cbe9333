# Builds NAME_right, which must succeed, and NAME_wrong, which must fail and say EXPECTED.
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target ${NAME}_right
                OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "The right use does not compile:\n${output}")
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target ${NAME}_wrong
                OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
if(result EQUAL 0)
  message(FATAL_ERROR "The wrong use compiles")
endif()
string(FIND "${output}" "${EXPECTED}" place)
if(place LESS 0)
  message(FATAL_ERROR "The wrong use fails without the sentence \"${EXPECTED}\":\n${output}")
endif()
