#pragma once

#include <ostream>

#include "paser/report/table.hpp"
#include "paser/report/text.hpp"
#include "segmentation/options.hpp"

/// What a training is about to do, for people, before it begins.
namespace segmentation {

namespace report = paser::report;

/// A network that will be trained by stage 1.
struct PlannedNetwork {
  std::string name;
  const paser::models::AnySegmenter<float>& network;
  pipeline::PretrainOptions<float> options;
  const paser::models::AnySegmenter<float>* teacher = nullptr;
};

/// Seconds of one step on a copy of the network: the quicker of two, since the first one makes what later ones find
/// made. None when it cannot be made; the training itself will say why.
inline std::optional<double> seconds_per_step(const PlannedNetwork& p, const Folder& images) {
  std::vector<Index> rows(static_cast<std::size_t>(std::min(images.size(), p.options.batch)));
  std::iota(rows.begin(), rows.end(), Index{0});
  try {
    auto network = p.network;
    paser::optim::Adam<float> adam({.learning_rate = p.options.learning_rate});
    adam.bind(network);
    const auto batch = images.rows(rows);
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 2; ++i) {
      const double start = report::monotonic_seconds();
      pipeline::supervised_step(network, adam, batch.images, batch.labels, batch.ids, Key{1}, p.options, p.teacher);
      least = std::min(least, report::monotonic_seconds() - start);
    }
    return least;
  } catch (const paser::Error&) {
    return std::nullopt;
  }
}

/// How stored values become numbers of 0 .. 1.
inline std::string scaling(const Config& c, const paser::data::FolderReport& images) {
  if (const auto range = value_range(c))
    return paser::message("stored values ", range->low, " .. ", range->high,
                          " become 0 .. 1, and what is outside becomes 0 or 1");
  return paser::message("no value range is given: stored values become shares of the files' full scale, here ",
                        report::fixed(static_cast<double>(images.darkest), 3), " .. ",
                        report::fixed(static_cast<double>(images.brightest), 3));
}

/// Images, classes, what is trained and how long that may take. `then`: what follows the networks. Warnings go to the
/// same stream.
inline void print_plan(std::ostream& out, const Config& c, const Data& data,
                       const std::vector<PlannedNetwork>& networks, const std::string& then) {
  const paser::data::FolderReport& images = data.varied(1).report();
  out << "Images    ";
  if (c.split == "thirds")
    out << data.varied(1).size() << " + " << data.varied(2).size() << " + " << data.varied(3).size()
        << " to train on, one part for each stage; ";
  else
    out << data.varied(1).size() << " to train on; ";
  out << data.validation().size()
      << (data.has_validation() ? " for validation" : " of the training images for validation") << "; "
      << (data.has_test() ? "the test images are read at the end"
                          : "there is no folder test_images, so the test will be on the validation images, "
                            "which have chosen the networks: it flatters them")
      << "\nSizes     " << data.height() << " x " << data.width() << " pixels, " << data.channels() << " channel"
      << (data.channels() == 1 ? "" : "s");
  for (const auto& [kind, count] : images.image_kinds) out << "; " << kind << ": " << count;
  out << "\nValues    " << scaling(c, images) << "\nClasses  ";
  for (Index k = 0; k < images.classes(); ++k)
    out << (k > 0 ? "," : "") << " " << paser::visible(images.class_names[static_cast<std::size_t>(k)]) << " "
        << report::fixed(100 * images.share(k), 1) << " %";
  out << "\n";
  double all = 0;
  bool known = true;
  for (const PlannedNetwork& p : networks) {
    const Index per_epoch = (data.varied(1).size() + p.options.batch - 1) / p.options.batch;
    const auto seconds = seconds_per_step(p, data.varied(1));
    const double stage = seconds.value_or(0) * static_cast<double>(per_epoch * p.options.epochs);
    out << "Train     " << p.name << ", " << paser::nn::count_parameters(p.network) << " parameters, "
        << p.options.epochs << " epochs of " << per_epoch << " steps"
        << (seconds ? ": about " + report::duration(stage) : std::string()) << "\n";
    all += stage;
    known = known && seconds;
  }
  if (c.part_images > 0)
    out << "Parts     gradients are added over parts of " << c.part_images
        << (c.part_images == 1 ? " image or patch" : " images or patches")
        << " of a batch, whatever the number of processes; part_images sets their size\n";
  if (!then.empty()) out << "Then      " << then << "\n";
  if (known)
    out << "Time      about " << report::duration(all) << " for the steps of the networks, by two steps of each just "
        << "measured; validation" << (then.empty() ? "" : " and what follows") << " comes on top\n";
  for (const std::string& warning : images.warnings) out << "warning: " << warning << "\n";
  out << std::flush;
}

}  // namespace segmentation
