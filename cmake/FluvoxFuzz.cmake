# One libFuzzer program for each target of tests/fuzz, with the layers that it needs (tools/fuzz).
if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
  message(FATAL_ERROR "FLUVOX_FUZZ: expected clang, which brings libFuzzer, found ${CMAKE_CXX_COMPILER_ID}; "
                      "configure with -DCMAKE_CXX_COMPILER=clang++, as tools/fuzz does")
endif()

function(fluvox_fuzz name)
  add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/driver.cpp
                 ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cpp)
  target_link_libraries(fuzz_${name} PRIVATE fluvox_options ${ARGN})
  target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(fuzz_${name} PRIVATE FLUVOX_FUZZ_TARGET=${name})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz fuzz_${name})
endfunction()

add_custom_target(fuzz)
set(sound_layers fluvox_audio PkgConfig::sndfile PkgConfig::soxr PkgConfig::portaudio)
set(model_layers fluvox_models fluvox_flow fluvox_net fluvox_kernels fluvox_mel fluvox_core)
fluvox_fuzz(toml fluvox_core)
fluvox_fuzz(json fluvox_mel fluvox_core)
fluvox_fuzz(npy fluvox_mel fluvox_core)
fluvox_fuzz(sound ${sound_layers} fluvox_core)
fluvox_fuzz(safetensors fluvox_flow fluvox_net fluvox_kernels fluvox_core)
fluvox_fuzz(pickle fluvox_import ${model_layers})
fluvox_fuzz(torch fluvox_import ${model_layers})
fluvox_fuzz(spec fluvox_runtime ${sound_layers} ${model_layers})
fluvox_fuzz(request fluvox_runtime ${sound_layers} ${model_layers})
