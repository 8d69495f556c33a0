#include "kernels/mma_product.h"

namespace fluvox::kernels {

template <class T>
void mma_product_cpu(const MmaProduct<T>& product, const float* w, const Span* spans,
                     int span_count) {
  for (const Span* span = spans; span < spans + span_count; ++span)
    for (std::ptrdiff_t t = span->begin; t < span->end; ++t)
      for (int o = 0; o < product.outputs; ++o) {
        double sum = product.bias != nullptr ? product.bias[o] : 0;
        if (product.before != nullptr)
          sum += double{product.keep} * product.before[t * product.before_stride + o];
        const float* column = w + o;
        for (int s = 0; s < product.segments.count; ++s) {
          const MmaSegment<T>& segment = product.segments.at[s];
          const std::ptrdiff_t row = t + segment.offset;
          for (int i = 0; i < segment.inputs; ++i, column += product.outputs)
            if (row >= span->from && row < span->to)
              sum += double{to_float(segment.x[row * segment.stride + i])} * *column;
        }
        if (product.relu && sum < 0) sum = 0;
        if (product.y != nullptr) product.y[t * product.y_stride + o] = static_cast<float>(sum);
        if (product.rounded != nullptr)
          product.rounded[t * product.rounded_stride + o] =
              stored<T>(static_cast<float>(sum * product.rounded_scale));
      }
}

#define FLUVOX_MMA_PRODUCT(T) \
  template void mma_product_cpu<T>(const MmaProduct<T>&, const float*, const Span*, int);
FLUVOX_MMA_PRODUCT(Bf16)
FLUVOX_MMA_PRODUCT(Half)
FLUVOX_MMA_PRODUCT(float)
#undef FLUVOX_MMA_PRODUCT

}  // namespace fluvox::kernels
