#include "families.hpp"
#include "networks.hpp"
#include "paser/ops/cross_entropy.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Tensor;

/// Masks stored with the case, one for each dropout in forward order.
paser::MaskSource<float> stored_masks(const Case& c) {
  return [&c, sites = c.texts("dropout_sites")](int call, const paser::Shape<4>& shape) {
    const auto mask = c.image("mask/" + sites.at(static_cast<std::size_t>(call)));
    paser::check(mask.shape() == shape, "fixture", "the mask of ", sites[static_cast<std::size_t>(call)], " is ",
                 mask.shape(), ", the network asks for ", shape);
    return mask;
  };
}

/// The weights: stored with the case that `weights_from` names, or in closed form.
void load_weights(const Case& c, NamedSegmenter& network) {
  const Case source = c.other(c.text("weights_from"));
  if (source.text("init") == "stored") {
    paser::io::load_torch_state_dict(network.model, stored_state(source, "param/"), network.names);
  } else {
    load_closed_form(network.model, network.names, static_cast<std::uint32_t>(source.integer("seed")));
  }
}

void set_dropout(const Case& c, const NamedSegmenter& network, paser::TapeContext<float>& ctx) {
  const std::string kind = c.text("dropout", "off");
  ctx.mode.dropout = kind != "off";
  if (kind == "off") return;
  const auto sites = c.texts("dropout_sites");
  paser::check<paser::FormatError>(sites == network.dropout_sites, "fixture", "the sites of dropout are not those of ",
                                   c.text("arch"));
  if (kind == "given") {
    ctx.masks = stored_masks(c);
  } else if (kind == "hash") {
    ctx.masks = closed_form_masks(c.text("mask_tag"), static_cast<std::uint32_t>(c.integer("mask_seed")),
                                  c.number("drop_rate"), sites);
  } else {
    throw paser::FormatError("fixture: dropout is '" + kind + "', expected off, given or hash");
  }
}

void check_unet(Case& c) {
  auto network = make_unet(c.text("arch"), c.integer("n_channels"), c.integer("n_classes"), c.flag("bilinear"),
                           c.number("drop_rate"));
  load_weights(c, network);
  if (c.has("params"))
    c.expect_that(paser::nn::count_parameters(network.model) == c.integer("params"), "params",
                  paser::message("the network has ", paser::nn::count_parameters(network.model),
                                 " parameters, expected ", c.integer("params")));

  paser::TapeContext<float> ctx(paser::run::inference);
  set_dropout(c, network, ctx);
  const auto image = ctx.tape().variable(c.image("input"));
  const auto logits = network.model(ctx, image);
  c.expect_image("logits", logits.value());

  paser::Tape<float> of_loss;
  const auto leaf = of_loss.variable(logits.value());
  const paser::CrossEntropyOptions mean_of_pixels{.class_weight = class_weight(c),
                                                  .normalizer = paser::Normalizer::pixels};
  const auto loss = paser::cross_entropy(leaf, c.labels("labels"), mean_of_pixels);
  c.expect("loss", loss.value());
  of_loss.backward(loss, Tensor<float, 1>::full({1}, 1));
  const auto grad_logits = of_loss.gradient(leaf);
  c.expect_image("grad_logits", grad_logits);

  const auto gradients = ctx.backward(logits, grad_logits);
  c.expect_image("grad_input", ctx.tape().gradient(image));
  expect_gradients(c, torch_gradients(network.model, gradients, network.names));
}

}  // namespace

void add_models(Registry& checks) {
  checks["unet"] = check_unet;
}

}  // namespace fixtures
