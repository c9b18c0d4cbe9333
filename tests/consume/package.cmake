# Makes the Debian package of the headers alone in the fresh folder BUILD, unpacks it, and compiles and runs the consumer
# with what pkg-config says of it.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/pkg_config.cmake)

file(REMOVE_RECURSE ${BUILD})
run(${CMAKE_COMMAND} -S ${PASER_SOURCE} -B ${BUILD}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
    -DPASER_COMPILED=OFF -DPASER_BUILD_TESTS=OFF -DPASER_BUILD_EXAMPLES=OFF -DPASER_BUILD_BENCHMARKS=OFF -DPASER_TIFF=OFF
    -DPASER_MPI=OFF)
run(${CPACK} -G DEB --config ${BUILD}/build/CPackConfig.cmake -B ${BUILD})
file(GLOB package ${BUILD}/libpaser-dev_*_all.deb)
if(NOT package)
  message(FATAL_ERROR "CPack made no libpaser-dev_*_all.deb:\n${output}")
endif()

run(${DPKG_DEB} -c ${package})
foreach(file include/paser/paser.hpp include/paser/core/macros_off.inc share/cmake/paser/paserConfig.cmake
             share/pkgconfig/paser.pc share/doc/paser/LICENSE share/doc/paser/README.md share/doc/paser/CHANGELOG.md
             share/doc/paser/LIMITATIONS.md share/doc/paser/docs/programs.md share/doc/paser/docs/method/reward.md)
  if(NOT output MATCHES " ./usr/${file}\n")
    message(FATAL_ERROR "The package has no /usr/${file}, but:\n${output}")
  endif()
endforeach()
if(output MATCHES " ./usr/[^\n]*(/tests/|/examples/|[.]a\n|[.]o\n)")
  message(FATAL_ERROR "The package has what is not for users: ${CMAKE_MATCH_0}")
endif()

run(${DPKG_DEB} -x ${package} ${BUILD}/root)
set(ENV{PKG_CONFIG_PATH} ${BUILD}/root/usr/share/pkgconfig)
consume_by_pkg_config(paser ${BUILD})
