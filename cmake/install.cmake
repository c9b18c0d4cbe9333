# `cmake --install`: the headers, the compiled library where PASER_COMPILED says so, and the files that make
# find_package(paser) work from them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A compiled library belongs to one kind of machine, headers alone to all.
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/paser)
set(any_machine ARCH_INDEPENDENT)
if(PASER_COMPILED)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/paser)
  set(any_machine "")
  install(TARGETS paser_compiled EXPORT paserTargets)
endif()

install(TARGETS paser EXPORT paserTargets)
install(DIRECTORY include/paser DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc" PATTERN "assets/*")
install(EXPORT paserTargets NAMESPACE paser:: DESTINATION ${package_dir})
configure_package_config_file(cmake/paserConfig.cmake.in paserConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(paserConfigVersion.cmake COMPATIBILITY SameMinorVersion ${any_machine})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/paserConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/paserConfigVersion.cmake
              cmake/compiler.cmake cmake/Findstb.cmake cmake/stb_implementation.cpp
        DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
