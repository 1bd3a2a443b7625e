#!/usr/bin/env bash
# Installs what is missing to build and test mains on Debian 12 or Ubuntu 24.04. Sourced by ./run and
# ./test; a second call finds everything in place and costs a few milliseconds.

build_packages=(
  cmake g++ ninja-build pkg-config libfmt-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev
  libcurl4-openssl-dev libssl-dev libedit-dev libcli11-dev
  libgmp-dev libmpfr-dev libhowardhinnant-date-dev tzdata
)
test_packages=(libgtest-dev libgmock-dev python3-venv)
# The kernels for Arm are tested on x86-64 too: cross-compiled, under qemu.
[ "$(uname -m)" = x86_64 ] && test_packages+=(g++-aarch64-linux-gnu qemu-user)

# install_packages NAME...: those of the packages that are not installed, by apt, as root or by sudo.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  if ! command -v apt-get >/dev/null; then
    echo "mains needs these packages (names of Debian 12): ${missing[*]}" >&2
    echo "There is no apt-get here to install them; install them your way and run this again." >&2
    return 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Installing ${missing[*]} needs root: run this as root, or install sudo." >&2; return 1; }
    as_root=(sudo)
  fi
  echo "Installing: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "apt-get could not install: ${missing[*]}" >&2
    return 1
  fi
  rm -f "$log"
}

# build PRESET [TARGET...]: configures and builds; quiet when all is well, the whole output when not.
build() {
  local preset=$1 log
  shift
  mkdir -p build
  log=$(mktemp)
  if ! { cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# python_environment: a virtual environment in build/python with the packages that the tests compare
# with (tests/requirements.txt), made anew when the list changes.
python_environment() {
  local stamp=build/python/requirements.txt
  cmp -s tests/requirements.txt "$stamp" && return 0
  echo "Installing the Python packages that the tests compare with"
  python3 -m venv --clear build/python &&
    build/python/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt &&
    cp tests/requirements.txt "$stamp"
}

# torch_environment: one in build/python-torch with the system's torch, where the system has one (Debian 12: 1.13), for
# the tests of the pocket model's recipe. The one on PyPI brings gigabytes of a GPU's libraries.
torch_environment() {
  local stamp=build/python-torch/requirements.txt
  cmp -s tests/requirements-torch.txt "$stamp" && return 0
  if ! apt-cache show python3-torch >/dev/null 2>&1; then
    echo "No package python3-torch here: the tests of the pocket model's recipe are left out"
    return 0
  fi
  install_packages python3-torch
  echo "Installing the Python packages that the recipe of the pocket model needs"
  /usr/bin/python3 -m venv --clear --system-site-packages build/python-torch &&
    build/python-torch/bin/pip install --quiet --disable-pip-version-check -r tests/requirements-torch.txt &&
    cp tests/requirements-torch.txt "$stamp"
}
