# Shared by the scripts beside it: the packages that paser needs, and how it is built. Sourced, not run.

CDPATH= cd -- "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

# need PACKAGE...: installs those Debian packages that are missing. Where there is no apt, tells what to install and
# stops if even the compiler or CMake is missing; a missing library is named by the configure step.
need() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    if ! command -v c++ >/dev/null || ! command -v cmake >/dev/null; then
      what_to_install "$@"
      exit 1
    fi
    return 0
  fi
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "These packages are missing, and only root can install them: ${missing[*]}" >&2
      echo "As root: apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
    root=(sudo)
  fi
  say "Installing ${missing[*]}"
  "${root[@]}" apt-get -q update
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${missing[@]}" </dev/null
}

what_to_install() {
  cat >&2 <<TEXT
This script installs what it needs with apt, which is not here. Please install these, then run it again:
  a C++20 compiler (g++ 11 or clang++ 14 at least), CMake 3.21 at least, Ninja or make,
  Eigen 3.4, nlohmann-json 3.9, the stb headers (so that <stb/stb_image.h> is found), CLI11;
  for the tests also Catch2 2.x; for the benchmarks also Google Benchmark.
The names of the Debian packages are: $*
TEXT
}

# build PRESET TARGET...: configures build/PRESET and builds the targets on all cores.
build() {
  local preset=$1 target targets=()
  shift
  for target in "$@"; do targets+=(--target "$target"); done
  if command -v ninja >/dev/null && [ -z "${CMAKE_GENERATOR:-}" ]; then export CMAKE_GENERATOR=Ninja; fi
  say "Configuring build/$preset"
  cmake --preset "$preset" || failed
  say "Building"
  cmake --build --preset "$preset" --parallel "$(jobs_to_run)" "${targets[@]}" || failed
}

# Something is missing or broken; where there is no apt, the former is likely.
failed() {
  command -v apt-get >/dev/null || what_to_install "${packages[@]}"
  exit 1
}

# One compiler a core, but no more than memory allows at 1.5 GB each.
jobs_to_run() {
  local cores memory
  cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || true)
  if [ -n "$memory" ] && [ "$memory" -lt "$cores" ]; then cores=$((memory > 1 ? memory : 1)); fi
  echo "$cores"
}

packages=(g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libstb-dev libcli11-dev libtiff-dev)
