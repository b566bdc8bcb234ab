#!/usr/bin/env bash
# Every playbook, as Ansible reads it.
set -euo pipefail
shopt -s nullglob
playbooks=(playbooks/*.yml tests/run/*.yml)
[ "${#playbooks[@]}" -gt 0 ] || { echo "found no playbook"; exit 1; }
ansible-playbook -i localhost, --syntax-check "${playbooks[@]}"
