#include "paser/io/npy.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "paser/io/atomic_file.hpp"
#include "paser/io/image_file.hpp"
#include "support/temporary_folder.hpp"

namespace npy_test {

using namespace paser;
using Catch::Matchers::Contains;

std::string npy(const std::string& kind, const std::string& shape, const std::string& data,
                const std::string& fortran = "False") {
  std::string header = "{'descr': '" + kind + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
  header += std::string((64 - (header.size() + 11) % 64) % 64, ' ') + "\n";
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size() & 255) +
         static_cast<char>(header.size() >> 8) + header + data;
}

template <class T>
std::string stored(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// All numbers of a page.
std::vector<double> numbers(const io::DecodedImage& p) {
  if (p.real()) return {p.reals.data(), p.reals.data() + p.reals.numel()};
  return {p.integers.pixels.data(), p.integers.pixels.data() + p.integers.pixels.numel()};
}

TEST_CASE("NPY: kinds and shapes become pages") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& bytes) {
    io::write_file(folder / "a.npy", bytes);
    return io::ImageFile(folder / "a.npy");
  };
  io::ImageFile deep = read(npy("<u2", "(2, 3)", stored<std::uint16_t>({0, 1, 300, 4095, 65535, 7})));
  CHECK(deep.pages() == 1);
  CHECK(numbers(deep.page(0)) == std::vector<double>{0, 1, 300, 4095, 65535, 7});
  CHECK(deep.page(0).bits == 16);
  CHECK(deep.page(0).shape() == Shape<3>{2, 3, 1});
  CHECK(numbers(read(npy(">u2", "(1, 2)", std::string("\x01\x02\xff\x00", 4))).page(0)) ==
        std::vector<double>{258, 65280});
  io::ImageFile stack = read(npy("|u1", "(2, 2, 2)", std::string("abcdefgh")));
  CHECK(stack.pages() == 2);
  CHECK(numbers(stack.page(1)) == std::vector<double>{'e', 'f', 'g', 'h'});
  CHECK_THROWS_WITH(stack.page(2), Contains("there is no page 2"));
  CHECK(read(npy("|u1", "(1, 2, 3)", std::string("abcdef"))).page(0).shape() == Shape<3>{1, 2, 3});
  CHECK(read(npy("|u1", "(2, 1, 1, 3)", std::string("abcdef"))).pages() == 2);
  CHECK(numbers(read(npy("<i8", "(1, 2)", stored<std::int64_t>({-5, 70000}))).page(0)) ==
        std::vector<double>{-5, 70000});
  CHECK(numbers(read(npy("<f8", "(1, 2)", stored<double>({0.25, -1.5}))).page(0)) == std::vector<double>{0.25, -1.5});
  CHECK_THROWS_WITH(read(npy("<f8", "(1, 2)", stored<double>({0.25, -1e300}))).page(0),
                    Contains("a.npy: number 1 of the page is -1e+300, which is too large"));
  CHECK_THROWS_AS(read(npy("<f8", "(1, 1)", stored<double>({3.5e38}))).page(0), FormatError);
  constexpr double infinite = std::numeric_limits<double>::infinity();  // is told by who uses the numbers
  CHECK(numbers(read(npy("<f8", "(1, 2)", stored<double>({3.4e38, infinite}))).page(0))[1] == infinite);
  CHECK(numbers(read(npy("<f4", "(1, 1)", stored<float>({0.5f}))).page(0)) == std::vector<double>{0.5});
  CHECK(read(npy("|b1", "(1, 2)", std::string("\0\1", 2))).page(0).integers.maximum == 1);
}

TEST_CASE("NPY: what cannot be an image is refused with a sentence") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& bytes, const std::string& sentence) {
    io::write_file(folder / "a.npy", bytes);
    INFO(sentence);
    CHECK_THROWS_AS(io::ImageFile(folder / "a.npy"), FormatError);
    CHECK_THROWS_WITH(io::ImageFile(folder / "a.npy"), Contains("a.npy") && Contains(sentence));
  };
  refused(npy("<c8", "(1, 1)", std::string(8, 'a')), "'<c8'");
  refused(npy("<f2", "(1, 1)", "ab"), "'<f2'");
  refused(npy("|O", "(1, 1)", "ab"), "'|O'");
  refused(npy("|u1", "(2, 2)", "abcd", "True"), "Fortran");
  refused(npy("|u1", "(4,)", "abcd"), "1 dimensions");
  refused(npy("|u1", "(1, 1, 2, 2)", "abcd"), "4 dimensions, the last of 2");
  refused(npy("|u1", "(0, 2)", ""), "empty");
  refused(npy("|u1", "(2, 2)", "abc"), "is cut off");
  refused(npy("|u1", "(2, 2)", "abcde"), "holds 1 bytes behind its array");
  refused(npy("|u1", "(5, 2, 4)", std::string(40, 'a')), "an image of 4 channels");
  refused(npy("|u1", "(5, 2, 2)", std::string(20, 'a')), "an image of 2 channels");
  for (const char* shape :
       {"(-2, -2)", "(2 2)", "('2', 2)", "(2, , 2)", "(2e0, 2)", "(2, 2L)", "2, 2", "(9999999999999, 2)"})
    refused(npy("|u1", shape, "abcd"), "no 'shape' of whole numbers");
  refused(npy("|u1", "(99999999, 99999999)", "abc"), "pixels");
  refused("\x93NUMPY\x01", "header");
  refused(std::string("\x93NUMPY\x01\0\xff\xff", 10) + "{}", "header");
}

TEST_CASE("NPY: what NumPy wrote is read as it is") {
  const TemporaryFolder folder;
  std::string python;
  for (const char* name : {"python3", "/usr/bin/python3"})
    if (std::system((std::string(name) + " -c 'import numpy' >/dev/null 2>&1").c_str()) == 0) python = name;
  if (python.empty()) {
    WARN("NumPy is not installed: that its files are read is not tested");
    return;
  }
  std::ofstream(folder / "write.py")
      << "import numpy, sys\n"
         "numpy.save(sys.argv[1], numpy.arange(24, dtype='u2').reshape(2, 3, 4) * 100)\n";
  REQUIRE(std::system((python + " " + (folder / "write.py").string() + " " + (folder / "a.npy").string()).c_str()) ==
          0);
  io::ImageFile file(folder / "a.npy");
  REQUIRE(file.pages() == 2);
  CHECK(numbers(file.page(1))[11] == 2300);
}

}  // namespace npy_test
