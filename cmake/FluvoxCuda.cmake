# The GPU twins, kernels/*_cuda.cu. Where nvcc is found they are compiled; with or without it the
# same sources run on the CPU in tests/emulation. fluvox_gpu is what the program fluvox links: the kernels and
# their use, with CUDA's runtime inside it, so that it also runs where there is no driver; or, without nvcc, the
# sentence that says so.
file(GLOB FLUVOX_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*_cuda.cu)

if(FLUVOX_CUDA)
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    find_program(FLUVOX_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
    if(FLUVOX_NVCC)
      set(CMAKE_CUDA_COMPILER ${FLUVOX_NVCC})
    endif()
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # 90: machine code, and PTX for what comes after
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    if(FLUVOX_CCACHE)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${FLUVOX_CCACHE})
    endif()
    add_library(fluvox_kernels_cuda OBJECT ${FLUVOX_CUDA_SOURCES})
    target_include_directories(fluvox_kernels_cuda PRIVATE ${PROJECT_SOURCE_DIR})
    set_target_properties(fluvox_kernels_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON CUDA_EXTENSIONS ON)
    # CMake 3.25 does not know C++20 for CUDA (and names C++17 itself, unless extensions are on, its
    # default). As on the CPU, nothing is fused but what the sources say.
    target_compile_options(fluvox_kernels_cuda PRIVATE -std=c++20 --fmad=false
                           -Xcompiler=-Wall,-Wextra,-Wshadow,-ffp-contract=off)
    if(FLUVOX_PTXAS)  # tools/bench/ptxas makes a table of it
      target_compile_options(fluvox_kernels_cuda PRIVATE -Xptxas=-v)
    endif()
    if(FLUVOX_WERROR)
      target_compile_options(fluvox_kernels_cuda PRIVATE --Werror=all-warnings)
    endif()
    message(STATUS "CUDA: kernels are compiled by ${CMAKE_CUDA_COMPILER}")
  else()
    message(STATUS "CUDA: nvcc not found, kernels/*.cu are not compiled (they run in tests/emulation)")
  endif()
endif()

if(TARGET fluvox_kernels_cuda)
  set(fluvox_gpu fluvox_cuda fluvox_kernels_cuda CUDA::cudart_static)
else()
  fluvox_library(cuda_absent SOURCES ${PROJECT_SOURCE_DIR}/src/cuda/absent.cpp
                 ${PROJECT_SOURCE_DIR}/src/cuda/device.cpp DEPENDS fluvox_flow)
  set(fluvox_gpu fluvox_cuda_absent)
endif()

# Rendering on the CPU or a GPU, timed: run by tools/bench/gpu. Of the commands the measuring alone, and of audio/
# the rounding, so it needs no more than the C++ library.
add_executable(fluvox-rendering EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tools/bench/rendering.cpp
               ${PROJECT_SOURCE_DIR}/src/cli/bench_model.cpp ${PROJECT_SOURCE_DIR}/src/cli/processor.cpp
               ${PROJECT_SOURCE_DIR}/src/audio/encoding.cpp)
target_link_libraries(fluvox-rendering PRIVATE fluvox_kernels fluvox_core fluvox_mel fluvox_net fluvox_flow
                      fluvox_runtime fluvox_models ${fluvox_gpu})

# fluvox_emulate(target): adds the .cu sources to a test program as C++, for the CPU.
function(fluvox_emulate target)
  target_sources(${target} PRIVATE ${FLUVOX_CUDA_SOURCES})
  set_source_files_properties(${FLUVOX_CUDA_SOURCES} PROPERTIES LANGUAGE CXX)
  target_compile_definitions(${target} PRIVATE FLUVOX_EMULATION)
endfunction()

# fluvox_gpu_tests(): the tests of tests/emulation on a real GPU, as test_gpu, those of the operators, as
# test_ops_gpu, and those of the trainer, as test_train_gpu, with the ctest label gpu; the target gpu_tests builds
# them. Each case skips with the reason where there is no GPU.
function(fluvox_gpu_tests)
  add_custom_target(gpu_tests)
  if(NOT TARGET fluvox_kernels_cuda)
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/emulation/*_test.cpp)
  list(FILTER sources EXCLUDE REGEX "/emulation_(mma_)?test\\.cpp$")
  fluvox_test(gpu LABEL gpu SOURCES ${sources} DEPENDS fluvox_kernels fluvox_core fluvox_mel fluvox_net fluvox_flow
              fluvox_runtime fluvox_api fluvox_models ${fluvox_gpu})
  target_sources(test_gpu PRIVATE ${PROJECT_SOURCE_DIR}/src/audio/encoding.cpp)
  add_dependencies(gpu_tests test_gpu)
  if(TARGET fluvox_ops_cuda)
    fluvox_test(ops_gpu LABEL gpu DEPENDS fluvox_kernels fluvox_core fluvox_ops ${fluvox_torch_gpu})
    add_dependencies(gpu_tests test_ops_gpu)
  endif()
  if(TARGET fluvox_ops_cuda AND TARGET fluvox_train)
    fluvox_test(train_gpu LABEL gpu DEPENDS ${runtime_test_links} fluvox_ops fluvox_torch fluvox_train
                ${fluvox_torch_gpu})
    add_dependencies(gpu_tests test_train_gpu)
  endif()
endfunction()
