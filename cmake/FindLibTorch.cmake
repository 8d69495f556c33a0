# LibTorch from the folder of an installed `torch` (or an unpacked wheel), CPU side only:
#   -DLIBTORCH=/path/to/torch, or the environment variable LIBTORCH.
# Not find_package(Torch): the wheel's own config demands a CUDA toolkit even for CPU use.
set(LIBTORCH "$ENV{LIBTORCH}" CACHE PATH "folder of torch: holds include/ and lib/libtorch_cpu.so")
if(NOT LIBTORCH AND EXISTS ${PROJECT_SOURCE_DIR}/build/libtorch/torch)
  set(LIBTORCH ${PROJECT_SOURCE_DIR}/build/libtorch/torch)  # where tools/libtorch puts the one it fetches
endif()
find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h PATHS ${LIBTORCH}/include NO_DEFAULT_PATH)
find_library(LibTorch_CPU torch_cpu PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10 c10 PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_CPU LibTorch_C10 LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "set LIBTORCH to the torch folder (tools/test fetches one)")
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  # The wheel's libtorch_cpu.so needs libcudart and libcupti, which sit beside torch in their own packages.
  file(GLOB nvidia_libs ${LIBTORCH}/../nvidia/*/lib)
  set(LibTorch_LIBRARY_DIRS ${LIBTORCH}/lib ${nvidia_libs})
  add_library(LibTorch::C10 SHARED IMPORTED)
  set_target_properties(LibTorch::C10 PROPERTIES IMPORTED_LOCATION ${LibTorch_C10})
  add_library(LibTorch::LibTorch SHARED IMPORTED)
  set_target_properties(LibTorch::LibTorch PROPERTIES IMPORTED_LOCATION ${LibTorch_CPU})
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${LIBTORCH}/include
                             ${LIBTORCH}/include/torch/csrc/api/include)
  target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::C10)
  foreach(dir ${nvidia_libs})
    target_link_options(LibTorch::LibTorch INTERFACE -Wl,-rpath-link,${dir} -Wl,-rpath,${dir})
  endforeach()
  # The dependencies of libtorch_cpu.so are found by RPATH (not RUNPATH), which reaches them transitively.
  target_link_options(LibTorch::LibTorch INTERFACE -Wl,--disable-new-dtags)
endif()

# LibTorch::CUDA where the folder holds the CUDA side too, with the libraries that it needs in turn (cuDNN stands for
# them: wheels fetched without their dependencies lack it): for programs that register operators on a GPU.
file(GLOB cudnn ${LIBTORCH}/../nvidia/cudnn/lib/libcudnn.so* ${LIBTORCH}/lib/libcudnn.so*)
find_library(LibTorch_C10_CUDA c10_cuda PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
find_library(LibTorch_TORCH_CUDA torch_cuda PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH)
if(LibTorch_FOUND AND LibTorch_C10_CUDA AND LibTorch_TORCH_CUDA AND cudnn
   AND NOT TARGET LibTorch::CUDA AND EXISTS ${LibTorch_INCLUDE_DIR}/c10/cuda/CUDAStream.h)
  add_library(LibTorch::CUDA INTERFACE IMPORTED)
  # Nothing of ours names torch_cuda's symbols, yet it must be there for tensors on a GPU.
  target_link_libraries(LibTorch::CUDA INTERFACE LibTorch::LibTorch -Wl,--no-as-needed ${LibTorch_TORCH_CUDA}
                        ${LibTorch_C10_CUDA} -Wl,--as-needed)
endif()
