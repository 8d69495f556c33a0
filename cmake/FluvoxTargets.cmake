# One function each to add a library and a test.

# fluvox_library(core DEPENDS kernels nlohmann...): every .cpp of src/core (or DIR) but the LibTorch bodies,
# as fluvox_core. The dependencies are the only layers its includes may reach.
function(fluvox_library name)
  cmake_parse_arguments(arg "TORCH" "DIR" "DEPENDS;PRIVATE;SOURCES" ${ARGN})
  if(NOT arg_DIR)
    set(arg_DIR ${PROJECT_SOURCE_DIR}/src/${name})
  endif()
  if(NOT arg_SOURCES)
    file(GLOB arg_SOURCES CONFIGURE_DEPENDS ${arg_DIR}/*.cpp)
    list(FILTER arg_SOURCES EXCLUDE REGEX "_torch\\.cpp$")
  endif()
  if(NOT arg_SOURCES)
    file(WRITE ${PROJECT_BINARY_DIR}/empty.cpp "")
    set(arg_SOURCES ${PROJECT_BINARY_DIR}/empty.cpp)
  endif()
  # OBJECT: nothing is dropped at link time, and libfluvox is made of the same objects.
  add_library(fluvox_${name} OBJECT ${arg_SOURCES})
  target_include_directories(fluvox_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
  target_link_libraries(fluvox_${name} PUBLIC fluvox_options ${arg_DEPENDS} PRIVATE ${arg_PRIVATE})
  set_target_properties(fluvox_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# fluvox_test(core DEPENDS ...): every tests/core/*_test.cpp as the program test_core, its cases in ctest.
function(fluvox_test name)
  cmake_parse_arguments(arg "" "LABEL" "DEPENDS;SOURCES" ${ARGN})
  if(NOT arg_SOURCES)
    file(GLOB arg_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cpp)
  endif()
  if(NOT arg_SOURCES)
    return()
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL cpu)
  endif()
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_DEPENDS} GTest::gtest_main GTest::gmock)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(test_${name} PRIVATE FLUVOX_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             FLUVOX_BINARY_DIR="${PROJECT_BINARY_DIR}")
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}. PROPERTIES LABELS ${arg_LABEL}
                       DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60)
endfunction()
