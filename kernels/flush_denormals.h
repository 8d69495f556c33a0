// While it lives, this thread's SSE and AVX arithmetic takes numbers below 2^-126 as zero, going in
// and coming out. Floating-point modes are a thread's own, so nobody else notices.
#pragma once

#include <immintrin.h>

namespace fluvox::kernels {
namespace {

class FlushDenormals {
 public:
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }  // FTZ and DAZ
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned before_;
};

}  // namespace
}  // namespace fluvox::kernels
