# cmake -DFOLDER=... -DFUNCTION=... -DHEADER=... -DOUT=FILE.cpp -P embed.cmake: writes a C++ source whose function gives
# the files of a folder, as bytes of the program, in a map by their names.
file(GLOB files ${FOLDER}/*)
set(arrays "")
set(entries "")
set(number 0)
foreach(file IN LISTS files)
  cmake_path(GET file FILENAME name)
  file(READ ${file} bytes HEX)
  string(LENGTH "${bytes}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "(................................................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "const unsigned char file_${number}[] = {\n${bytes}};\n")
  string(APPEND entries "      {\"${name}\", std::string(reinterpret_cast<const char*>(file_${number}), ${size})},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "// Written by cmake/embed.cmake.
#include \"${HEADER}\"
namespace {
${arrays}}  // namespace
decltype(${FUNCTION}()) ${FUNCTION}() {
  return {
${entries}  };
}
")
