#include "kernels/mma_outer.h"

namespace fluvox::kernels {

template <class T>
void mma_outer_cpu(const MmaOuter<T>& outer, const Span* spans, int span_count, float* result) {
  for (int i = 0; i <= outer.inputs; ++i)
    for (int o = 0; o < outer.outputs; ++o) {
      double sum = 0;
      for (const Span* span = spans; span < spans + span_count; ++span)
        for (std::ptrdiff_t t = span->begin; t < span->end; ++t) {
          const std::ptrdiff_t row = t + outer.offset;
          const double d = to_float(outer.d[t * outer.d_stride + o]);
          if (i == outer.inputs)
            sum += d;
          else if (row >= span->from && row < span->to)
            sum += double{to_float(outer.x[row * outer.x_stride + i])} * d;
        }
      *result++ = static_cast<float>(sum);
    }
}

#define FLUVOX_MMA_OUTER(T) \
  template void mma_outer_cpu<T>(const MmaOuter<T>&, const Span*, int, float*);
FLUVOX_MMA_OUTER(Bf16)
FLUVOX_MMA_OUTER(Half)
FLUVOX_MMA_OUTER(float)
#undef FLUVOX_MMA_OUTER

}  // namespace fluvox::kernels
