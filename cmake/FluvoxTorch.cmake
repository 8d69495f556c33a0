# LibTorch and what needs nothing else: the operators, and the LibTorch bodies of steps and nets.
find_package(LibTorch REQUIRED)

file(GLOB torch_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/net/*_torch.cpp
     ${PROJECT_SOURCE_DIR}/src/flow/*_torch.cpp)
fluvox_library(ops DEPENDS fluvox_core fluvox_kernels LibTorch::LibTorch)
fluvox_library(torch SOURCES ${torch_sources} DEPENDS fluvox_flow fluvox_ops LibTorch::LibTorch)
target_precompile_headers(fluvox_ops PRIVATE <torch/torch.h>)
target_precompile_headers(fluvox_torch REUSE_FROM fluvox_ops)

# The operators on a GPU. They register themselves in the programs that link them.
if(TARGET fluvox_kernels_cuda AND TARGET LibTorch::CUDA)
  fluvox_library(ops_cuda DIR ${PROJECT_SOURCE_DIR}/src/ops/cuda DEPENDS fluvox_ops LibTorch::CUDA CUDA::cudart)
  set(fluvox_torch_gpu fluvox_ops_cuda fluvox_kernels_cuda)
endif()

# A training step on the CPU or a GPU, timed: run by tools/bench/gpu.
add_executable(fluvox-training-step EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tools/bench/training_step.cpp)
target_link_libraries(fluvox-training-step PRIVATE fluvox_kernels fluvox_core fluvox_mel fluvox_net fluvox_flow
                      fluvox_models fluvox_ops fluvox_torch)
if(TARGET fluvox_ops_cuda)
  target_link_libraries(fluvox-training-step PRIVATE ${fluvox_torch_gpu})
  target_compile_definitions(fluvox-training-step PRIVATE FLUVOX_OPS_CUDA)
endif()
