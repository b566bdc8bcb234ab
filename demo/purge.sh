# Sourced by demo.sh: back to what the record says was here before.
# shellcheck shell=bash

# Names of images that the playbook makes or pulls; on an engine that stays, those that came since are removed.
OWN_IMAGES='^(openmrs-event-log|openmrs-sample-db|mysql|debian|obsidiandynamics/kafdrop|.*/cloudhut/kowl):'

remove_by_playbook() {
  local site
  site=$(awk '$1 == "event_log_site:" { print $2 }' inventories/demo/group_vars/all/main.yml)
  if ! as_root docker info >/dev/null 2>&1 && command -v dockerd >/dev/null; then
    say "Starting the engine: its containers have to be removed by it"
    playbook playbooks/engine.yml || return 1
  fi
  if grep -qx kafka "$RECORD/absent-users"; then
    playbook playbooks/remove.yml -e "event_log_remove=$site" -e event_log_remove_data=true
  else # the account was here before, and stays; the data are among the traces
    playbook playbooks/remove.yml -e "event_log_remove=$site" -e event_stack_remove_data=true -e openmrs_sample_remove_data=true
  fi
}

remove_images() {
  image_names | LC_ALL=C comm -13 "$RECORD/images" - | grep -E "$OWN_IMAGES" | while read -r name; do
    as_root docker image rm "$name"
  done
}

# By bash, for sudo would look for a program `kill`, which a bare Debian does not have. The number in the pid file of an
# engine that was killed may be another process's by now.
end_dockerd() {
  # shellcheck disable=SC2016 # that bash expands them
  as_root bash -c '
    grep -qsx dockerd "/proc/$1/comm" || exit 0
    kill "$1"
    for try in {1..120}; do
      kill -0 "$1" 2>/dev/null || exit 0
      sleep 0.5
    done
    echo "dockerd ($1) does not end"
    exit 1' bash "$(as_root cat /run/docker.pid 2>/dev/null)"
}

# An engine that did not run before is stopped; one that was not there takes its bridge and its packet filter with it.
stop_engine() {
  local table
  if [ -d /run/systemd/system ]; then
    as_root systemctl stop docker.socket docker.service containerd.service 2>/dev/null || true # not all have all three
  else
    end_dockerd || return 1
  fi
  [ "$(cat "$RECORD/engine")" = absent ] || return 0
  command -v iptables-save >/dev/null && for table in nat filter; do
    as_root iptables-save -t "$table" | grep -v -i docker | sed 's/^:FORWARD DROP/:FORWARD ACCEPT/' | as_root iptables-restore -T "$table"
  done
  if [ -d /sys/class/net/docker0 ]; then as_root .venv/bin/python -B -m demo.remove_bridge docker0; fi
  cmp --silent "$RECORD/ip_forward" /proc/sys/net/ipv4/ip_forward || as_root tee /proc/sys/net/ipv4/ip_forward <"$RECORD/ip_forward"
}

# Only what the demo's runs have added, and of that only what nothing installed since needs.
remove_packages() {
  local added unneeded package options=(-o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false)
  mapfile -t added < <(LC_ALL=C sort -u "$RECORD/packages-added" | LC_ALL=C comm -12 - <(installed_packages))
  [ "${#added[@]}" -gt 0 ] || return 0
  as_root apt-mark auto "${added[@]}"
  mapfile -t unneeded < <(as_root apt-get "${options[@]}" --simulate --purge autoremove |
    awk '$1 == "Purg" || $1 == "Remv" { print $2 }' | grep -xF -f <(printf '%s\n' "${added[@]%%:*}"))
  [ "${#unneeded[@]}" -gt 0 ] || return 0
  echo "Removing: ${unneeded[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y purge "${unneeded[@]}" || return 1
  for package in "${unneeded[@]}"; do as_root rm -f /var/cache/apt/archives/"${package%%:*}"_*.deb; done
}

remove_traces() {
  local path name
  while read -r path; do
    if dpkg-query --search "$path" >/dev/null 2>&1; then continue; fi # somebody's package needs it by now
    awk -v inside="$path/" 'index($2, inside) == 1 { print $2 }' /proc/mounts | sort -r | as_root xargs -r umount || return 1
    as_root rm -rf "$path" || empty_or_absent "$path" || return 1 # a mount point stays, emptied
  done <"$RECORD/absent-paths"
  while read -r name; do if getent passwd "$name" >/dev/null; then as_root userdel "$name" || return 1; fi; done <"$RECORD/absent-users"
  while read -r name; do
    if ! getent group "$name" >/dev/null || { [ "$name" = docker ] && command -v dockerd >/dev/null; }; then continue; fi
    as_root groupdel "$name" || return 1
  done <"$RECORD/absent-groups"
}

remove_from_checkout() {
  local path
  while read -r path; do as_root rm -rf "$path" || return 1; done <"$RECORD/absent-in-checkout"
}

forget() {
  as_root rm -rf "$CACHE"
  rmdir .cache 2>/dev/null || true # other parts of the project keep things there too
}

purge() {
  if [ ! -d "$RECORD" ]; then
    say "Nothing to remove: ./demo.sh up was not run in this directory, or everything is removed already."
    forget
    return
  fi
  steps 5
  step "Containers, data and users"
  if [ -f "$RECORD/playbook-started" ] && [ ! -f "$RECORD/playbook-removed" ]; then
    with_sign_of_life "Make sure of Ansible" make_venv
    watch_packages
    remove_by_playbook || fail "The playbook stopped; its last message says why. Put it right and run ./demo.sh purge again."
    count_packages
    if [ "$(cat "$RECORD/engine")" = running ]; then
      with_sign_of_life "Remove images" remove_images
      say "The engine was here before and stays. Its cache of image builds may be large: 'docker builder prune' frees it."
    fi
    touch "$RECORD/playbook-removed"
  fi

  step "Engine"
  if [ "$(cat "$RECORD/engine")" = running ]; then
    say "It ran before and goes on running."
  elif [ -f "$RECORD/playbook-started" ]; then
    with_sign_of_life "Stop the engine" stop_engine
  fi

  step "Packages that were not here before"
  with_sign_of_life "Remove packages" remove_packages

  step "Files, users and groups"
  with_sign_of_life "Remove what was left" remove_traces

  step "This directory"
  with_sign_of_life "Remove what was made here" remove_from_checkout
  forget
  say ""
  say "Everything that ./demo.sh has made is gone; what was here before is as it was."
}
