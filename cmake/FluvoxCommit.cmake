# The version and commit that `fluvox --version` and every result state, taken when configured.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE FLUVOX_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT FLUVOX_COMMIT)
  set(FLUVOX_COMMIT "unknown")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in ${PROJECT_BINARY_DIR}/generated/fluvox_version.h @ONLY)
add_library(fluvox_commit INTERFACE)
target_include_directories(fluvox_commit INTERFACE ${PROJECT_BINARY_DIR}/generated)
