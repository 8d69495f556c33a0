# Shared by the scripts of this folder; they source it from the project's folder.

say() { printf '%s\n' "$*"; }

# One sentence on stderr: what is missing and what to do about it.
fail() {
  printf '%s: %s\n' "tools/$(basename "$0")" "$*" >&2
  exit 1
}

runtime_packages=(g++ cmake ninja-build pkg-config libsndfile1-dev libsoxr-dev libkissfft-dev
  portaudio19-dev nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libpng-dev)
test_packages=("${runtime_packages[@]}" libgtest-dev libgmock-dev ccache python3 python3-pip
  ca-certificates libgloo-dev pulseaudio pulseaudio-utils libasound2-plugins)

# Installs those of the packages that are not there yet; touches no package list when all are.
need_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "Not a Debian system: these packages, or their like, are taken to be here: $*"
    return
  fi
  local package missing=()
  for package; do
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == *' installed' ]] ||
      missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local as_root=()
  if ((EUID)); then
    command -v sudo >/dev/null ||
      fail "packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing ${missing[*]}"
  local log apt
  log=$(mktemp)
  apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  # A list that cannot be refreshed does not matter where the old one still serves.
  "${apt[@]}" update >"$log" 2>&1 </dev/null || true
  if ! "${apt[@]}" install --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null; then
    fail "could not install ${missing[*]} ($(grep -m1 '^E:' "$log" || tail -n1 "$log")); check the" \
      "network and the package sources, then run this again (all that apt-get said: $log)"
  fi
  rm -f "$log"
}

# Compilers that fit here at a time: one a core, and 1.5 GB of memory for each (LibTorch's headers).
jobs_here() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}

# configure FOLDER PRESET [-D...]: the preset in that folder.
configure() {
  local folder=$1 preset=$2
  shift 2
  cmake --preset "$preset" -B "$folder" "$@" ||
    fail "configuring $folder failed (see above); if the folder was moved here, remove it and run this again"
}

# build FOLDER [target ...]
build() {
  local folder=$1
  shift
  cmake --build "$folder" --parallel "$(jobs_here)" ${1:+--target "$@"} ||
    fail "building $folder failed (the first error is above)"
}

# sources PATTERN ...: our files of these patterns, each ended by a zero byte.
sources() {
  git ls-files -z --cached --others --exclude-standard -- "$@" |
    while IFS= read -r -d '' file; do [[ ! -f $file ]] || printf '%s\0' "$file"; done
}
