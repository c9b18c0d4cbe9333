#include <cmath>

#include "networks.hpp"
#include "zoo.hpp"

namespace fixtures {

using paser::Index;

namespace {

/// The stream k of a seed: numbers in [-1, 1), a hash of seed, stream and place.
class ZooStream {
 public:
  ZooStream(std::uint64_t seed, std::uint64_t k)
      : base_(seed * 0x94D049BB133111EBu + k * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u) {}

  /// In [0, 1).
  double unit(Index i) const {
    std::uint64_t z = base_ + static_cast<std::uint64_t>(i) * 0xD1B54A32D192ED03u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return std::ldexp(static_cast<double>(z >> 11), -53);
  }
  double operator()(Index i) const { return 2 * unit(i) - 1; }

 private:
  std::uint64_t base_;
};

Index product_of(const std::vector<Index>& shape) {
  Index product = 1;
  for (const Index extent : shape) product *= extent;
  return product;
}

/// The closed-form values of a tensor, by the role that its name and shape give it.
std::vector<float> zoo_values(const std::string& key, const std::vector<Index>& shape, const ZooStream& v,
                              double gain) {
  const Index count = product_of(shape);
  std::vector<float> values(static_cast<std::size_t>(count));
  const auto fill = [&](const auto& value) {
    for (Index i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(value(i));
  };
  if (key.ends_with("running_mean") || key.ends_with("bias")) {
    fill([&](Index i) { return 0.1 * v(i); });
  } else if (key.ends_with("running_var")) {
    fill([&](Index i) { return 1 + 0.5 * v.unit(i); });
  } else if (shape.size() == 1) {
    fill([&](Index i) { return 1 + 0.2 * v(i); });
  } else {
    const double fan_in = static_cast<double>(count / shape[0]), bound = gain * std::sqrt(3 / fan_in);
    fill([&](Index i) { return bound * v(i); });
  }
  return values;
}

/// The checkpoint of closed-form weights, and what the reference says of them.
paser::io::StateDict zoo_weights(ZooReference& reference, const std::map<std::string, std::vector<Index>>& shapes) {
  const auto seed = reference.json("weight_seed").get<std::uint64_t>();
  const double gain = reference.json("gain").get<double>();
  const auto count = static_cast<Index>(shapes.size());
  Stored sums{{count}, {}}, first = sums, last = sums;
  double largest_sum = 0;
  paser::io::StateDict state;
  for (const auto& [key, shape] : shapes) {
    const std::uint64_t k = sums.values.size();
    if (key.ends_with("num_batches_tracked")) {
      for (Stored* const of : {&sums, &first, &last}) of->values.push_back(0);
      continue;
    }
    const std::vector<float> values = zoo_values(key, shape, ZooStream(seed, k), gain);
    double sum = 0, sizes = 0;
    for (const float v : values) {
      sum += static_cast<double>(v);
      sizes += std::abs(static_cast<double>(v));
    }
    largest_sum = std::max(largest_sum, sizes);
    sums.values.push_back(sum);
    first.values.push_back(static_cast<double>(values.front()));
    last.values.push_back(static_cast<double>(values.back()));
    state.emplace(key, raw_of(values, shape));
  }
  reference.expect("weights.sum", sums, 1e-12, largest_sum);
  reference.expect("weights.first", first, 0);
  reference.expect("weights.last", last, 0);
  return state;
}

/// Images (N,C,H,W): noise on a board of 16x16 fields.
Stored zoo_input(std::uint64_t seed, const std::vector<Index>& shape) {
  const ZooStream v(seed, 1000003);
  Stored x{shape, {}};
  Index i = 0;
  for (Index n = 0; n < shape[0]; ++n)
    for (Index c = 0; c < shape[1]; ++c)
      for (Index h = 0; h < shape[2]; ++h)
        for (Index w = 0; w < shape[3]; ++w)
          x.values.push_back(static_cast<double>(
              static_cast<float>(0.5 * v(i++) + ((h / 16 + w / 16 + c + n) % 2 == 0 ? 0.5 : -0.5))));
  return x;
}

/// Mean, deviation and the pixels won, of each class over the whole answer (N,C,H,W).
void expect_summary(ZooReference& reference, const std::string& run, const Stored& y, double tolerance) {
  const Index images = y.axis(0), classes = y.axis(1), pixels = y.axis(2) * y.axis(3);
  Stored mean{{images, classes}, {}}, deviation = mean, won = mean;
  won.values.assign(static_cast<std::size_t>(images * classes), 0);
  double largest = 0;
  for (Index n = 0; n < images; ++n) {
    const double* const image = y.values.data() + n * classes * pixels;
    for (Index c = 0; c < classes; ++c) {
      double sum = 0, squares = 0;
      for (Index p = 0; p < pixels; ++p) sum += image[c * pixels + p];
      const double m = sum / static_cast<double>(pixels);
      for (Index p = 0; p < pixels; ++p) {
        squares += (image[c * pixels + p] - m) * (image[c * pixels + p] - m);
        largest = std::max(largest, std::abs(image[c * pixels + p]));
      }
      mean.values.push_back(m);
      deviation.values.push_back(std::sqrt(squares / static_cast<double>(pixels)));
    }
    for (Index p = 0; p < pixels; ++p) {
      Index best = 0;
      for (Index c = 1; c < classes; ++c)
        if (image[c * pixels + p] > image[best * pixels + p]) best = c;
      won.values[static_cast<std::size_t>(n * classes + best)] += 1;
    }
  }
  reference.expect(run + ".mean", mean, tolerance, largest);
  reference.expect(run + ".std", deviation, tolerance, largest);
  // Where two classes nearly tie, rounding decides.
  const double near_ties = 3 + 1e-4 * static_cast<double>(pixels);
  reference.expect(run + ".argmax_count", won, 1, near_ties);
}

}  // namespace

void check_zoo_full(ZooReference& reference) {
  const auto keys = reference.json("sorted_keys").get<std::vector<std::string>>();
  const auto stored_shapes = reference.json("shapes").get<std::vector<std::vector<Index>>>();
  ZooNetwork<float> network = make_zoo_network<float>(reference, keys);
  const auto shapes = published_shapes(network.model, network.names);
  std::map<std::string, std::vector<Index>> expected;
  for (std::size_t i = 0; i < keys.size(); ++i) expected.emplace(keys[i], stored_shapes.at(i));
  reference.expect_that(shapes == expected, "sorted_keys", "names or shapes of the checkpoint differ");
  paser::io::load_published(network.model, zoo_weights(reference, expected), network.names);

  int number = 0;
  for (const auto& run : reference.json("runs")) {
    const std::string name = "run" + std::to_string(++number);
    const Stored input =
        zoo_input(run.at("input_seed").get<std::uint64_t>(), run.at("input").get<std::vector<Index>>());
    Stored head{{8}, {}};
    for (std::size_t i = 0; i < 8 && i < input.values.size(); ++i) head.values.push_back(input.values[i]);
    reference.expect(name + ".input_head", head, 0);
    const auto y = infer(network.model, to_tensor<float, 4>(axis_to_last(input, 1)));
    const double tolerance = reference.tolerance(name);
    reference.expect_image(name + ".logits", from_tensor(y), tolerance, run.at("step").get<Index>());
    expect_summary(reference, name, axis_from_last(from_tensor(y), 1), tolerance);
  }
}

}  // namespace fixtures
