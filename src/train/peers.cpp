#include "train/peers.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <functional>
#include <optional>

#include "core/error.h"

// The headers of Gloo are a package of their own; the library is inside LibTorch.
#if __has_include(<gloo/transport/device.h>)
#define FLUVOX_WITH_GLOO 1
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#else
#define FLUVOX_WITH_GLOO 0
#endif

namespace fluvox::train {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? std::optional<std::string>(value) : std::nullopt;
}

// The first of the variables that is set.
std::optional<int> number(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto value = variable(name);
    if (!value) continue;
    int found = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), found);
    if (error != std::errc() || end != value->data() + value->size() || found < 0)
      throw Error(Fault::usage, "peers-invalid",
                  text(name, ": expected a whole number, found '", *value, "'"));
    return found;
  }
  return {};
}

}  // namespace

Place place_from_environment() {
  const auto address = variable("MASTER_ADDR");
  // A single process may well run inside an allocation of SLURM's.
  auto world = number({"WORLD_SIZE"});
  if (!world && address) world = number({"OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS"});
  if (world.value_or(1) <= 1) return {};
  const auto rank = number({"RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"});
  const auto port = number({"MASTER_PORT"});
  Place place;
  place.world = *world;
  if (!rank || !port || !address || *rank >= place.world || *port > 65535)
    throw Error(Fault::usage, "peers-invalid",
                text("training by ", place.world, " processes: expected RANK below ", place.world,
                     ", MASTER_ADDR and MASTER_PORT in the environment, found RANK ",
                     rank ? text(*rank) : "unset", ", MASTER_ADDR ", address.value_or("unset"),
                     ", MASTER_PORT ", port ? text(*port) : "unset"));
  place.rank = *rank;
  place.port = *port;
  place.address = *address;
  return place;
}

#if FLUVOX_WITH_GLOO

namespace {

// The address of this machine that faces process 0: what the others can reach it by. The name of
// the machine often stands for a loopback address only. Nothing is sent.
std::string own_address(const Place& place) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(place.address.c_str(), std::to_string(place.port).c_str(), &hints, &found) != 0)
    throw Error(Fault::io, "peer-unreachable",
                text("MASTER_ADDR: cannot find the address of '", place.address, "'"));
  std::string mine;
  const int fd = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  char buffer[NI_MAXHOST];
  if (fd >= 0 && ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&name), size, buffer, sizeof buffer, nullptr, 0,
                    NI_NUMERICHOST) == 0)
    mine = buffer;
  if (fd >= 0) ::close(fd);
  ::freeaddrinfo(found);
  if (mine.empty())
    throw Error(Fault::io, "peer-unreachable",
                text("MASTER_ADDR: no way from here to '", place.address, "'"));
  return mine;
}

}  // namespace

class Peers::Group {
 public:
  Group(const Place& place, std::chrono::milliseconds timeout) {
    c10d::TCPStoreOptions options;
    options.port = static_cast<uint16_t>(place.port);
    // torchrun's agent keeps the store itself.
    options.isServer =
        place.rank == 0 && variable("TORCHELASTIC_USE_AGENT_STORE").value_or("") != "True";
    options.timeout = timeout;
    options.waitWorkers = false;
    auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    const auto mine = c10::make_intrusive<c10d::PrefixStore>(
        "fluvox" + variable("TORCHELASTIC_RESTART_COUNT").value_or(""), store);
    auto gloo = c10d::ProcessGroupGloo::Options::create(timeout);
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(own_address(place)));
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(mine, place.rank, place.world, gloo);
  }
  void sum(torch::Tensor& flat, std::chrono::milliseconds timeout) {
    std::vector<torch::Tensor> one{flat};
    c10d::AllreduceOptions options;
    options.timeout = timeout;
    group_->allreduce(one, options)->wait();
  }
  void share(torch::Tensor& flat) {  // within the time that meeting may take
    std::vector<torch::Tensor> one{flat};
    group_->broadcast(one)->wait();
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

#else

class Peers::Group {
 public:
  Group(const Place&, std::chrono::milliseconds) {
    throw Error(Fault::usage, "no-peers",
                "this build trains by one process alone: install Gloo's headers (libgloo-dev) and "
                "build again");
  }
  void sum(torch::Tensor&, std::chrono::milliseconds) {}
  void share(torch::Tensor&) {}
};

#endif

namespace {

// Whatever c10d throws when a peer does not answer.
void with_peers(const Place& place, std::chrono::milliseconds timeout, const std::string& doing,
                const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  try {
    work();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const bool silent = std::chrono::steady_clock::now() - start > 0.9 * timeout;
    const std::string what = error.what();
    throw Error(
        Fault::io, "peer-lost",
        text("process ", place.rank, " of ", place.world, ", ", doing, ": a peer ",
             silent ? text("was silent for ", std::chrono::duration<double>(timeout).count(), " s")
                    : "is gone",
             "; go on with --resume from the last checkpoint (", what.substr(0, what.find('\n')),
             ")"));
  }
}

}  // namespace

// Processes do not start, or read their corpora, at the same time.
std::chrono::milliseconds Peers::meeting() const {
  return std::max<std::chrono::milliseconds>(timeout_, std::chrono::minutes(1));
}

Peers::Peers() = default;
Peers::~Peers() = default;

Peers::Peers(const Place& place, std::chrono::milliseconds timeout)
    : place_(place), timeout_(timeout) {
  if (place.world > 1)
    with_peers(place_, meeting(), "meeting the others",
               [&] { group_ = std::make_unique<Group>(place, meeting()); });
}

void Peers::reduce(const std::vector<torch::Tensor>& tensors, int divisor) {
  if (!group_ || tensors.empty()) return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> rows;
  for (const torch::Tensor& t : tensors) rows.push_back(t.reshape({-1}).cpu());
  torch::Tensor flat = torch::cat(rows);
  with_peers(place_, timeout_, "adding up gradients", [&] { group_->sum(flat, timeout_); });
  flat.div_(divisor);
  int64_t at = 0;
  for (const torch::Tensor& t : tensors) {
    t.copy_(flat.narrow(0, at, t.numel()).view(t.sizes()));
    at += t.numel();
  }
}

void Peers::average(const std::vector<torch::Tensor>& tensors) { reduce(tensors, place_.world); }

void Peers::sum(const std::vector<torch::Tensor>& tensors) { reduce(tensors, 1); }

void Peers::share(const std::vector<torch::Tensor>& tensors) {
  if (!group_) return;
  const torch::NoGradGuard no_grad;
  for (const torch::Tensor& t : tensors) {
    torch::Tensor mine = t.detach().contiguous().cpu();
    with_peers(place_, meeting(), "taking over weights", [&] { group_->share(mine); });
    t.copy_(mine);
  }
}

bool Peers::agreed(bool mine) {
  const torch::Tensor word = torch::full({1}, mine ? 1.0 : 0.0);
  share({word});
  return word.item<double>() != 0;
}

}  // namespace fluvox::train
