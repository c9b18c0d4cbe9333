# Finds the stb single-file libraries and defines stb::stb, so that `#include <stb/stb_image.h>` compiles and links.
# Where no compiled library exists (Debian's libstb has one, most others do not), a small static one is built.
find_path(STB_INCLUDE_DIR stb/stb_image.h DOC "The folder that holds stb/stb_image.h")
find_library(STB_LIBRARY stb DOC "The compiled stb library; optional")
mark_as_advanced(STB_INCLUDE_DIR STB_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(stb REQUIRED_VARS STB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "stb/stb_image.h is missing: install libstb-dev, or set STB_INCLUDE_DIR to the folder above stb/")

if(stb_FOUND AND NOT TARGET stb::stb)
  add_library(stb::stb INTERFACE IMPORTED GLOBAL)
  target_include_directories(stb::stb INTERFACE ${STB_INCLUDE_DIR})
  if(STB_LIBRARY)
    target_link_libraries(stb::stb INTERFACE ${STB_LIBRARY})
  else()
    add_library(paser_stb STATIC EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/stb_implementation.cpp)
    target_include_directories(paser_stb SYSTEM PRIVATE ${STB_INCLUDE_DIR})
    set_target_properties(paser_stb PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(stb::stb INTERFACE paser_stb)
  endif()
endif()
