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
        "model             IoU  GMAC/image  IoU/GMAC  ms/image   f1 %  f2 %\n"
        "------------------------------------------------------------------\n"
        "f1             0.7012      0.0223      31.4     0.410  100.0   0.0\n"
        "PaSeR (λ = 0)  0.8432       0.259      3.26         -   25.0  75.0\n");
}

TEST_CASE("A repeated time has its spread, and a mark with an explanation when the machine was busy") {
  Results r = sample_results();
  r.time_convention = "median of 7 runs";
  r.rows[0].ms_spread = TimeSpread{.low = 0.401, .high = 0.45, .runs = 7, .waited = 0.01};
  const std::string calm = printed(results_table(r)) + results_legend(r);
  CHECK_THAT(calm, Catch::Contains("ms/image: median [quartiles]") && Catch::Contains("0.410 [0.401-0.450]  100.0"));
  CHECK_THAT(calm, Catch::Contains("ms: median of 7 runs\n") && Catch::Contains("f1 %, f2 %: share of the patches"));
  CHECK_THAT(calm, !Catch::Contains("busy"));
  r.rows[0].ms_spread->waited = 0.2;
  const std::string busy = printed(results_table(r)) + results_legend(r);
  CHECK_THAT(busy, Catch::Contains("0.410 [0.401-0.450] *"));
  CHECK_THAT(busy, Catch::Contains("* the machine was busy: threads waited for a processor in 5 % or more"));
}

TEST_CASE("A stage during which the machine was busy is marked") {
  Results r = sample_results();
  CHECK(stages_legend(r) == "<=: the system tells only the peak since the program started\n");
  r.stages[0].waited = 0.3;
  CHECK_THAT(printed(stages_table(r)), Catch::Contains("3:07 *"));
  CHECK_THAT(stages_legend(r), Catch::Contains("* the machine was busy"));
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

TEST_CASE("A table shows control characters of names, and stays in its columns") {
  std::ostringstream out;
  TextTable table({"class\x1B[2J", "IoU"});
  table.add({"\x1B]0;title\x07road\nx", "1"});
  table.add(
      {"Stra\xDF"
       "e",
       "0.5"});
  out << table;
  CHECK(out.str() ==
        "class\\x1B[2J               IoU\n"
        "------------------------------\n"
        "\\x1B]0;title\\x07road\\x0Ax    1\n"
        "Stra\\xDFe                  0.5\n");
}
