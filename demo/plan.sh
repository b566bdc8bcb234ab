# Sourced by demo.sh: what up will do, said before it is done. The figures are data: demo/plan.tsv.
# shellcheck shell=bash

# One function per key of plan.tsv: is that part here already?
here_python() {
  local python
  python=$(event_log_python) && "$python" -c 'import ensurepip, venv' 2>/dev/null && [ -s /etc/ssl/certs/ca-certificates.crt ]
}
here_venv() { [ -x .venv/bin/ansible-playbook ] && [ -f .venv/.installed-requirements ]; }
here_engine() { as_root docker info >/dev/null 2>&1; }
here_compose() { as_root docker compose version >/dev/null 2>&1; }
# In the engine, or in an archive of EVENT_LOG_IMAGES.
here_image() { image_names | grep -qE "^($1):" || compgen -G "${EVENT_LOG_IMAGES:-/nowhere}/${1%%|*}-*.tar*" >/dev/null; }
here_base() { here_event_log || image_names | grep -q '^debian:'; }
here_event_log() { here_image openmrs-event-log; }
here_sample() { here_image 'openmrs-sample-db|mysql'; }
here_user() { getent passwd kafka >/dev/null; }
here_paths() { [ -d /var/lib/event-log ]; }

print_plan() {
  local kind key mb what last='' total=0
  while IFS=$'\t' read -r kind key mb what; do
    case $kind in '' | '#'*) continue ;; esac
    if [ "$kind" != "$last" ]; then
      say ""
      case $kind in
        download) say "Will be downloaded and installed (MB; what is in the cache is not fetched again):" ;;
        create) say "Will be created on this machine:" ;;
        use) say "While it runs it uses:" ;;
      esac
      last=$kind
    fi
    if [ "$key" != - ] && "here_$key"; then
      printf '  %5s  %s (here already)\n' - "$what"
    else
      printf '  %5s  %s\n' "${mb#-}" "$what"
      if [ "$kind" = download ]; then total=$((total + mb)); fi
    fi
  done <demo/plan.tsv
  say ""
  say "Total to download: $total MB. Nothing listens beyond 127.0.0.1. ./demo.sh purge takes all of it away again."
}
