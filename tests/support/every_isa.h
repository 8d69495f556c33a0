// A fixture that runs a test with each instruction set: TEST_P(MyKernel, ...) after
//   using MyKernel = EveryIsa;
//   FLUVOX_EVERY_ISA(MyKernel);
// Those that this machine lacks are skipped.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "kernels/isa.h"

namespace fluvox::kernels {

inline constexpr Isa kEveryIsa[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx};

class EveryIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!isa_available(GetParam())) GTEST_SKIP() << "this machine has no " << isa_name(GetParam());
    ASSERT_TRUE(set_isa(GetParam()));
  }
  void TearDown() override { set_isa(before_); }

  // what body() makes with the plain twin
  template <class Body>
  auto plainly(const Body& body) {
    set_isa(Isa::scalar);
    auto result = body();
    set_isa(GetParam());
    return result;
  }

 private:
  Isa before_ = isa();
};

#define FLUVOX_EVERY_ISA(fixture)                                       \
  INSTANTIATE_TEST_SUITE_P(Isas, fixture, testing::ValuesIn(kEveryIsa), \
                           [](const auto& tested) { return std::string(isa_name(tested.param)); })

}  // namespace fluvox::kernels
