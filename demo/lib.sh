# Sourced by demo.sh: words, root's rights, and signs of life.
# shellcheck shell=bash

CACHE=.cache/demo
LOGS=$CACHE/logs
BUILD_LOG=/var/log/event-log-image-build.log # where the role event_images lets builds speak
INTERVAL=10 # seconds of silence, at most

step_number=0
step_total=0
ticker_pid=

say() { printf '%s\n' "$*"; }
fail() {
  say "demo.sh: $*" >&2
  exit 1
}
steps() { step_total=$1; } # how many will follow
step() {
  step_number=$((step_number + 1))
  say ""
  say "== step $step_number of $step_total: $*"
}

require_root() {
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || fail "Root's rights are needed: run this as root, or install sudo and allow yourself to use it."
  sudo -n true 2>/dev/null || say "Root's rights are needed; sudo asks for your password."
  sudo -v || fail "sudo did not allow it: run this as root, or as a user who may use sudo."
}

# Proxies, certificates and settings of this project reach what runs as root; nothing else of the environment needs to.
as_root() {
  local name given=()
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_CERT SSL_CERT_FILE REQUESTS_CA_BUNDLE \
    "${!EVENT_LOG_@}" "${!ANSIBLE_@}"; do
    [ -n "${!name-}" ] && given+=("$name=${!name}")
  done
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -H env "${given[@]}" "$@"; fi
}

# A second demo.sh in the same checkout would undo what this one does. The lock goes with the process.
one_at_a_time() {
  mkdir -p "$LOGS"
  exec 9>"$CACHE/lock"
  flock --nonblock 9 || fail "Another ./demo.sh is at work in this checkout: wait for it, or end it."
}

# COMMAND every few seconds, in the background, until stop_ticking or the end of this script.
start_ticking() {
  tick "$@" 8>&- 9>&- &
  ticker_pid=$!
}
tick() {
  local never
  exec {never}<> <(:)
  while kill -0 $$ 2>/dev/null; do
    read -r -t "$INTERVAL" -u "$never" _ || true # waits without a child that would outlive this one
    alive
    "$@"
  done
}
stop_ticking() {
  [ -n "$ticker_pid" ] || return 0
  kill "$ticker_pid" 2>/dev/null || true
  wait "$ticker_pid" 2>/dev/null || true
  ticker_pid=
}

# LABEL LOG BEGAN: what runs, for how long, and the last line of its log.
say_still_running() {
  local line
  line=$(tail -c 2000 "$2" 2>/dev/null | tr '\r' '\n' | tr -cd '\n[:print:]' | grep -v '^[[:space:]]*$' | tail -n 1 | cut -c -90) || true
  say "... $1: $((SECONDS - $3)) s${line:+ | $line}"
}

# LABEL COMMAND...: the command's output goes to a log; its end is shown if the command fails.
with_sign_of_life() {
  local label=$1 code=0 began=$SECONDS log
  shift
  log=$LOGS/$(printf '%s' "$label" | tr -c 'a-zA-Z0-9\n' '-').log
  say "$label"
  : >"$log"
  start_ticking say_still_running "$label" "$log" "$began"
  ("$@") >"$log" 2>&1 </dev/null 8>&- 9>&- || code=$?
  stop_ticking
  if [ "$code" -ne 0 ]; then
    tail -n 25 "$log" >&2
    fail "$label: failed with exit code $code; the whole log is $log. Put it right and run the same command again."
  fi
  say "    done in $((SECONDS - began)) s"
}

# Ansible says itself where it is (callback openmrs.event_log.progress).
playbook() {
  local code=0 images=()
  if [ -n "${EVENT_LOG_IMAGES-}" ]; then
    images=(-e event_images_source=archive -e "event_images_archive=$EVENT_LOG_IMAGES" -e "openmrs_sample_archive=$EVENT_LOG_IMAGES")
  fi
  start_ticking true
  (as_root env "PATH=$PWD/.venv/bin:$PATH" "ANSIBLE_CONFIG=$PWD/ansible.cfg" "EVENT_LOG_PROGRESS_FILE=$BUILD_LOG" \
    PYTHONDONTWRITEBYTECODE=1 .venv/bin/ansible-playbook -i inventories/demo "${images[@]}" "$@") 8>&- 9>&- || code=$?
  stop_ticking
  return "$code"
}

on_exit() {
  local code=$? owner
  exec >&8 2>&8 # whatever was redirected when the signal came
  trap - EXIT
  trap '' INT TERM HUP # an impatient second Ctrl-C must not cut this short
  stop_ticking
  count_packages || true
  # What root wrote into the checkout belongs to the checkout's owner.
  owner=$(stat -c %u:%g .)
  [ "$owner" = 0:0 ] || as_root chown -hR "$owner" .cache .venv inventories/demo 2>/dev/null || true
  case $code in
    130 | 143) say "Interrupted. Nothing is lost: run the same command again, and it goes on from here." >&2 ;;
  esac
  exit "$code"
}
