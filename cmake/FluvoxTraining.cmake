# The training side: the trainer and the program fluvox-train.
fluvox_library(train DEPENDS fluvox_torch fluvox_models fluvox_mel fluvox_audio fluvox_corpus
               fluvox_runtime fluvox_report)
target_precompile_headers(fluvox_train REUSE_FROM fluvox_ops)
if(TARGET fluvox_ops_cuda)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/train/device.cpp PROPERTIES COMPILE_DEFINITIONS FLUVOX_OPS_CUDA)
endif()

set(train_cli ${PROJECT_SOURCE_DIR}/src/cli/train_torch.cpp ${PROJECT_SOURCE_DIR}/src/cli/program.cpp
    ${PROJECT_SOURCE_DIR}/src/cli/common.cpp)
add_executable(fluvox-train ${train_cli})
target_link_libraries(fluvox-train PRIVATE ${runtime_layers} fluvox_ops fluvox_torch fluvox_train ${runtime_libraries}
                      ${fluvox_torch_gpu} CLI11::CLI11)

# Run by tools/bench/reversible.
add_executable(fluvox-reversible EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tools/bench/reversible.cpp)
target_include_directories(fluvox-reversible PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(fluvox-reversible PRIVATE ${runtime_layers} fluvox_ops fluvox_torch ${runtime_libraries})
