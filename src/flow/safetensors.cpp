#include "flow/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/sha256.h"
#include "core/signals.h"
#include "flow/safetensors_header.h"

namespace fluvox::flow {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are stored as memory holds them");

// Bytes of known number, read from their front.
class Input {
 public:
  virtual ~Input() = default;
  virtual const std::string& name() const = 0;
  virtual uint64_t size() const = 0;
  virtual void read(std::span<std::byte> into) = 0;  // never asked for more than there is
};

// A regular file.
class FileInput : public Input {
 public:
  // Not blocking: opening a pipe that nobody writes to would wait for ever.
  explicit FileInput(const std::filesystem::path& path)
      : name_(path.string()), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) refuse(errno);
    struct stat found {};
    const int code = ::fstat(fd_, &found) == 0 ? 0 : errno;
    if (code == 0 && S_ISREG(found.st_mode)) {
      size_ = static_cast<uint64_t>(found.st_size);
      return;
    }
    ::close(fd_);
    if (code != 0) refuse(code);
    throw Error(Fault::input, "file-missing",
                name_ + ": expected a regular file, found a folder, pipe or device");
  }
  ~FileInput() override { ::close(fd_); }
  FileInput(const FileInput&) = delete;
  FileInput& operator=(const FileInput&) = delete;

  const std::string& name() const override { return name_; }
  uint64_t size() const override { return size_; }

  void read(std::span<std::byte> into) override {
    while (!into.empty()) {
      const ssize_t count = ::read(fd_, into.data(), into.size());
      if (count < 0 && errno == EINTR) {
        throw_if_interrupted();
        continue;
      }
      if (count < 0) refuse(errno);
      if (count == 0)
        throw Error(
            Fault::input, "safetensors-truncated",
            text(name_, ": expected ", size_, " bytes, but it became shorter while being read"));
      into = into.subspan(static_cast<size_t>(count));
    }
  }

 private:
  [[noreturn]] void refuse(int code) const {
    const bool absent = code == ENOENT || code == ENOTDIR;
    throw Error(absent ? Fault::input : Fault::io, absent ? "file-missing" : "read-failed",
                text("cannot read ", name_, ": ", std::strerror(code)));
  }

  std::string name_;
  int fd_;
  uint64_t size_ = 0;
};

class MemoryInput : public Input {
 public:
  MemoryInput(std::span<const std::byte> bytes, std::string name)
      : name_(std::move(name)), size_(bytes.size()), left_(bytes) {}

  const std::string& name() const override { return name_; }
  uint64_t size() const override { return size_; }

  void read(std::span<std::byte> into) override {
    std::copy_n(left_.begin(), into.size(), into.begin());
    left_ = left_.subspan(into.size());
  }

 private:
  std::string name_;
  uint64_t size_;
  std::span<const std::byte> left_;
};

SafetensorsHeader read_header(Input& input) {
  uint64_t length = 0;
  if (input.size() < sizeof length)
    throw Error(Fault::input, "safetensors-truncated",
                text(input.name(), ": expected at least 8 bytes of a safetensors file, found ",
                     input.size()));
  input.read(std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxHeader)
    throw Error(Fault::input, "safetensors-invalid",
                text(input.name(), ": expected a header of at most ", kMaxHeader, " bytes, found ",
                     length, "; this is no safetensors file"));
  const uint64_t rest = input.size() - sizeof length;
  if (length > rest)
    throw Error(Fault::input, "safetensors-truncated",
                text(input.name(), ": expected a header of ", length, " bytes, found ", rest,
                     "; the file was cut short: copy or download it again"));
  std::string header(length, '\0');
  input.read(std::as_writable_bytes(std::span(header)));
  return parse_safetensors_header(header, rest - length, input.name());
}

void update_number(Sha256& hash, uint64_t number) {
  hash.update(std::as_bytes(std::span(&number, 1)));
}

void update_text(Sha256& hash, std::string_view content) {
  update_number(hash, content.size());
  hash.update(content);
}

Safetensors read(Input& input) {
  SafetensorsHeader header = read_header(input);
  Safetensors result;
  result.metadata = std::move(header.metadata);
  for (SafetensorsEntry& entry : header.entries) {
    HostTensor& tensor = result.tensors[std::move(entry.name)];
    tensor.type = entry.type;
    tensor.shape = std::move(entry.shape);
    tensor.bytes.resize(entry.end - entry.begin);
    input.read(tensor.bytes);
  }
  return result;
}

}  // namespace

Safetensors read_safetensors(const std::filesystem::path& path) {
  FileInput input(path);
  return read(input);
}

Safetensors read_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  MemoryInput input(bytes, name);
  return read(input);
}

void write_safetensors(const std::filesystem::path& path, const Tensors& tensors,
                       const Metadata& metadata) {
  const std::string header = make_safetensors_header(tensors, metadata);
  const uint64_t length = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(std::as_bytes(std::span(header)));
  for (const auto& [name, tensor] : tensors) file.write(tensor.bytes);
  file.commit();
}

std::string hash_content(std::string_view about, const Tensors& tensors) {
  Sha256 hash;
  update_text(hash, about);
  update_number(hash, tensors.size());
  for (const auto& [name, tensor] : tensors) {
    update_text(hash, name);
    update_text(hash, name_of(tensor.type));
    update_number(hash, tensor.shape.size());
    for (const int64_t extent : tensor.shape) update_number(hash, static_cast<uint64_t>(extent));
    update_number(hash, tensor.bytes.size());
    hash.update(std::span<const std::byte>(tensor.bytes));
  }
  return hash.hex();
}

}  // namespace fluvox::flow
