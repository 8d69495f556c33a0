// The most memory that LibTorch's CPU tensors take at once while a task runs, beyond what they took
// before it.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <functional>
#include <memory>

namespace fluvox::support {

class TensorMemory : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t size, size_t, size_t, c10::Device) override {
    now_ += size;
    peak_ = std::max(peak_, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }

  static int64_t peak_of(const std::function<void()>& task) {
    const auto counted = std::make_shared<TensorMemory>();
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counted);
    task();
    return counted->peak_;
  }

 private:
  int64_t now_ = 0, peak_ = 0;
};

}  // namespace fluvox::support
