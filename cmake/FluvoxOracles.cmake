# The oracles (processes of exactly known density), and what fits flows to them: shared by tests/likelihood and
# the program that tools/bench/likelihood runs.
fluvox_library(oracles DIR ${PROJECT_SOURCE_DIR}/tests/support/oracles DEPENDS fluvox_kernels)
target_include_directories(fluvox_oracles PUBLIC ${PROJECT_SOURCE_DIR}/tests)

# Speech of exactly known density, to files: what tools/make-corpus --oracle runs.
add_executable(fluvox-oracle-speech EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tools/oracle-speech.cpp)
target_link_libraries(fluvox-oracle-speech PRIVATE fluvox_core fluvox_audio fluvox_mel fluvox_kernels fluvox_oracles
                      ${runtime_libraries})

if(FLUVOX_TRAINING)
  file(GLOB likelihood_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/likelihood/*.cpp)
  fluvox_library(likelihood SOURCES ${likelihood_sources} DEPENDS fluvox_oracles fluvox_torch fluvox_models
                 fluvox_mel)
  target_precompile_headers(fluvox_likelihood REUSE_FROM fluvox_ops)
  add_executable(fluvox-likelihood EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tools/bench/likelihood.cpp)
  target_link_libraries(fluvox-likelihood PRIVATE fluvox_kernels fluvox_core fluvox_mel fluvox_net fluvox_flow
                        fluvox_models fluvox_ops fluvox_torch fluvox_oracles fluvox_likelihood)
endif()
