"""Untested. A recipe for Conan 2; the sources are those of the checkout that this file lies in."""

import os
import re

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class Paser(ConanFile):
    name = "paser"
    description = "Header-only C++20 deep learning, and PaSeR's learned routing of image patches"
    license = "MIT"
    topics = ("deep-learning", "segmentation", "header-only")
    settings = "os", "compiler", "build_type", "arch"
    options = {"compiled": [True, False]}
    default_options = {"compiled": False}

    @property
    def _checkout(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        version = load(self, os.path.join(self._checkout, "include", "paser", "version.hpp"))
        self.version = ".".join(re.findall(r"#define PASER_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", version))

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*"):
            copy(self, pattern, self._checkout, self.export_sources_folder)

    def requirements(self):
        for package in ("eigen/[>=3.4 <4]", "nlohmann_json/[>=3.9 <4]", "stb/[*]"):
            self.requires(package, transitive_headers=True)

    def layout(self):
        cmake_layout(self)

    def package_id(self):
        if not self.info.options.compiled:
            self.info.settings.clear()

    def _stb(self):
        """paser includes <stb/stb_image.h>; Conan's stb lies in include/ itself."""
        stb = os.path.join(self.build_folder, "stb_include")
        copy(self, "stb_image*.h", self.dependencies["stb"].cpp_info.includedirs[0], os.path.join(stb, "stb"))
        return stb

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["PASER_COMPILED"] = bool(self.options.compiled)
        for part in ("BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_BENCHMARKS", "TIFF", "MPI"):
            toolchain.cache_variables["PASER_" + part] = False
        toolchain.cache_variables["STB_INCLUDE_DIR"] = self._stb()
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "*.h", self._stb(), os.path.join(self.package_folder, "include"))

    def package_info(self):
        """The package's own paserConfig.cmake is used: it knows the compiler's flags."""
        self.cpp_info.set_property("cmake_find_mode", "none")
        libraries = "lib" if self.options.compiled else "share"
        self.cpp_info.builddirs = [os.path.join(libraries, "cmake", "paser")]
        if self.options.compiled:
            self.cpp_info.libs = ["paser_compiled"]
            self.cpp_info.defines = ["PASER_COMPILED"]
