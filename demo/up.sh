# Sourced by demo.sh: the way from a bare machine to an event.
# shellcheck shell=bash

SECRET=inventories/demo/.capture_password
READER_SECRET=inventories/demo/.reader_password # of the broker's account for programs
# Where former versions had it, in plain text in the inventory, which is refused now.
FORMER=inventories/demo/group_vars/all/secrets.yml

# apt waits for a lock of dpkg by itself, but not for that of the package lists; an interrupted dpkg is finished first.
apt_install() {
  local deadline=$((SECONDS + 300))
  [ -z "$(dpkg --audit)" ] || as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a
  until as_root apt-get -o DPkg::Lock::Timeout=300 update; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    echo "apt is busy or out of reach; trying again"
    sleep 5
  done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y --no-install-recommends install "$@"
}

# A shell of its own keeps `set -e` inside the shared function.
make_venv() {
  [ ! -e .venv ] || .venv/bin/python -m pip --version >/dev/null 2>&1 || rm -rf .venv
  PIP_CERT="${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" PIP_CACHE_DIR="${PIP_CACHE_DIR:-$PWD/.cache/pip}" \
    bash -euo pipefail -c '. tests/run/setup.sh; event_log_setup requirements.txt'
}

make_up() { head -c 24 /dev/urandom | base64 | tr -d '+/=\n'; }

# FILE PASSWORD: nobody else may read it, not even for a moment.
keep_secret() {
  (umask 077 && printf '%s\n' "$2" >"$1.new")
  mv "$1.new" "$1"
}

write_secrets() {
  local password
  if [ ! -s "$SECRET" ]; then
    # Most checkouts have no file of an older demo.
    password=$(sed -n 's/^event_log_capture_password: *//p' "$FORMER" 2>/dev/null || true)
    keep_secret "$SECRET" "${password:-$(make_up)}"
  fi
  [ -s "$READER_SECRET" ] || keep_secret "$READER_SECRET" "$(make_up)"
  rm -f "$FORMER"
}

# PAGE PORT: whether that web page is here. Its image comes from a registry, or from EVENT_LOG_IMAGES.
web_page() {
  if as_root docker container inspect "event-log-${1,,}" >/dev/null 2>&1; then
    printf '  %-17s http://127.0.0.1:%-11s topics and their events in a browser\n' "$1" "$2"
  else
    printf '  %-17s not here, for its image cannot be had: docs/uis.md\n' "$1"
  fi
}

closing_words() {
  cat <<'END'

Everything runs on 127.0.0.1 of this machine:
  Kafka             127.0.0.1:9092              topics openmrs.openmrs.<table>
END
  if as_root test -e /opt/event-log/secrets/admin/client.properties; then
    say "                    its login: demo, password in $READER_SECRET"
  else
    say "                    no login yet, for it ran before there were any: docs/security.md, Switching logins on"
  fi
  cat <<'END'
  Kafka Connect     http://127.0.0.1:8083       login event-log, password in /opt/event-log/secrets
  sample OpenMRS    127.0.0.1:3308              MySQL, database openmrs
END
  web_page Kafdrop 9191
  web_page Kowl 8282
  cat <<'END'
Where it lies:
  events            /var/lib/event-log/kafka/data
  sample database   /var/lib/openmrs-sample
  settings          /opt/event-log, /opt/openmrs-sample; passwords in its secrets/ and in inventories/demo
Look further (as root):
  .venv/bin/ansible-playbook -i inventories/demo playbooks/status.yml       connectors, topics, sizes
  event-log topics                                                          what is kept
  event-log tail person_name --from-start                                   the events of a table; Ctrl-C ends
  event-log groups                                                          who reads, and how far
  docs/consuming.md                                                         programs of your own, with the account demo
Stop and remove:
  ./demo.sh down      stop all of it, the data stays; ./demo.sh brings it back
  ./demo.sh purge     remove all of it: containers, data, users, and the packages that were not here before
END
}

up() {
  steps 4
  say "This sets up an OpenMRS event log with a sample database on this machine."
  print_plan
  record_before

  step "Python and certificates from the system's packages"
  local packages=(python3 python3-venv ca-certificates) wanted=no
  if [ -n "$(dpkg --audit)" ] || ! here_python; then wanted=yes; fi
  # Debian 12's engine does not read compressed archives itself.
  if [ -n "${EVENT_LOG_IMAGES-}" ] && ! command -v zstd >/dev/null; then packages+=(zstd) wanted=yes; fi
  if [ "$wanted" = yes ]; then
    watch_packages
    with_sign_of_life "Install ${packages[*]}" apt_install "${packages[@]}"
    count_packages
  else
    say "here already"
  fi

  step "Ansible, in .venv of this directory"
  with_sign_of_life "Make sure of Ansible" make_venv
  write_secrets

  step "Engine, sample database, Kafka, Connect and the connector, by playbooks/site.yml"
  watch_packages
  touch "$RECORD/playbook-started"
  playbook playbooks/site.yml || fail "The playbook stopped; its last message says why. Run ./demo.sh again when that is put right."
  count_packages

  step "Change a patient's name in MySQL and watch the event arrive"
  as_root .venv/bin/python -B -m demo.show_change || fail "No event was shown. ./demo.sh status and 'docker logs event-log-connect' say more."
  closing_words
}
