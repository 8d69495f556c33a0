# What a GPU is tested and measured with (FLUVOX_LAB): the kernels, the operators and the LibTorch bodies, their
# tests, and the programs that tools/bench/gpu runs, all in the folder lab. Nothing of sound, pictures or commands is needed to build it,
# and but for LibTorch the programs need no more than the C++ library where they run.
enable_testing()
find_package(GTest REQUIRED)
include(GoogleTest)
fluvox_test(kernels DEPENDS fluvox_kernels fluvox_core)
if(FLUVOX_TRAINING)
  fluvox_test(ops DEPENDS fluvox_kernels fluvox_core fluvox_ops)
endif()
fluvox_gpu_tests()
