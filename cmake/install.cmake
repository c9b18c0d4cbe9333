# `cmake --install`: the headers, and the files that make find_package(paser) work from them.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/paser)

install(TARGETS paser EXPORT paserTargets)
install(DIRECTORY include/paser DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "assets/*")
install(EXPORT paserTargets NAMESPACE paser:: DESTINATION ${package_dir})
configure_package_config_file(cmake/paserConfig.cmake.in paserConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(paserConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/paserConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/paserConfigVersion.cmake
              cmake/compiler.cmake cmake/Findstb.cmake cmake/stb_implementation.cpp
        DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
