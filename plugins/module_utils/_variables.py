# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misspelt variables: Ansible accepts any name in an inventory, and the default stands where a site set a value."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Iterable

SITE_PREFIX = "event_log_"

#: Read by playbooks, not by a role's defaults.
PLAYBOOK_VARIABLES = frozenset(
    {
        "event_guard_removal",
        "event_images_reference",
        "event_images_uis_there",
        "event_images_zookeeper_reference",
        "event_log_packages_cache_dir",
        "event_log_packages_log",
        "event_log_packages_refresh",
        "event_log_packages_releases",
        "event_log_preflight",
        "event_log_purge",
        "event_log_remove",
        "event_log_remove_data",
        "event_log_repair",
        "event_log_repair_anyway",
        "event_log_repair_fill",
        "event_log_sample",
        "event_log_serial",
        "event_stack_predicted",
        "event_stack_removal",
        "fleet_status_said",
        "kafka_host_removal",
        "mysql_binlog_seen",
        "offline_packages_predicted",
        "openmrs_sample_removal",
    }
)


def known_variables(roles: Path) -> set[str]:
    """Return the variables that the roles below ``roles`` document, and the site-wide ones that their defaults read."""
    known = set(PLAYBOOK_VARIABLES)
    for specs in roles.glob("*/meta/argument_specs.yml"):
        role = specs.parent.parent.name
        known |= set(re.findall(rf"^\s+({role}_[a-z0-9_]+):", specs.read_text(encoding="utf-8"), re.MULTILINE))
        for defaults in specs.parent.parent.glob("defaults/*.yml"):
            known |= set(re.findall(r"\bevent_log_[a-z0-9_]+\b", defaults.read_text(encoding="utf-8")))
    return known


def unknown_variables(names: Iterable[str], roles_directory: str) -> list[str]:
    """Return a sentence for each name that looks like one of this collection's variables and is none."""
    roles = Path(roles_directory)
    known = known_variables(roles)
    prefixes = (SITE_PREFIX, *(f"{path.parent.parent.name}_" for path in roles.glob("*/meta/argument_specs.yml")))
    sentences = []
    for name in sorted(set(names)):
        if not name.startswith(prefixes) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        hint = f"Did you mean {near[0]}?" if near else "Remove it, or see docs/variables.md for the names."
        sentences.append(f"{name} is not a variable of this collection. {hint}")
    return sentences
