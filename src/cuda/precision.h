#pragma once

namespace fluvox::cuda {

// What the nets are multiplied in; the sums, and all that lies between the nets, are float32.
enum class Precision { fp32, bf16, fp16 };

}  // namespace fluvox::cuda
