#include "paser/report/curve_figure.hpp"

#include <catch2/catch.hpp>
#include <regex>
#include <set>

using namespace paser;
using namespace paser::report;
using Catch::Matchers::Contains;

namespace curve_figure_test {

namespace {

pipeline::MeasuredPoint at(double ms, double iou) {
  return {.price = 0, .share = 0.25, .shares = {}, .iou = iou, .image_iou = iou - 0.01, .ms = ms, .gmac = ms / 10};
}

CurveFigure sample() {
  return {"superalloy <A & B>",
          {{"f1", 0.549, 0.54, 2.3, 0.3}, {"f2", 0.716, 0.7, 17.5, 2.3}, {"f<3>", 0.72, 0.7, 71.0, 9.9}},
          {{"learned \"gain\" router", {at(4.8, 0.549), at(8, 0.64), at(22, 0.716)}},
           {"entropy cascade", {at(4.8, 0.549), at(9, 0.58), at(22, 0.716)}},
           {"oracle & co.", {at(4.8, 0.549), at(7, 0.66), at(22, 0.716)}}}};
}

/// Names of elements in the order in which they open. Fails where the text is not well-formed: tags that do not match,
/// attributes without quotes or twice, stray < or &.
std::vector<std::string> elements(const std::string& xml) {
  static const std::regex tag(R"re(<(/?)([A-Za-z]+)((?: [A-Za-z0-9-]+="[^"<&]*")*)\s*(/?)>)re"),
      text(R"re((?:[^<&]|&(?:lt|gt|amp|quot|apos);)*)re");
  std::vector<std::string> open, all;
  for (std::size_t i = 0; i < xml.size();) {
    std::smatch m;
    const auto from = xml.begin() + static_cast<std::ptrdiff_t>(i);
    if (*from != '<') {
      REQUIRE(std::regex_search(from, xml.end(), m, text, std::regex_constants::match_continuous));
    } else {
      REQUIRE(std::regex_search(from, xml.end(), m, tag, std::regex_constants::match_continuous));
      if (m[1] == "/") {
        REQUIRE(!open.empty());
        REQUIRE(open.back() == m[2]);
        open.pop_back();
      } else {
        REQUIRE((!open.empty() || all.empty()));  // one root
        all.push_back(m[2]);
        if (m[4] != "/") open.push_back(m[2]);
      }
    }
    REQUIRE(m.length(0) > 0);
    i += static_cast<std::size_t>(m.length(0));
  }
  CHECK(open.empty());
  return all;
}

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex re(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), re), end; i != end; ++i) found.push_back((*i)[1]);
  return found;
}

