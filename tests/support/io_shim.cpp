// Preloaded into the program (LD_PRELOAD): makes its n-th call to the system about a file fail, or
// kills it after that call. Calls about files outside the folder FLUVOX_FAULT_UNDER pass by
// uncounted. tests/support/io_faults.h sets the environment:
//
//   FLUVOX_FAULT_UNDER   the folder, as an absolute path
//   FLUVOX_FAULT_CALLS   the names that count, in commas: ",read,write,"
//   FLUVOX_FAULT_AT      n, from 1; 0: none fails, and how many there were is reported at the end
//   FLUVOX_FAULT_ERRNO   what the call fails with; 0: SIGKILL when the call is done
//   FLUVOX_FAULT_STAYS   set: every later one fails too
//   FLUVOX_FAULT_REPORT  a file that gets a line for each call that failed
//
// Names: open, create (open with O_CREAT), read, write, seek, sync, truncate, close, rename,
// unlink, mkdir, chmod, stat. A close that fails has closed, as on Linux.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

namespace {

struct Plan {
  const char* under = ::getenv("FLUVOX_FAULT_UNDER");
  const char* calls = ::getenv("FLUVOX_FAULT_CALLS");
  const char* report = ::getenv("FLUVOX_FAULT_REPORT");
  long at = number("FLUVOX_FAULT_AT");
  int code = static_cast<int>(number("FLUVOX_FAULT_ERRNO"));
  bool stays = ::getenv("FLUVOX_FAULT_STAYS") != nullptr;

  static long number(const char* name) {
    const char* value = ::getenv(name);
    return value ? ::atol(value) : 0;
  }
};

const Plan& plan() {
  static const Plan one;
  return one;
}

constexpr int kMostFiles = 4096;
std::atomic<bool> watched[kMostFiles];
std::atomic<long> count{0};

bool inside(const char* path) {
  const char* under = plan().under;
  return under && path && ::strncmp(path, under, ::strlen(under)) == 0;
}
bool inside(int fd) { return fd >= 0 && fd < kMostFiles && watched[fd]; }

void report(const char* name) {
  const int fd = static_cast<int>(
      ::syscall(SYS_openat, AT_FDCWD, plan().report, O_WRONLY | O_CREAT | O_APPEND, 0600));
  if (fd < 0) return;
  char line[64];
  const int length = ::snprintf(line, sizeof line, "%s %ld\n", name, count.load());
  ::syscall(SYS_write, fd, line, static_cast<size_t>(length));
  ::syscall(SYS_close, fd);
}

__attribute__((destructor)) void report_count() {
  if (plan().report && plan().at == 0) report("calls");
}

template <class Call>
Call* real(const char* name) {
  return reinterpret_cast<Call*>(::dlsym(RTLD_NEXT, name));
}

// Makes the call, unless it is the one to fail. `clean_up` runs where it fails.
template <class Call, class CleanUp>
auto watch(bool ours, const char* name, Call call, CleanUp clean_up) -> decltype(call()) {
  char word[32];
  ::snprintf(word, sizeof word, ",%s,", name);
  if (!ours || !plan().calls || !::strstr(plan().calls, word)) return call();
  const long now = ++count;
  const bool chosen = plan().stays ? now >= plan().at : now == plan().at;
  if (!chosen) return call();
  report(name);
  if (plan().code == 0) {
    call();
    ::kill(::getpid(), SIGKILL);
  }
  clean_up();
  errno = plan().code;
  return -1;
}

template <class Call>
auto watch(bool ours, const char* name, Call call) -> decltype(call()) {
  return watch(ours, name, call, [] {});
}

template <class Call>
int opened(const char* path, int flags, Call call) {
  const bool ours = inside(path);
  const int fd = watch(ours, (flags & O_CREAT) != 0 ? "create" : "open", call);
  if (fd >= 0 && fd < kMostFiles) watched[fd] = ours;
  return fd;
}

mode_t mode_of(int flags, va_list rest) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

}  // namespace

