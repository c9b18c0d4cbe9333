#include "families.hpp"
#include "paser/data/noise.hpp"

namespace fixtures {

namespace {

using Images = paser::Tensor<std::uint8_t, 3>;

/// 8-bit images of rank 2 or 3, (H,W) being one image.
Images images_of(const Case& c, const std::string& role) {
  Stored s = c.stored(role);
  if (s.shape.size() == 2) s.shape.insert(s.shape.begin(), 1);
  return to_tensor<std::uint8_t, 3>(s);
}

void check_gaussian_blur(Case& c) {
  const double radius = c.number("radius");
  c.expect_that(c.integer("passes") == 3, "passes", "paser's Gaussian blur has 3 passes");
  const float box = paser::data::gaussian_box_radius(static_cast<float>(radius));
  c.expect_that(box == static_cast<float>(c.number("box_radius")), "box_radius",
                paser::message("got ", box, ", expected ", c.number("box_radius")));
  c.expect("output", paser::data::gaussian_blur(images_of(c, "image"), radius));
}

void check_box_blur(Case& c) {
  c.expect("output", paser::data::box_blur(images_of(c, "image"), c.number("radius")));
}

void check_ring_blur(Case& c) {
  c.expect("output", paser::data::ring_blur(images_of(c, "image")));
}

/// The rule applied to given draws.
void check_salt_pepper(Case& c) {
  Images image = images_of(c, "image");
  const auto &u1 = c.stored("u1").values, &u2 = c.stored("u2").values;
  std::uint8_t* pixel = image.mutable_data();
  for (std::size_t i = 0; i < u1.size(); ++i)
    pixel[i] = paser::data::salt_pepper(pixel[i], u1[i], u2[i], c.number("rate"));
  c.expect("output", image);
}

}  // namespace

void add_imaging(Registry& checks) {
  checks["gaussian_blur"] = check_gaussian_blur;
  checks["box_blur"] = check_box_blur;
  checks["blur_kernel_5x5"] = check_ring_blur;
  checks["salt_pepper"] = check_salt_pepper;
}

}  // namespace fixtures
