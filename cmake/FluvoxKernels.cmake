# Each instruction set has its own translation units; which ones run is decided at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  function(fluvox_kernels_for isa)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/kernels/*_${isa}.cpp)
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "${ARGN}")
  endfunction()
  # g++ 12 warns of the undefined registers in its own AVX-512 header (its bug 105593).
  # With sanitizers it is sure of it.
  set(quiet "$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized>")
  fluvox_kernels_for(avx2 -mavx2 -mfma)
  fluvox_kernels_for(avx512 -mavx512f -mavx2 -mfma ${quiet})
  fluvox_kernels_for(avx512bf16 -mavx512bf16 -mavx512f -mavx2 -mfma ${quiet})
  fluvox_kernels_for(amx -mamx-tile -mamx-bf16 -mavx512f -mavx2 -mfma ${quiet})
endif()
