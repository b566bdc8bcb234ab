# Sourced, from the top of the checkout: the virtual environment, and the name under which Ansible finds the checkout.
# shellcheck shell=bash

event_log_as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# A Python that the pinned ansible packages support and that starts. The system's own comes first: distributions build theirs
# with profile-guided optimisation, and one that a version manager compiled takes half as long again for everything.
event_log_python() {
  local candidate
  for candidate in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      command -v "$candidate"
      return 0
    fi
  done
  return 1
}

# The programs of these names, each of a Debian package of the same name; without them the tests that need them are skipped.
event_log_tools() {
  local missing=() one
  for one in "$@"; do command -v "$one" >/dev/null || missing+=("$one"); done
  if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
  command -v apt-get >/dev/null || { echo "No ${missing[*]}, and no apt-get: tests that need them are skipped." >&2; return 0; }
  event_log_as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  event_log_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# $1: the requirements file. Installs only when its content, or what it includes, or the Python has changed.
event_log_setup() {
  local requirements="$1" python stamp wanted
  stamp=".venv/.installed-${requirements%.txt}"
  if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
    if ! python="$(event_log_python)"; then
      event_log_as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
      event_log_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
      python="$(event_log_python)" || { echo "No Python 3.11, 3.12 or 3.13 on PATH, and apt has none: install one." >&2; return 1; }
    fi
    echo "Making a virtual environment in .venv with $("$python" --version)"
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
      rm -rf .venv
      event_log_as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
      event_log_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
      "$python" -m venv .venv
    fi
  fi
  wanted="$(cat requirements.txt "$requirements" | sha256sum | cut -d' ' -f1)"
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "Installing $requirements into .venv (about 250 MB, two minutes at 50 Mbit/s)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
    echo "$wanted" >"$stamp"
  fi
  mkdir -p .cache/ansible_collections/openmrs
  ln -sfn ../../.. .cache/ansible_collections/openmrs/event_log
}