extern "C" {

#define FLUVOX_OPEN(name)                                                 \
  int name(const char* path, int flags, ...) {                            \
    va_list rest;                                                         \
    va_start(rest, flags);                                                \
    const mode_t mode = mode_of(flags, rest);                             \
    va_end(rest);                                                         \
    static auto* const next = real<int(const char*, int, mode_t)>(#name); \
    return opened(path, flags, [&] { return next(path, flags, mode); });  \
  }
#define FLUVOX_OPEN_AT(name)                                                   \
  int name(int at, const char* path, int flags, ...) {                         \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    const mode_t mode = mode_of(flags, rest);                                  \
    va_end(rest);                                                              \
    static auto* const next = real<int(int, const char*, int, mode_t)>(#name); \
    return opened(path, flags, [&] { return next(at, path, flags, mode); });   \
  }
FLUVOX_OPEN(open)
FLUVOX_OPEN(open64)
FLUVOX_OPEN_AT(openat)
FLUVOX_OPEN_AT(openat64)

ssize_t read(int fd, void* into, size_t count_) {
  static auto* const next = real<ssize_t(int, void*, size_t)>("read");
  return watch(inside(fd), "read", [&] { return next(fd, into, count_); });
}
ssize_t pread(int fd, void* into, size_t size, off_t at) {
  static auto* const next = real<ssize_t(int, void*, size_t, off_t)>("pread");
  return watch(inside(fd), "read", [&] { return next(fd, into, size, at); });
}
ssize_t write(int fd, const void* from, size_t size) {
  static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  return watch(inside(fd), "write", [&] { return next(fd, from, size); });
}
ssize_t pwrite(int fd, const void* from, size_t size, off_t at) {
  static auto* const next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return watch(inside(fd), "write", [&] { return next(fd, from, size, at); });
}
ssize_t writev(int fd, const struct iovec* parts, int size) {
  static auto* const next = real<ssize_t(int, const struct iovec*, int)>("writev");
  return watch(inside(fd), "write", [&] { return next(fd, parts, size); });
}
off_t lseek(int fd, off_t at, int whence) {
  static auto* const next = real<off_t(int, off_t, int)>("lseek");
  return watch(inside(fd), "seek", [&] { return next(fd, at, whence); });
}
off64_t lseek64(int fd, off64_t at, int whence) {
  static auto* const next = real<off64_t(int, off64_t, int)>("lseek64");
  return watch(inside(fd), "seek", [&] { return next(fd, at, whence); });
}
int fsync(int fd) {
  static auto* const next = real<int(int)>("fsync");
  return watch(inside(fd), "sync", [&] { return next(fd); });
}
int fdatasync(int fd) {
  static auto* const next = real<int(int)>("fdatasync");
  return watch(inside(fd), "sync", [&] { return next(fd); });
}
int ftruncate(int fd, off_t size) {
  static auto* const next = real<int(int, off_t)>("ftruncate");
  return watch(inside(fd), "truncate", [&] { return next(fd, size); });
}
int close(int fd) {
  static auto* const next = real<int(int)>("close");
  const bool ours = inside(fd);
  if (ours) watched[fd] = false;
  return watch(
      ours, "close", [&] { return next(fd); }, [&] { next(fd); });
}
int rename(const char* from, const char* to) {
  static auto* const next = real<int(const char*, const char*)>("rename");
  return watch(inside(to), "rename", [&] { return next(from, to); });
}
int unlink(const char* path) {
  static auto* const next = real<int(const char*)>("unlink");
  return watch(inside(path), "unlink", [&] { return next(path); });
}
int remove(const char* path) {
  static auto* const next = real<int(const char*)>("remove");
  return watch(inside(path), "unlink", [&] { return next(path); });
}
int mkdir(const char* path, mode_t mode) {
  static auto* const next = real<int(const char*, mode_t)>("mkdir");
  return watch(inside(path), "mkdir", [&] { return next(path, mode); });
}
int fchmod(int fd, mode_t mode) {
  static auto* const next = real<int(int, mode_t)>("fchmod");
  return watch(inside(fd), "chmod", [&] { return next(fd, mode); });
}
int stat(const char* path, struct stat* found) {
  static auto* const next = real<int(const char*, struct stat*)>("stat");
  return watch(inside(path), "stat", [&] { return next(path, found); });
}
int lstat(const char* path, struct stat* found) {
  static auto* const next = real<int(const char*, struct stat*)>("lstat");
  return watch(inside(path), "stat", [&] { return next(path, found); });
}
int fstat(int fd, struct stat* found) {
  static auto* const next = real<int(int, struct stat*)>("fstat");
  return watch(inside(fd), "stat", [&] { return next(fd, found); });
}

}  // extern "C"
