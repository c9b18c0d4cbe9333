# check_consumer(text): fails unless it is what the consumer's program prints.
function(check_consumer text)
  # 4 corners with 4 neighbours, 8 edges with 6, 4 inner pixels with 9.
  if(NOT text MATCHES "add up to 100\n")
    message(FATAL_ERROR "The consumer printed: ${text}")
  endif()
endfunction()

# consume_by_pkg_config(package folder): compiles the consumer in the folder with pkg-config's flags, and runs it.
function(consume_by_pkg_config package folder)
  run(${PKG_CONFIG} --cflags --libs ${package})
  separate_arguments(flags UNIX_COMMAND "${output}")
  run(${COMPILER} -std=c++20 -O0 ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/main.cpp ${flags} -o ${folder}/by_pkg_config)
  run(${folder}/by_pkg_config)
  check_consumer("${output}")
endfunction()
