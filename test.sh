#!/usr/bin/env bash
# Runs the checks of this collection: ./test.sh [quick|full|PART...]   (./test.sh --list names the parts)
# Sets up what it needs first: a virtual environment in .venv with the pinned tools, and Docker for the parts that use it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tests/run/setup.sh
. tests/run/setup.sh

event_log_setup requirements-dev.txt
event_log_tools age zstd # backups
[ "${1:-}" = quick ] || event_log_tools chromium prometheus prometheus-node-exporter # the page of all sites, the alert rules
export PATH="$PWD/.venv/bin:$PATH"
exec .venv/bin/python -m tests.run.driver "$@"
