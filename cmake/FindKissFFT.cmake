# KissFFT's double precision is its header template kissfft/kissfft.hh (package libkissfft-dev).
find_path(KissFFT_INCLUDE_DIR kissfft/kissfft.hh)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(KissFFT REQUIRED_VARS KissFFT_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libkissfft-dev")
if(KissFFT_FOUND AND NOT TARGET KissFFT::KissFFT)
  add_library(KissFFT::KissFFT INTERFACE IMPORTED)
  target_include_directories(KissFFT::KissFFT SYSTEM INTERFACE ${KissFFT_INCLUDE_DIR})
endif()
