#include "paser/report/results_csv.hpp"

#include <catch2/catch.hpp>

#include "paser/io/file.hpp"
#include "report/sample_results.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::report;

TEST_CASE("Methods are records with an empty field for what was not measured") {
  CHECK(methods_csv(sample_results()) ==
        "model,kind,iou,iou_std,gmac,iou_per_gmac,ms_per_image,ms_low,ms_high,ms_runs,ms_busy,share f1,"
        "share f2,note\r\n"
        "f1,single,0.7012,,0.0223,31.44394618834081,0.41,,,,,1,0,one pass\r\n"
        "PaSeR (λ = 0),paser,0.8432,0.05,0.2585,3.261895551257253,,,,,,0.25,0.75,\r\n");
}

TEST_CASE("A repeated time has its quartiles, its number of runs, and whether the machine was busy") {
  Results r = sample_results();
  r.rows[0].ms_spread = TimeSpread{.low = 0.25, .high = 0.5, .runs = 7, .waited = 0.5};
  CHECK(methods_csv(r).find("31.44394618834081,0.41,0.25,0.5,7,1,1,0,one pass\r\n") != std::string::npos);
}

TEST_CASE("Images are one record a method, with quotes where RFC 4180 asks for them") {
  CHECK(images_csv(segmentation_results()) ==
        "image,method,iou,gmac,ms,share f1,share f2\r\n"
        "\"a,\"\"b\"\".png\",PaSeR (λ = 0),0.75,2.5,,0.5,0.5\r\n"
        "\"a,\"\"b\"\".png\",f1,0.1,0.25,3,1,0\r\n");
}

TEST_CASE("An empty first field is a field, and text keeps its line breaks within quotes") {
  Results r = sample_results();
  r.models.clear();
  r.rows = {Row{.model = "", .kind = "a\nb", .iou = 1, .gmac = 2}};
  const std::string csv = methods_csv(r);
  CHECK(csv.substr(csv.find('\n') + 1) == ",\"a\nb\",1,,2,0.5,,,,,,\r\n");
}

TEST_CASE("Both files are written; images only where there are any") {
  TemporaryFolder folder;
  write_csv(folder.path(), sample_results());
  CHECK_FALSE(std::filesystem::exists(folder / "images.csv"));
  write_csv(folder.path(), segmentation_results());
  CHECK(io::read_file(folder / "methods.csv") == methods_csv(segmentation_results()));
  CHECK(io::read_file(folder / "images.csv") == images_csv(segmentation_results()));
}

namespace results_csv_test {

// Names of classes and files are anybody's, and a spreadsheet runs a cell that starts like a formula.
TEST_CASE("Text that a spreadsheet would run starts with an apostrophe; numbers do not") {
  const auto cell = [](std::string_view text) {
    CsvRecord record;
    record.add(text);
    return record.line();
  };
  CHECK(cell("=1+1") == "'=1+1\r\n");
  CHECK(cell("+x") == "'+x\r\n");
  CHECK(cell("-x") == "'-x\r\n");
  CHECK(cell("@SUM(A1)") == "'@SUM(A1)\r\n");
  CHECK(cell("\t=1") == "'\t=1\r\n");
  CHECK(cell("\r=1") == "\"'\r=1\"\r\n");
  CHECK(cell("=HYPERLINK(\"http://x\",\"y\")") == "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"\r\n");
  CHECK(cell("a=1") == "a=1\r\n");
  CHECK(cell("") == "\r\n");
  CHECK(cell("Stra\xDF"
             "e") == "Stra\\xDFe\r\n");
  CsvRecord numbers;
  numbers.add(-0.5);
  numbers.add(-1e-300);
  numbers.add(-0.0);
  numbers.add(std::numeric_limits<double>::infinity());
  CHECK(numbers.line() == "-0.5,-1e-300,0,\r\n");
  Results results = segmentation_results();
  results.images[0].name = "=cmd|' /C calc'!A0";
  CHECK(images_csv(results).find("\r\n'=cmd") != std::string::npos);
}

}  // namespace results_csv_test
