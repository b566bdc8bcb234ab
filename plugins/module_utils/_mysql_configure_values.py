# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells whether a variable of the server is what a site's own setting asks for, who else has a say in it, and
writes SQL for it. Pure.

A server shows a value in its own way: a name of binary log files becomes ON, a size is rounded, 0.5 becomes 0.500000.
"""

from __future__ import annotations

import posixpath
import re
from typing import Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_files import (
    COMMAND_LINE,
    Entry,
    number,
    same_value,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Setting

PERSISTED = "mysqld-auto.cnf"

#: Variables that the server rounds to a multiple of so many bytes.
_BLOCKS = {
    "binlog_cache_size": 4096,
    "binlog_stmt_cache_size": 4096,
    "join_buffer_size": 128,
    "key_buffer_size": 4096,
    "max_allowed_packet": 1024,
    "max_binlog_size": 4096,
    "max_heap_table_size": 16384,
    "net_buffer_length": 1024,
    "read_buffer_size": 4096,
    "tmp_table_size": 16384,
}
#: What the rounding of the buffer pool depends on.
POOL = ("innodb_buffer_pool_chunk_size", "innodb_buffer_pool_instances")


def meets(name: str, wanted: str, variables: Mapping[str, str]) -> bool:
    """Whether the server runs with what was asked for."""
    if name == "log_bin":
        return _log_bin(wanted, variables)
    running = variables.get(name, "")
    return same_value(running, wanted) or _rounded(name, wanted, running, variables)


def _log_bin(wanted: str, variables: Mapping[str, str]) -> bool:
    """The variable is only ON or OFF; the name stands in another one, without what follows its last dot."""
    running = variables.get("log_bin", "")
    if running.upper() != "ON" or not wanted or same_value(wanted, "ON"):
        return same_value(running, wanted or "ON")
    base = variables.get("log_bin_basename", "")
    stem = posixpath.normpath(posixpath.splitext(wanted.strip())[0])
    whole = posixpath.normpath(wanted.strip())
    # Where another name of the same directory is shown, a restart tells.
    return not base or any(base == name or base.endswith(f"/{name.lstrip('/')}") for name in (stem, whole))


def _rounded(name: str, wanted: str, running: str, variables: Mapping[str, str]) -> bool:
    block = _BLOCKS.get(name, 0)
    if name == "innodb_buffer_pool_size":
        chunk, instances = (variables.get(part, "") for part in POOL)
        block = int(chunk) * int(instances or 1) if chunk.isdigit() and (instances or "1").isdigit() else 0
    one, other = number(wanted), number(running)
    return one.isdigit() and other.isdigit() and abs(int(one) - int(other)) < block


def started_with(since: Optional[float], modified: Optional[float]) -> bool:
    """Whether the server was started after the file was written; both of one clock, the server's in whole seconds."""
    return since is not None and modified is not None and since + 1 >= modified


def statement(name: str, value: str, persist: bool = False) -> str:
    """SQL that sets a variable for the server; kept over a restart if asked."""
    value = {"TRUE": "ON", "FALSE": "OFF"}.get(value.upper(), number(value))
    plain = re.match(r"-?\d+(\.\d+)?$", value)
    quoted = value if plain else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"SET {'PERSIST' if persist else 'GLOBAL'} {name} = {quoted}"


def override(
    setting: Setting, names: Sequence[str], found: Mapping[str, Entry], persisted: Mapping[str, str], path: str
) -> str:
    """Who has the last word about a setting, by one of these names, and how to take it from him."""
    for name in names:
        if name in persisted:
            return (
                f"{name} = {persisted[name]} is kept in {PERSISTED}, which beats every file; needed is "
                f"{setting.name} = {setting.value}. Take it back with: RESET PERSIST {name};"
            )
    entry = next((found[name] for name in names if name in found and found[name].file != path), None)
    if entry is None:
        return f"{setting.name} would not become {setting.value}, and no file says why."
    if entry.place == COMMAND_LINE:
        return (
            f"{entry.name} = {entry.shown} stands on the server's command line, which beats every file; needed is "
            f"{setting.name} = {setting.value}. Remove it from the unit or from the container's command."
        )
    return (
        f"{entry.name} = {entry.shown} in {entry.place} is read after {path} and beats it; needed is "
        f"{setting.name} = {setting.value}. Remove or correct that line, or leave it so with mysql_binlog_keep: "
        f"[{setting.name}]."
    )
