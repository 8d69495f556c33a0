#include "core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/input_file.h"
#include "core/output.h"
#include "core/signals.h"

namespace fs = std::filesystem;

namespace fluvox {
namespace {

// Names of the live temporaries, for the signal handler. Whoever takes a name out of its slot
// owns it; the handler never frees, the process is about to end.
std::array<std::atomic<char*>, 64> live{};
static_assert(std::atomic<char*>::is_always_lock_free);

int remember(const fs::path& path) {
  char* name = ::strdup(path.c_str());
  for (size_t i = 0; name && i < live.size(); ++i) {
    char* empty = nullptr;
    if (live[i].compare_exchange_strong(empty, name)) return static_cast<int>(i);
  }
  std::free(name);
  return -1;  // too many at once: this one is merely not removed on an abort
}

void forget(int slot) noexcept {
  if (slot >= 0) std::free(live[static_cast<size_t>(slot)].exchange(nullptr));
}

std::string advice(int code) {
  switch (code) {
    case ENOENT:
      return "; create the folder first or correct the path";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; choose a place that you may write to";
    case ENOSPC:
    case EDQUOT:
      return "; free some space or choose another place";
    case ENAMETOOLONG:
      return "; choose a shorter name";
    default:
      return "; check the path and the disk";
  }
}

[[noreturn]] void io_error(const fs::path& path, const std::string& doing, int code) {
  const bool full = code == ENOSPC || code == EDQUOT;
  throw Error(
      Fault::io, full ? "disk-full" : "write-failed",
      text("cannot write ", path.string(), ": ", doing, ": ", std::strerror(code), advice(code)));
}

// Names of what is open already, which a rename would not reach: a redirected stdout is a regular
// file under a name like this.
bool names_descriptor(const fs::path& path) {
  const std::string name = path.string();
  return name == "/dev/stdout" || name == "/dev/stderr" || name.starts_with("/dev/fd/") ||
         name.starts_with("/proc/self/fd/");
}

// Devices and pipes know no fsync; that is not a failure.
bool synced(int fd) { return ::fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP; }

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(path) {
  struct stat found {};
  const bool exists = ::stat(path.c_str(), &found) == 0;
  if (!exists && errno != ENOENT) fail("looking at what is there");
  if (exists && S_ISDIR(found.st_mode))
    throw Error(Fault::io, "write-failed",
                text("cannot write ", path.string(), ": it is a folder; give the name of a file"));
  if (exists && (!S_ISREG(found.st_mode) || names_descriptor(path))) {
    in_place_ = true;
    temp_ = path_;
    fd_ = open_file(path_, O_WRONLY | O_CLOEXEC);
    if (fd_ < 0) fail("opening it");
    return;
  }
  std::error_code ignored;
  if (exists)
    if (const fs::path target = fs::canonical(path_, ignored); !ignored) path_ = target;
  static std::atomic<unsigned> counter{0};
  // A name left behind by a killed process with our pid is passed over.
  for (int attempt = 0; fd_ < 0 && attempt < 1000; ++attempt) {
    const std::string unique = text(".fluvox-", ::getpid(), "-", counter++, ".tmp");
    // The ending is kept: some libraries choose a format by it.
    temp_ = path_.parent_path() / (unique + path_.extension().string());
    fd_ = open_file(temp_, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0 && errno != EEXIST) fail("making a temporary beside it");
  }
  if (fd_ < 0) fail("making a temporary beside it");
  slot_ = remember(temp_);
  // What replaces a file is as private as the file was.
  if (exists && ::fchmod(fd_, found.st_mode & 07777) != 0) {
    const int code = errno;
    discard();
    io_error(path_, "setting the permissions", code);
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  if (!in_place_ && !temp_.empty()) ::unlink(temp_.c_str());
  temp_.clear();
  forget(std::exchange(slot_, -1));
}

void AtomicFile::fail(const std::string& doing) const { io_error(path_, doing, errno); }

void AtomicFile::write(std::span<const std::byte> bytes) {
  write_fully(fd_, bytes, path_.string());
}

void AtomicFile::flush() {
  if (in_place_) {
    if (!synced(fd_)) fail("flushing it to the device");
    return;
  }
  // Opened anew by name: a library may have replaced the file that we made.
  if (::close(std::exchange(fd_, -1)) != 0) fail("closing the temporary");
  fd_ = open_file(temp_, O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) fail("opening the temporary again");
  if (!synced(fd_)) fail("flushing it to the disk");
  if (::close(std::exchange(fd_, -1)) != 0) fail("closing the temporary");
}

void AtomicFile::commit() {
  if (temp_.empty()) throw std::logic_error("AtomicFile::commit is called once, and last");
  if (fd_ >= 0) flush();
  if (in_place_) return discard();
  if (::rename(temp_.c_str(), path_.c_str()) != 0) fail("renaming the temporary to it");
  temp_.clear();
  forget(std::exchange(slot_, -1));

  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  const int at = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // A folder that may be written to but not read cannot be flushed; the file itself is whole.
  if (at < 0) return;
  const bool flushed = synced(at);
  const int code = errno;
  ::close(at);
  if (!flushed) io_error(path_, "flushing its folder to the disk", code);
}

int open_file(const fs::path& path, int flags, unsigned mode) {
  int fd = -1;
  while ((fd = ::open(path.c_str(), flags, static_cast<mode_t>(mode))) < 0 && errno == EINTR)
    throw_if_interrupted();
  return fd;
}

void make_folder(const fs::path& folder) {
  if (folder.empty()) return;
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    throw Error(Fault::io, "folder-failed",
                text("cannot make the folder ", folder.string(), ": ", failed.message()));
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(content)));
  file.commit();
}

std::string read_file(const fs::path& path, size_t max_bytes) {
  return InputFile(path, max_bytes).content();
}

void remove_live_temporaries() noexcept {
  for (std::atomic<char*>& slot : live)
    if (const char* name = slot.exchange(nullptr)) ::unlink(name);
}

}  // namespace fluvox
