# Untested. The sources are those of the checkout that this file lies in.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    compiled PASER_COMPILED
    tiff PASER_TIFF
)
if(NOT "compiled" IN_LIST FEATURES)
  set(VCPKG_BUILD_TYPE release)  # nothing is compiled
  set(config share/cmake/paser)
else()
  set(config lib/cmake/paser)
endif()

# vcpkg's stb lies in include/ itself, paser includes <stb/stb_image.h>.
set(stb "${CURRENT_BUILDTREES_DIR}/stb")
file(COPY "${CURRENT_INSTALLED_DIR}/include/stb_image.h" "${CURRENT_INSTALLED_DIR}/include/stb_image_write.h"
     DESTINATION "${stb}/stb")

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${FEATURE_OPTIONS}
    -DPASER_BUILD_TESTS=OFF
    -DPASER_BUILD_EXAMPLES=OFF
    -DPASER_BUILD_BENCHMARKS=OFF
    -DPASER_MPI=OFF
    "-DSTB_INCLUDE_DIR=${stb}"
)
vcpkg_cmake_install()
file(INSTALL "${stb}/stb" DESTINATION "${CURRENT_PACKAGES_DIR}/include")
vcpkg_cmake_config_fixup(PACKAGE_NAME paser CONFIG_PATH ${config})
vcpkg_fixup_pkgconfig(SKIP_CHECK)  # vcpkg's stb has no file for pkg-config
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
