# Configures, builds and runs the consumer project SOURCE in the fresh folder BUILD; with the compiler's options FLAGS
# where it is the installed paser that is used.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)

file(REMOVE_RECURSE ${BUILD})
set(options -DPASER_SOURCE=${PASER_SOURCE})
if(WAY MATCHES "^find_package")
  run(${CMAKE_COMMAND} --install ${PASER_BUILD} --prefix ${BUILD}/prefix)
  set(options -DCMAKE_PREFIX_PATH=${BUILD}/prefix "-DCMAKE_CXX_FLAGS=${FLAGS}")
endif()
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} ${options})
run(${CMAKE_COMMAND} --build ${BUILD}/build)
run(${BUILD}/build/consumer)
# 4 corners with 4 neighbours, 8 edges with 6, 4 inner pixels with 9.
if(NOT output MATCHES "add up to 100\n")
  message(FATAL_ERROR "The consumer printed: ${output}")
endif()
if(EXISTS ${BUILD}/build/paser/tests OR EXISTS ${BUILD}/build/_deps/paser-build/tests)
  message(FATAL_ERROR "A consumer's build must not contain paser's own tests")
endif()
