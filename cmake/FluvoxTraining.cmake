# The training side: the LibTorch bodies of steps and nets, the trainer, and the program fluvox-train.
find_package(LibTorch REQUIRED)

file(GLOB torch_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/net/*_torch.cpp
     ${PROJECT_SOURCE_DIR}/src/flow/*_torch.cpp)
fluvox_library(torch SOURCES ${torch_sources} DEPENDS fluvox_flow LibTorch::LibTorch)
target_precompile_headers(fluvox_torch PRIVATE <torch/torch.h>)

fluvox_library(train DEPENDS fluvox_torch fluvox_models fluvox_mel fluvox_audio fluvox_corpus
               fluvox_runtime fluvox_report)
target_precompile_headers(fluvox_train REUSE_FROM fluvox_torch)

set(train_cli ${PROJECT_SOURCE_DIR}/src/cli/train_torch.cpp ${PROJECT_SOURCE_DIR}/src/cli/program.cpp
    ${PROJECT_SOURCE_DIR}/src/cli/common.cpp)
add_executable(fluvox-train ${train_cli})
target_link_libraries(fluvox-train PRIVATE ${runtime_layers} fluvox_torch fluvox_train ${runtime_libraries}
                      CLI11::CLI11)

# Run by tools/bench/reversible.
add_executable(fluvox-reversible EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/tools/bench/reversible.cpp)
target_include_directories(fluvox-reversible PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(fluvox-reversible PRIVATE ${runtime_layers} fluvox_torch ${runtime_libraries})
