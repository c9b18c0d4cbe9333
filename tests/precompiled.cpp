// Empty: gives CMake a source file to compile the shared precompiled header for. main.cpp cannot, since it defines what
// turns catch.hpp into an implementation.
