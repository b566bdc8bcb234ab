#!/usr/bin/env bash
# Measures, each beside its alternative in the same run: ./bench.sh [BENCHMARK [OPTION...]]   (bench/README.md says what each needs)
#   ./bench.sh                          all of them, one after the other
#   ./bench.sh stream snapshot --rounds 1
# Results are kept in .cache/bench. A busy machine measures itself: run nothing else meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tests/run/setup.sh
. tests/run/setup.sh

all=(stream deploy connector_noop fleet_status)
if [ $# -gt 0 ] && [[ " ${all[*]} " != *" $1 "* ]]; then
  echo "bench.sh: no benchmark $1; there are ${all[*]}" >&2
  exit 2
fi
event_log_setup requirements-dev.txt
export PATH="$PWD/.venv/bin:$PATH"
[ $# -eq 0 ] || exec .venv/bin/python -m "bench.$1" "${@:2}"
status=0
for one in "${all[@]}"; do
  .venv/bin/python -m "bench.$one" || status=1
done
exit "$status"
