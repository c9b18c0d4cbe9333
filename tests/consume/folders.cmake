# Installs the headers alone into folders of the user's choice, under the prefix and elsewhere, in the fresh folder BUILD,
# and uses them from there by find_package and by pkg-config.
include(${CMAKE_CURRENT_LIST_DIR}/../support/run.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/pkg_config.cmake)

file(REMOVE_RECURSE ${BUILD})
# CMake takes no absolute folder of headers below the source, where builds are.
set(temporary $ENV{TMPDIR})
if(NOT temporary)
  set(temporary /tmp)
endif()
string(RANDOM LENGTH 12 name)
set(outside ${temporary}/paser_headers_${name})
foreach(where under_prefix elsewhere)
  set(folder ${BUILD}/${where})
  set(headers headers/of_paser)
  set(data data/of_paser)
  set(data_folder ${folder}/prefix/${data})
  if(where STREQUAL elsewhere)
    set(headers ${outside})
    set(data ${folder}/data)
    set(data_folder ${data})
  endif()
  run(${CMAKE_COMMAND} -S ${PASER_SOURCE} -B ${folder}/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
      -DPASER_COMPILED=OFF -DPASER_BUILD_TESTS=OFF -DPASER_BUILD_EXAMPLES=OFF -DPASER_BUILD_BENCHMARKS=OFF -DPASER_TIFF=OFF
      -DPASER_MPI=OFF -DCMAKE_INSTALL_PREFIX=${folder}/prefix -DCMAKE_INSTALL_INCLUDEDIR=${headers}
      -DCMAKE_INSTALL_DATADIR=${data} -DCMAKE_INSTALL_DOCDIR=${folder}/documents)
  run(${CMAKE_COMMAND} --install ${folder}/build)
  run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/find_package -B ${folder}/consumer -G ${GENERATOR}
      -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=-O0 -Dpaser_DIR=${data_folder}/cmake/paser)
  run(${CMAKE_COMMAND} --build ${folder}/consumer)
  run(${folder}/consumer/consumer)
  check_consumer("${output}")
  set(ENV{PKG_CONFIG_PATH} ${data_folder}/pkgconfig)
  consume_by_pkg_config(paser ${folder})
endforeach()
file(REMOVE_RECURSE ${outside})
