# Sourced by demo.sh: what was here before the first run, and what the runs have added, so that purge can tell them apart.
# shellcheck shell=bash

RECORD=$CACHE/record

installed_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${binary:Package}\n' | awk '$1 == "ii" { print $2 }' | LC_ALL=C sort; }
# As root: what another user may not look into seems absent to him.
empty_or_absent() {
  if as_root test -d "$1"; then [ -z "$(as_root find "$1" -mindepth 1 -print -quit)" ]; else ! as_root test -e "$1"; fi
}
traces() { grep -v -e '^#' -e '^$' demo/traces.txt | sed "s|^~|$(getent passwd root | cut -d: -f6)|"; }

engine_state() {
  if as_root docker info >/dev/null 2>&1; then echo running; elif command -v dockerd >/dev/null; then echo stopped; else echo absent; fi
}
image_names() { as_root docker image ls --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | LC_ALL=C sort || true; }

# Once, before anything is changed. Written aside and moved into place: half a record would be worse than none.
record_before() {
  local new=$RECORD.new path name
  [ ! -d "$RECORD" ] || return 0
  rm -rf "$new"
  mkdir -p "$new"
  touch "$new/absent-users" "$new/packages-added"
  engine_state >"$new/engine"
  image_names >"$new/images"
  cat /proc/sys/net/ipv4/ip_forward >"$new/ip_forward"
  traces | while read -r path; do if empty_or_absent "$path"; then echo "$path"; fi; done >"$new/absent-paths"
  for name in kafka docker; do getent group "$name" >/dev/null || echo "$name"; done >"$new/absent-groups"
  getent passwd kafka >/dev/null || echo kafka >"$new/absent-users"
  for path in .venv inventories/demo/.capture_password inventories/demo/.reader_password .cache/ansible .cache/ansible_collections .cache/pip; do
    [ -e "$path" ] || echo "$path"
  done >"$new/absent-in-checkout"
  mv "$new" "$RECORD"
}

# Packages that come between watch_packages and count_packages are the demo's own.
watch_packages() {
  add_up_packages # of a run that was killed outright
  installed_packages >"$RECORD/packages-now"
  alive
}
alive() { if [ -f "$RECORD/packages-now" ]; then touch "$RECORD/alive"; fi; }
count_packages() {
  alive
  add_up_packages
}
# Only what came until the last sign of life counts: what somebody installs after that is his own.
add_up_packages() {
  local package
  [ -f "$RECORD/packages-now" ] || return 0
  touch -d "@$(($(stat -c %Y "$RECORD/alive") + 2 * INTERVAL))" "$RECORD/until"
  installed_packages | LC_ALL=C comm -13 "$RECORD/packages-now" - | while read -r package; do
    if [ ! "/var/lib/dpkg/info/$package.list" -nt "$RECORD/until" ]; then echo "$package"; fi
  done >>"$RECORD/packages-added"
  rm "$RECORD/packages-now"
}
