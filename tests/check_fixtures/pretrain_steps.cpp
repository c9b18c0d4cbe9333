#include "families.hpp"
#include "networks.hpp"
#include "paser/pipeline/pretrain.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Tensor;

constexpr Index whole_batch = Index{1} << 30;

/// Every `down`-th row and `right`-th column.
Tensor<float, 4> sampled(const Tensor<float, 4>& x, Index down, Index right) {
  const auto& s = x.shape();
  Tensor<float, 4> result({s.n(), (s.h() + down - 1) / down, (s.w() + right - 1) / right, s.c()});
  float* out = result.mutable_data();
  for (Index n = 0; n < s.n(); ++n)
    for (Index h = 0; h < s.h(); h += down)
      for (Index w = 0; w < s.w(); w += right)
        for (Index c = 0; c < s.c(); ++c) *out++ = x(n, h, w, c);
  return result;
}

paser::pipeline::PretrainOptions<float> options_of(const Case& c) {
  paser::check<paser::FormatError>(c.text("optimizer", "adam") == "adam", "fixture", "stages use Adam, not ",
                                   c.text("optimizer"));
  // A student learns from whole images, whatever the teacher sees.
  const Index side = c.text("kind") == "patches" ? c.integer("patches") : 1;
  const Index teacher_side = c.integer("teacher_patches", 1);
  paser::pipeline::PretrainOptions<float> options;
  options.learning_rate = c.number("lr");
  options.grid = {side, side};
  options.teacher_grid = {teacher_side, teacher_side};
  options.supervised.class_weights = class_weight(c);
  options.supervised.micro_batch = whole_batch;
  if (c.text("kind") == "distill") {
    const std::string kd = c.text("kd");
    paser::check<paser::FormatError>(kd == "mse" || kd == "kl", "fixture", "kd is '", kd, "', expected mse or kl");
    auto& spec = options.supervised.distillation.emplace();
    spec.alpha = c.number("alpha_kd");
    if (kd == "kl") {
      spec.kind = paser::DistillationOptions::Kind::kl;
      spec.temperature = c.number("temperature");
    }
  } else {
    paser::check<paser::FormatError>(c.text("kind") == "full" || c.text("kind") == "patches", "fixture", "kind is '",
                                     c.text("kind"), "', expected full, patches or distill");
  }
  return options;
}

void check_pretrain_steps(Case& c) {
  const auto images = c.image("image");
  const auto labels = c.labels("labels");
  const double drop_rate = c.number("drop_rate");
  const bool bilinear = c.flag("bilinear", true);
  const Index classes = c.integer("n_classes", c.stored("logits_after_sample").axis(1));
  const auto seed = static_cast<std::uint32_t>(c.integer("seed"));
  auto student = make_unet(c.text("arch"), images.shape().c(), classes, bilinear, drop_rate);
  load_closed_form(student.model, student.names, seed);
  auto teacher = student;
  auto options = options_of(c);
  if (options.supervised.distillation) {
    teacher = make_unet(c.text("teacher_arch"), images.shape().c(), classes, bilinear, drop_rate);
    load_closed_form(teacher.model, teacher.names, static_cast<std::uint32_t>(c.integer("teacher_seed")));
  }

  const auto tags = c.texts("mask_tags");
  const auto sites = c.texts("dropout_sites");
  c.expect_that(sites == student.dropout_sites, "dropout_sites", "are not those of the network");
  paser::ImageIds ids;
  for (Index n = 0; n < images.shape().n(); ++n) ids.push_back(static_cast<std::uint64_t>(n));
  paser::optim::Adam<float> adam({.learning_rate = options.learning_rate});
  std::vector<double> loss, cross_entropy, distillation;
  for (std::size_t step = 0; step < static_cast<std::size_t>(c.integer("steps")); ++step) {
    options.supervised.masks = closed_form_masks(tags.at(step), seed, drop_rate, sites);
    const auto result = paser::pipeline::supervised_step(student.model, adam, images, labels, ids, paser::Key{},
                                                         options, &teacher.model);
    loss.push_back(result.loss);
    cross_entropy.push_back(result.cross_entropy);
    distillation.push_back(result.distillation);
    if (step == 0)
      expect_gradients(c, torch_gradients(student.model, result.gradients, student.names), "", "grad_step0/");
  }
  c.expect_numbers("loss", loss);
  c.expect_numbers("loss_ce", cross_entropy);
  c.expect_numbers("loss_kd", distillation);
  expect_parameters(c, student.model, student.names);
  const auto logits = paser::pipeline::predict_logits(student.model, images, whole_batch);
  c.expect_image("logits_after_sample", sampled(logits, 5, 7));
}

}  // namespace

void add_pretrain_steps(Registry& checks) {
  checks["pretrain_steps"] = check_pretrain_steps;
}

}  // namespace fixtures
