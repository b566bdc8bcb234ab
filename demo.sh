#!/usr/bin/env bash
# The event log with a sample OpenMRS database on this machine: ./demo.sh [up|down|purge|status|help]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" # users, and root after a plain su, have none of these
# shellcheck source=tests/run/setup.sh
. tests/run/setup.sh
# shellcheck source=demo/lib.sh
. demo/lib.sh
# shellcheck source=demo/record.sh
. demo/record.sh
# shellcheck source=demo/plan.sh
. demo/plan.sh
# shellcheck source=demo/up.sh
. demo/up.sh
# shellcheck source=demo/purge.sh
. demo/purge.sh

usage() {
  cat <<'END'
usage: ./demo.sh [up|down|purge|status|help]
  up      (default) set everything up, or go on where the last run ended, and show a change event
  down    stop the event log and the sample database; all data stays, ./demo.sh brings them back
  purge   remove everything that up has made, and leave what was there before
  status  connectors, topics and sizes
EVENT_LOG_IMAGES=DIRECTORY ./demo.sh loads the images from the archives in there, instead of building them.
Works on Debian 12 and 13, as root or as a user with sudo. Every command may be interrupted and given again.
END
}

down() {
  local project
  if ! as_root docker info >/dev/null 2>&1; then
    say "No Docker engine answers here: nothing runs."
    return
  fi
  if [ -d /run/systemd/system ] && as_root systemctl is-active --quiet event-log.service; then
    with_sign_of_life "Stop the event log" as_root systemctl stop event-log.service
  fi
  for project in event-log openmrs-sample; do
    with_sign_of_life "Stop the containers of $project" as_root docker compose --project-name "$project" stop
  done
  say "Stopped. The data stays where it is; ./demo.sh brings everything back, ./demo.sh purge removes it."
}

status() {
  [ -x .venv/bin/ansible-playbook ] || fail "Nothing is set up here yet: ./demo.sh does it."
  playbook playbooks/status.yml
}

main() {
  case "${1:-up}" in
    help | -h | --help) usage; return ;;
    up | down | purge | status) ;;
    *) usage >&2; return 2 ;;
  esac
  [ $# -le 1 ] || { usage >&2; return 2; }
  require_root
  one_at_a_time
  exec 8>&2
  trap 'on_exit' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  "${1:-up}"
}

main "$@"
