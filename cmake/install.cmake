# `cmake --install`: the headers, the compiled library where PASER_COMPILED says so, and the files by which find_package
# and pkg-config find them.
include(CMakePackageConfigHelpers)

# A compiled library belongs to one kind of machine, headers alone to all.
set(found_in ${CMAKE_INSTALL_DATADIR})
set(any_machine ARCH_INDEPENDENT)
if(PASER_COMPILED)
  set(found_in ${CMAKE_INSTALL_LIBDIR})
  set(any_machine "")
  install(TARGETS paser_compiled EXPORT paserTargets)
endif()
set(package_dir ${found_in}/cmake/paser)

install(TARGETS paser EXPORT paserTargets)
install(DIRECTORY include/paser DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc" PATTERN "assets/*")
install(EXPORT paserTargets NAMESPACE paser:: DESTINATION ${package_dir})
configure_package_config_file(cmake/paserConfig.cmake.in paserConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(paserConfigVersion.cmake COMPATIBILITY SameMinorVersion ${any_machine})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/paserConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/paserConfigVersion.cmake
              cmake/compiler.cmake cmake/Findstb.cmake cmake/stb_implementation.cpp
        DESTINATION ${package_dir})
# The documents, in the places where their links to each other find them; without the figures' numbers.
install(FILES LICENSE README.md CHANGELOG.md LIMITATIONS.md CITATION.cff DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "*.png")

# paser.pc and, with the library, paser-compiled.pc, which find the prefix from where they lie, unless a folder is absolute.
if(IS_ABSOLUTE ${found_in})
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH pc_prefix /prefix/${found_in}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_prefix}")
endif()
foreach(kind INCLUDEDIR LIBDIR)
  set(pc_${kind} "\${prefix}/")
  cmake_path(APPEND pc_${kind} ${CMAKE_INSTALL_${kind}}) # an absolute one replaces what stands before it
endforeach()
set(pc_cflags -DPASER_NO_THREADS)
set(pc_libs "")
if(PASER_THREADS)
  set(pc_cflags -pthread)
  set(pc_libs -pthread)
endif()
foreach(name paser paser-compiled)
  if(name STREQUAL paser OR PASER_COMPILED)
    configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${found_in}/pkgconfig)
  endif()
endforeach()
