#!/usr/bin/env bash
# Every shell script of the repository: by name, or by its first line.
set -euo pipefail
mapfile -t scripts < <(git ls-files -co --exclude-standard | while read -r file; do
  [ -f "$file" ] || continue
  case "$file" in
    *.j2) ;;
    *.sh) echo "$file" ;;
    *) head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -qE '^#! ?/(usr/)?bin/(env )?(ba)?sh' && echo "$file" ;;
  esac
done || true)
[ "${#scripts[@]}" -gt 0 ] || { echo "found no shell script"; exit 1; }
printf '%s\n' "${scripts[@]}"
shellcheck --severity=warning --external-sources "${scripts[@]}"
