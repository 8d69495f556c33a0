# What `cmake --install` puts where:
#   bin/        fluvox, and fluvox-train where it was built
#   lib/        libfluvox.so (the C interface) and libfluvox.a (all layers); cmake/fluvox for
#               find_package(fluvox), pkgconfig/fluvox.pc
#   include/    fluvox/fluvox.h and .hpp, for the shared library; fluvox/<layer>/*.h, for the static one:
#               the headers below and all that they include
#   share/      fluvox/models with the voice that ships, fluvox/python with the Python module,
#               fluvox/examples; doc/fluvox
include(CMakePackageConfigHelpers)

set(FLUVOX_PUBLIC_HEADERS runtime/session.h audio/sound_file.h audio/resample.h audio/player.h mel/mel_file.h
    flow/model_file.h models/registry.h report/plot.h cuda/device.h)

# The headers and, in turn, those that they include, by their paths from src/ or the project.
function(fluvox_header_closure result)
  set(todo ${ARGN})
  set(seen)
  while(todo)
    list(POP_FRONT todo header)
    if(header IN_LIST seen)
      continue()
    endif()
    list(APPEND seen ${header})
    find_file(path ${header} PATHS ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR} NO_DEFAULT_PATH NO_CACHE REQUIRED)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(STRINGS ${path} lines REGEX "^#include \"")
    list(TRANSFORM lines REPLACE "^#include \"([^\"]+)\".*" "\\1")
    list(APPEND todo ${lines})
    unset(path)
  endwhile()
  set(${result} ${seen} PARENT_SCOPE)
endfunction()

fluvox_header_closure(headers ${FLUVOX_PUBLIC_HEADERS})
foreach(header ${headers})
  get_filename_component(layer ${header} DIRECTORY)
  if(EXISTS ${PROJECT_SOURCE_DIR}/src/${header})
    set(header src/${header})
  endif()
  install(FILES ${PROJECT_SOURCE_DIR}/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fluvox/${layer})
endforeach()

# fluvox::fluvox, the shared library, needs nothing of its users.
target_include_directories(fluvox_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(FILES ${PROJECT_SOURCE_DIR}/src/api/fluvox/fluvox.h ${PROJECT_SOURCE_DIR}/src/api/fluvox/fluvox.hpp
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fluvox)

# fluvox::static: users need what its headers include, and what its objects call; the layers themselves are
# inside.
target_compile_features(fluvox_static PUBLIC cxx_std_20)
target_include_directories(fluvox_static INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/fluvox>)
set(fluvox_needs Threads::Threads nlohmann_json::nlohmann_json)
foreach(library PkgConfig::sndfile PkgConfig::soxr PkgConfig::portaudio PNG::PNG)
  list(APPEND fluvox_needs $<LINK_ONLY:${library}>)
endforeach()
if(TARGET fluvox_kernels_cuda)
  set(fluvox_with_cuda ON)
  list(APPEND fluvox_needs $<LINK_ONLY:CUDA::cudart_static>)
endif()
set_target_properties(fluvox_static PROPERTIES INTERFACE_LINK_LIBRARIES "${fluvox_needs}")

install(TARGETS fluvox)
install(TARGETS fluvox_shared EXPORT fluvox)
install(TARGETS fluvox_static EXPORT fluvoxStatic)
foreach(set fluvox fluvoxStatic)
  install(EXPORT ${set} NAMESPACE fluvox:: FILE ${set}Targets.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fluvox)
endforeach()
if(TARGET fluvox-train)
  # LibTorch is not copied: the program finds it where it was when it was linked. (By name: CMake's own
  # INSTALL_RPATH_USE_LINK_PATH leaves out folders inside the project, where tools/libtorch puts it.)
  set_target_properties(fluvox-train PROPERTIES INSTALL_RPATH "${LibTorch_LIBRARY_DIRS}")
  install(TARGETS fluvox-train)
endif()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/pretrained/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fluvox/models)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/python/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fluvox/python
        PATTERN __pycache__ EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fluvox/examples
        PATTERN __pycache__ EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${PROJECT_SOURCE_DIR}/LICENSE
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(fluvox_models ${CMAKE_INSTALL_DATADIR}/fluvox/models)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/fluvoxConfig.cmake.in
  ${PROJECT_BINARY_DIR}/generated/fluvoxConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fluvox PATH_VARS fluvox_models)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/fluvoxConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/fluvoxConfig.cmake
        ${PROJECT_BINARY_DIR}/generated/fluvoxConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fluvox)

# Its prefix is told by where the file lies, so that an installation can be moved.
file(RELATIVE_PATH fluvox_prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/fluvox.pc.in ${PROJECT_BINARY_DIR}/generated/fluvox.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/fluvox.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The sanitizers would have to be in the user's program too.
if(FLUVOX_TESTS AND NOT FLUVOX_SANITIZE)
  add_test(NAME install.a_program_builds_on_what_is_installed
           COMMAND ${PROJECT_SOURCE_DIR}/tests/install/run ${PROJECT_BINARY_DIR} ${CMAKE_CXX_COMPILER})
  set_tests_properties(install.a_program_builds_on_what_is_installed PROPERTIES LABELS cpu)
endif()