void check_inside(const std::string& svg) {
  const double width = std::stod(matches(svg, R"re(viewBox="0 0 ([0-9]+) )re").at(0)),
               height = std::stod(matches(svg, R"re(viewBox="0 0 [0-9]+ ([0-9]+)")re").at(0));
  std::size_t seen = 0;
  const auto within = [&](const std::vector<std::string>& numbers, double most) {
    for (const std::string& n : numbers) {
      INFO(n);
      CHECK(std::stod(n) >= 0);
      CHECK(std::stod(n) <= most);
      ++seen;
    }
  };
  within(matches(svg, R"re( c?x[12]?="([^"]*)")re"), width);
  within(matches(svg, R"re( c?y[12]?="([^"]*)")re"), height);
  for (const std::string& line : matches(svg, R"re( points="([^"]*)")re")) {
    within(matches(line, R"re(([-0-9.a-z]+),)re"), width);
    within(matches(line, R"re(,([-0-9.a-z]+))re"), height);
  }
  CHECK(seen > 40);
}

}  // namespace

TEST_CASE("The figure is well-formed and names every network and curve, whatever stands in a name") {
  const std::string svg = curve_svg(sample());
  const auto all = elements(svg);
  CHECK(all.front() == "svg");
  CHECK(std::count(all.begin(), all.end(), "circle") == 3);
  CHECK(std::count(all.begin(), all.end(), "polyline") == 4);
  for (const char* name :
       {">f1<", ">f2<", ">f&lt;3&gt;<", ">learned &quot;gain&quot; router<", ">entropy cascade<", ">oracle &amp; co.<",
        "superalloy &lt;A &amp; B&gt;", ">random mixes of the single networks<"})
    CHECK_THAT(svg, Contains(name));
  CHECK(svg.find("href") == std::string::npos);
}

TEST_CASE("Where one network is the best at every cost there is no line of mixes, and the legend has none") {
  CurveFigure figure = sample();
  figure.singles = {{"f1", 0.7, 0.7, 3, 1}, {"f2", 0.6, 0.6, 9, 2}};
  CHECK_THAT(curve_svg(figure), !Contains("random mixes"));
  CHECK(curve_chart(figure).lines.size() == figure.curves.size());
  figure.singles[1].iou = 0.8;
  CHECK_THAT(curve_svg(figure), Contains("random mixes"));
  CHECK(curve_chart(figure).lines.size() == figure.curves.size() + 1);
}

TEST_CASE("Everything lies inside the view box, also a single point and tiny differences") {
  check_inside(curve_svg(sample()));
  CurveFigure one;
  one.singles = {{"f1", 0.5, 0.5, 3, 1}};
  check_inside(curve_svg(one));
  one.singles.push_back({"f2", 0.5 + 1e-4, 0.5, 3.001, 1});
  check_inside(curve_svg(one));
  one.singles = {{"f1", 0, 0, 0, 0}};
  check_inside(curve_svg(one));
}

TEST_CASE("Dearer is further right and better further up; the hull leaves out what lies below it") {
  CurveFigure figure = sample();
  figure.singles[1].iou = 0.5;  // below the line from f1 to f3
  const std::string svg = curve_svg(figure);
  const auto x = matches(svg, R"re( cx="([^"]*)")re"), y = matches(svg, R"re( cy="([^"]*)")re");
  REQUIRE(x.size() == 3);
  CHECK(std::stod(x[0]) < std::stod(x[1]));
  CHECK(std::stod(y[0]) < std::stod(y[1]));  // f2 is worse than f1
  CHECK(std::stod(y[2]) < std::stod(y[0]));
  CHECK_THAT(svg, Contains("<polyline points=\"" + x[0] + "," + y[0] + " " + x[2] + "," + y[2] + "\""));
}

TEST_CASE("Lines differ without their colours") {
  const auto dashes = matches(curve_svg(sample()), R"re(<polyline [^>]*stroke="[^"]*"( stroke-dasharray="[^"]*")?)re");
  REQUIRE(dashes.size() == 4);
  CHECK(std::set<std::string>(dashes.begin(), dashes.end()).size() == 4);
}

TEST_CASE("Ticks are round and as many as fit") {
  for (const auto& [low, high] : {std::pair(2.3, 71.0), {0.549, 0.72}, {0.0, 1.0}, {99.0, 101.0}, {1e-5, 3e-5}}) {
    const report::detail::Axis axis = report::detail::round_axis(low, high, 6);
    INFO(low << " " << high << ": " << axis.low << " " << axis.step << " " << axis.steps);
    CHECK(axis.low <= low);
    CHECK(axis.high() >= high * (1 - 1e-9));
    CHECK(axis.low > low - axis.step);
    CHECK(axis.high() < high + 1.001 * axis.step);
    CHECK(axis.steps >= 3);
    CHECK(axis.steps <= 8);
    const double mantissa = axis.step / std::pow(10, std::floor(std::log10(axis.step) + 1e-9));
    CHECK((mantissa == Approx(1) || mantissa == Approx(2) || mantissa == Approx(5)));
    for (int i = 0; i <= axis.steps; ++i)  // the printed number is the tick
      CHECK(std::stod(paser::fixed_number(axis.tick(i), axis.decimals)) ==
            Approx(axis.tick(i)).margin(axis.step / 1e6));
  }
}

TEST_CASE("What is not finite is left out; nothing at all is refused") {
  CurveFigure figure = sample();
  figure.curves[0].points.push_back(at(std::nan(""), 0.6));
  figure.curves[0].points.push_back(at(5, std::numeric_limits<double>::infinity()));
  figure.singles.push_back({"f4", std::nan(""), 0, 1, 1});
  CHECK(matches(curve_svg(figure), "(polyline points=\"[^\"]*\")") ==
        matches(curve_svg(sample()), "(polyline points=\"[^\"]*\")"));
  CHECK_THROWS_WITH(curve_svg({}), Contains("there is nothing to draw"));
}

TEST_CASE("The table holds a record for every network and point") {
  CurveFigure figure = sample();
  figure.curves[1].name = "a, \"b\"";
  const std::string csv = curve_csv(figure);
  CHECK(csv.starts_with("kind,name,share,ms,gmac,iou,image_iou\r\n"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 3 + 9);
  CHECK_THAT(csv, Contains("\r\nnetwork,f2,,17.5,2.3,0.716,0.7\r\n"));
  CHECK_THAT(csv, Contains("\r\ncurve,oracle & co.,0.25,7,0.7,0.66,0.65\r\n"));
  CHECK_THAT(csv, Contains("\r\ncurve,\"a, \"\"b\"\"\",0.25,"));
}

TEST_CASE("A report becomes a figure of both curves and all networks") {
  pipeline::CurveReport report;
  report.singles = sample().singles;
  report.curve = sample().curves[0].points;
  report.entropy = sample().curves[1].points;
  const std::string csv = curve_csv(curve_figure(report, "t"));
  CHECK_THAT(csv, Contains("network,f1,") && Contains("learned router,0.25,8,") && Contains("entropy cascade,0.25,9,"));
}

TEST_CASE("the chart of a page has the points of the figure, each line, and the hull as a reference") {
  CurveFigure figure;
  figure.title = "t";
  figure.singles = {{.name = "f1", .iou = 0.5, .ms = 1}, {.name = "f2", .iou = 0.75, .ms = 4}};
  figure.curves = {{"router", {{.iou = 0.7, .ms = 2}, {.iou = 1, .ms = std::numeric_limits<double>::quiet_NaN()}}},
                   {"nothing", {}}};
  const Chart chart = curve_chart(figure, "note");
  CHECK(chart.title == "t");
  CHECK(chart.note == "note");
  REQUIRE(chart.points.size() == 2);
  CHECK(chart.points[1].name == "f2");
  CHECK(chart.points[1].y == 0.75);
  REQUIRE(chart.lines.size() == 2);
  CHECK(chart.lines[0].x == std::vector<double>{2});
  CHECK(chart.lines[1].x == std::vector<double>{1, 4});
  CHECK(chart.lines[1].reference);
  CHECK_FALSE(chart.lines[0].reference);
}

TEST_CASE("times of any size are told in digits") {
  auto figure = sample();
  for (auto& single : figure.singles) single.ms *= 1e65;
  const std::string svg = curve_svg(figure);
  elements(svg);
  CHECK(std::all_of(svg.begin(), svg.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
  CHECK(matches(svg, "([0-9]{40})").size() > 0);
}

}  // namespace curve_figure_test
