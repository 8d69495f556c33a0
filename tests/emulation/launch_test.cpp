// The checked launch: what it says when CUDA refuses.
#include "emulation/device_test.h"
#include "kernels/coupling.h"
#include "kernels/gate.h"

namespace fluvox::kernels {
namespace {

using Launch = DeviceTest;

// Never runs: CUDA takes no more than 1024 threads to a block, and no device has this much shared
// memory.
void never(int) { FAIL(); }

TEST_F(Launch, NamesKernelShapesAndDevice) {
  const Status status =
      launch({"never", 3, 4096}, nullptr, {{"rows", 17}, {"channels", 256}}, never, 1);
  ASSERT_FALSE(status.ok());
  const std::string message = status.message;
  for (const char* part :
       {"never", "rows 17", "channels 256", "3 blocks of 4096 threads", "device 0"})
    EXPECT_NE(message.find(part), std::string::npos) << part << " is missing in: " << message;
}

TEST_F(Launch, RefusesMoreBlocksThanAGridHolds) {
  const Status status = launch({"never", std::ptrdiff_t{1} << 31, 32}, nullptr, {}, never, 1);
  EXPECT_NE(std::string(status.message).find("cudaErrorInvalidConfiguration"), std::string::npos)
      << status.message;
}

TEST_F(Launch, ARefusalDoesNotStickToTheNextLaunch) {
  EXPECT_FALSE(launch({"never", 1, 4096}, nullptr, {}, never, 1).ok());
  DeviceArray<float> a(std::vector<float>{1, 2}), y(1);
  const Status status = gate_cuda(1, 1, a.data(), 2, nullptr, 0, y.data(), 1, nullptr);
  EXPECT_TRUE(status.ok()) << status.message;
}

TEST_F(Launch, PointsToTheSwitchUnlessItIsOn) {
  const bool before = synchronous_launches;
  for (const bool on : {false, true}) {
    synchronous_launches = on;
    const Status status = launch({"never", 1, 4096}, nullptr, {}, never, 1);
    EXPECT_EQ(std::string(status.message).find("FLUVOX_CUDA_SYNC") == std::string::npos, on);
  }
  synchronous_launches = before;
}

TEST_F(Launch, NothingToDoIsWell) {
  EXPECT_TRUE(launch({"never", 0, 4096}, nullptr, {}, never, 1).ok());
}

TEST_F(Launch, ALongMessageIsCutNotOverrun) {
  const std::string name(1000, 'k');
  const Status status = launch({name.c_str(), 1, 4096}, nullptr, {{"rows", 1}}, never, 1);
  EXPECT_EQ(std::strlen(status.message), sizeof status.message - 1);
}

}  // namespace
}  // namespace fluvox::kernels
