#include "net/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/error.h"
#include "support/throws.h"

namespace fluvox::net {
namespace {

using support::thrown_by;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Tensors some_tensors() {
  Tensors tensors;
  tensors["steps.3.net.start.bias"] = HostTensor::of({1, 2}, {2});
  tensors["steps.3.weight"] = HostTensor::of({1, 2, 3, 4, 5, 6}, {2, 3});
  tensors["half"] = {DType::bf16, {1}, {std::byte{0x80}, std::byte{0x3f}}};
  return tensors;
}

TEST(Weights, TakesByPathAndShape) {
  const Tensors tensors = some_tensors();
  Weights weights(tensors);
  Weights step = weights.in("steps.3");
  Weights net = step.in("net");
  EXPECT_EQ(net.path("start.bias"), "steps.3.net.start.bias");
  EXPECT_EQ(weights.path("half"), "half");
  EXPECT_THAT(net.take("start.bias", {2}), ElementsAre(1, 2));
  EXPECT_THAT(step.take("weight", {2, 3}), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(weights.take("half", {1}), ElementsAre(1));
  EXPECT_NO_THROW(weights.refuse_leftovers());
}

TEST(Weights, AbsentOrOfAnotherShape) {
  const Tensors tensors = some_tensors();
  Weights step = Weights(tensors).in("steps.3");
  const Error missing = thrown_by([&] { step.take("weights", {2, 3}); });
  EXPECT_EQ(missing.code(), "weights-missing");
  EXPECT_EQ(missing.fault(), Fault::input);
  EXPECT_THAT(missing.what(), AllOf(HasSubstr("\"steps.3.weights\""), HasSubstr("[2, 3]")));
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{3, 2}, {6}, {2, 3, 1}, {}}) {
    const Error error = thrown_by([&] { step.take("weight", shape); });
    EXPECT_EQ(error.code(), "weights-shape");
    EXPECT_THAT(error.what(), AllOf(HasSubstr("\"steps.3.weight\""), HasSubstr("found [2, 3]"),
                                    HasSubstr("expected the shape " + describe_shape(shape))));
  }
}

TEST(Weights, OnlyFiniteFloats) {
  using Limits = std::numeric_limits<float>;
  for (const float bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
    const Tensors tensors{{"w", HostTensor::of({0, Limits::max(), bad, 1}, {4})}};
    const Error error = thrown_by([&] { Weights(tensors).take("w", {4}); });
    EXPECT_EQ(error.code(), "weights-not-finite");
    EXPECT_THAT(error.what(), AllOf(HasSubstr("\"w\""), HasSubstr("index 2")));
  }
  const Tensors whole{{"w", {DType::i32, {1}, std::vector<std::byte>(4)}}};
  const Error error = thrown_by([&] { Weights(whole).take("w", {1}); });
  EXPECT_EQ(error.code(), "weights-type");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("\"w\""), HasSubstr("I32")));
}

TEST(Weights, LeftoversAreNamed) {
  const Tensors tensors = some_tensors();
  Weights weights(tensors);
  weights.in("steps.3").take("weight", {2, 3});
  const Error error = thrown_by([&] { weights.refuse_leftovers(); });
  EXPECT_EQ(error.code(), "weights-unknown");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("\"half\", \"steps.3.net.start.bias\""),
                                  Not(HasSubstr("steps.3.weight"))));

  // A refused tensor has not been taken.
  EXPECT_ANY_THROW(weights.take("half", {2}));
  EXPECT_THAT(thrown_by([&] { weights.refuse_leftovers(); }).what(), HasSubstr("\"half\""));

  Tensors many;
  for (int i = 0; i < 12; ++i) many[text("extra.", 10 + i)] = HostTensor::of({0}, {1});
  EXPECT_THAT(thrown_by([&] { Weights(many).refuse_leftovers(); }).what(),
              AllOf(HasSubstr("\"extra.14\" and 7 more"), Not(HasSubstr("extra.15"))));
}

}  // namespace
}  // namespace fluvox::net
