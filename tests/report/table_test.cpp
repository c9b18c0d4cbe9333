#include "paser/report/table.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "report/sample_results.hpp"

using namespace paser;
using namespace paser::report;

static std::string printed(const TextTable& table) {
  std::ostringstream out;
  out << table;
  return out.str();
}

TEST_CASE("The comparison is printed in aligned columns") {
  CHECK(printed(results_table(sample_results())) ==
        "model             IoU    GMAC  IoU/GMAC  ms/image   f1 %  f2 %\n"
        "--------------------------------------------------------------\n"
        "f1             0.7012  0.0223      31.4     0.410  100.0   0.0\n"
        "PaSeR (λ = 0)  0.8432   0.259      3.26         -   25.0  75.0\n");
}

TEST_CASE("Stages are printed with time and memory") {
  CHECK(printed(stages_table(sample_results())) ==
        "stage        time  peak memory  tensors alone\n"
        "---------------------------------------------\n"
        "pretrain f1  3:07      210 MiB        120 MiB\n"
        "policy        9 s  <= 3.00 GiB        5.0 MiB\n");
}

TEST_CASE("Assignments are printed as shares of a row") {
  const Results r = sample_results();
  CHECK(printed(assignment_table(r, r.assignment.begin()->second)) ==
        "            f1       f2\n"
        "-----------------------\n"
        "blur 1  90.0 %   10.0 %\n"
        "blur 2   0.0 %  100.0 %\n");
}

TEST_CASE("A row of another length than the header is refused") {
  TextTable table({"a", "b"});
  CHECK_THROWS_AS(table.add({"1"}), ShapeError);
}

TEST_CASE("Numbers keep the figures that count") {
  CHECK(significant(0.02131) == "0.0213");
  CHECK(significant(149.4) == "149");
  CHECK(significant(0) == "0.00");
  CHECK(significant(std::nan("")) == "-");
  CHECK(fixed(1.0 / 3, 4) == "0.3333");
}

TEST_CASE("Text is measured, padded and cut by characters, not bytes") {
  CHECK(display_width("λ = 0") == 5);
  CHECK(display_width("e\xCC\x81") == 1);  // e and a combining accent
  CHECK(pad_left("λ", 3) == "  λ");
  CHECK(pad_right("λ", 3) == "λ  ");
  CHECK(clip("λλλ", 2) == "λλ");
  CHECK(clip("abc", 5) == "abc");
  CHECK(duration(3760) == "1:02:40");
  CHECK(duration(-1) == "?");
}
