// Runs a program whose n-th call about files in one folder fails (io_shim.cpp), and takes what is
// in a folder before and after.
#pragma once

#include <errno.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/run_program.h"

namespace fluvox::support {

struct IoFault {
  std::string under;  // the folder whose files count
  int at = 1;         // the call, from 1; 0: none, they are counted
  int code = 0;       // errno; 0: SIGKILL when the call is done
  bool stays = false;
  std::string calls = ",open,create,read,write,seek,sync,truncate,close,rename,mkdir,chmod,stat,";
};

// After which a process that is killed leaves something else behind.
inline const char* const kChangingCalls = ",create,write,sync,truncate,rename,unlink,mkdir,chmod,";

struct FaultyRun {
  Ran ran;
  std::string failed;  // "write 17": the first call that failed and its number; "" when none did
};

// `shim` is the library made of io_shim.cpp.
inline FaultyRun run_with_fault(const std::vector<std::string>& command, const std::string& shim,
                                const IoFault& fault) {
  const TempFolder folder;
  const std::string report = folder / "report";
  FaultyRun run;
  run.ran = run_program(command, {.in_child = [&] {
                          const auto set = [](const char* name, const std::string& value) {
                            ::setenv(name, value.c_str(), 1);
                          };
                          set("FLUVOX_FAULT_UNDER", fault.under + "/");
                          set("FLUVOX_FAULT_CALLS", fault.calls);
                          set("FLUVOX_FAULT_AT", std::to_string(fault.at));
                          set("FLUVOX_FAULT_ERRNO", std::to_string(fault.code));
                          set("FLUVOX_FAULT_REPORT", report);
                          if (fault.stays) set("FLUVOX_FAULT_STAYS", "1");
                          set("LD_PRELOAD", shim);
                          set("ASAN_OPTIONS", "verify_asan_link_order=0");
                        }});
  const std::string lines = slurp(report);
  run.failed = lines.substr(0, lines.find('\n'));
  return run;
}

// How many calls of these kinds a run has in which none fails.
inline int calls_of(const std::vector<std::string>& command, const std::string& shim,
                    const IoFault& fault) {
  IoFault none = fault;
  none.at = 0;
  none.code = EIO;
  none.stays = false;
  const std::string told = run_with_fault(command, shim, none).failed;  // "calls 143"
  return std::stoi(told.substr(told.find(' ')));
}

// Path below the folder -> bytes, of all files in it, hidden ones too.
inline std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      found[entry.path().lexically_relative(folder)] = slurp(entry.path());
  return found;
}

}  // namespace fluvox::support
