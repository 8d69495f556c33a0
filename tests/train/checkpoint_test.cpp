#include "train/checkpoint.h"

#include <gtest/gtest.h>

#include "core/log.h"
#include "flow/safetensors.h"
#include "support/temp_folder.h"
#include "support/throws.h"

namespace fluvox::train {
namespace {

using support::spill;

Checkpoint at_step(int64_t step) {
  Checkpoint made;
  made.step = step;
  made.settings = {{"steps", 9}};
  made.spec = {{"steps", Json::array()}};
  made.tensors["weights/a"] = HostTensor::of({1, -2, static_cast<float>(step)}, {3});
  return made;
}

class DamagedCheckpoint : public testing::Test {
 protected:
  DamagedCheckpoint() {
    set_log_level(Level::error);
    for (const int64_t step : {1, 2}) write_checkpoint(folder_.path(), at_step(step), 2);
    newest_ = folder_ / "checkpoint-000000000002.safetensors";
    whole_ = support::slurp(newest_);
  }
  ~DamagedCheckpoint() override { set_log_level(Level::info); }

  support::TempFolder folder_;
  std::string newest_, whole_;
};

TEST_F(DamagedCheckpoint, AFlippedBitAnywhereIsRefusedOrChangesNothing) {
  int refused = 0;
  for (size_t i = 0; i < whole_.size(); ++i) {
    std::string bad = whole_;
    bad[i] = static_cast<char>(bad[i] ^ 1 << i % 8);
    spill(newest_, bad);
    const Checkpoint found = newest_checkpoint(folder_.path());
    refused += found.step == 1;
    const Checkpoint right = at_step(found.step);
    ASSERT_TRUE(found.step == 1 || found.step == 2) << i;
    EXPECT_EQ(found.tensors, right.tensors) << i;
    EXPECT_EQ(found.spec, right.spec) << i;
    EXPECT_EQ(found.settings, right.settings) << i;
  }
  EXPECT_GT(refused, static_cast<int>(whole_.size()) * 9 / 10);
}

TEST_F(DamagedCheckpoint, EveryTruncationIsPassedOver) {
  for (size_t size = 0; size < whole_.size(); ++size) {
    spill(newest_, whole_.substr(0, size));
    EXPECT_EQ(newest_checkpoint(folder_.path()).step, 1) << size;
  }
}

// A hash that is right says that nothing was damaged, not that a trainer wrote it.
TEST_F(DamagedCheckpoint, WhatLacksAFieldIsNone) {
  for (const char* json : {"[]", "{}", R"({"step": "x"})", "no json"}) {
    flow::write_safetensors(
        newest_, {}, {{"fluvox.checkpoint", json}, {"sha256", flow::hash_content(json, {})}});
    EXPECT_EQ(support::thrown_by([&] { read_checkpoint(newest_); }).code(), "checkpoint-invalid");
    EXPECT_EQ(newest_checkpoint(folder_.path()).step, 1);
  }
}

}  // namespace
}  // namespace fluvox::train
