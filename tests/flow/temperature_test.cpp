#include "flow/temperature.h"

#include <gtest/gtest.h>

namespace fluvox::flow {
namespace {

std::vector<double> of(const Spec& spec, double sigma, int channels) {
  const Temperature temperature = temperature_of(spec, sigma, channels);
  std::vector<double> all;
  for (int c = 0; c < channels; ++c) all.push_back(temperature.of(c));
  return all;
}

TEST(Temperature, IsOneForAllWhereTheMelSeesAll) {
  EXPECT_EQ(of({.sigma = 0.8}, 0.5, 3), (std::vector{0.5, 0.5, 0.5}));
  EXPECT_EQ(of({.sigma = 0}, 0.5, 2), (std::vector{0.5, 0.5}));
}

TEST(Temperature, IsFullAtTheModelsOwnWhereTheMelSeesNothing) {
  const Spec spec{.sigma = 0.8, .unseen = 2};
  EXPECT_EQ(of(spec, 0.8, 4), (std::vector{0.8, 0.8, 1.0, 1.0}));
  EXPECT_EQ(of(spec, 0.4, 4), (std::vector{0.4, 0.4, 0.5, 0.5}));
  EXPECT_EQ(of(spec, 1, 4), (std::vector{1.0, 1.0, 1.0, 1.0}));  // the density itself
  EXPECT_EQ(of(spec, 0, 4), (std::vector{0.0, 0.0, 0.0, 0.0}));
}

}  // namespace
}  // namespace fluvox::flow
