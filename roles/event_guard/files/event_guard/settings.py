# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that the role event_guard writes to ``config/guard.json``, beside the host command's own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from event_log import settings as host
from event_log.errors import EventLogError
from event_log.upkeep import BACKUP_DAYS

#: Engine, worker and database may be slow for once: who does not answer in so many rounds in a row is told as an error.
PATIENCE = 3

_AGAIN = "Run the playbook site.yml again: it writes this file."


@dataclass(frozen=True)
class Guard:
    """What a site decides about the guard. The defaults are those of the role, for a file that does not say all."""

    directory: Path = Path("/var/lib/event-log/guard")  # memory, acts, reserve, outbox
    site: str = ""
    interval: int = 10  # seconds between two looks
    free_drop: float = 10  # percent of the disk: below it, history that everybody has read goes
    free_stop: float = 5  # below it, the worker stops
    free_reserve: float = 3  # below it, the reserve file is given up
    reserve_mb: int = 0  # 0: 1 % of the disk, 512 MB at most
    may_drop_unread: bool = False
    consumer_groups: Tuple[str, ...] = ()  # must have read, though they may not be connected yet
    lag_limit: int = 900  # seconds without a heartbeat, though the task runs
    report_command: Tuple[str, ...] = ()
    report_hours: float = 24
    metrics_dir: str = ""  # where a node exporter reads files; empty: no figures
    restart_minutes: Tuple[float, ...] = (1, 2, 4, 8, 16, 32, 60)
    report_after: int = 5  # failures in a row
    backup_days: float = BACKUP_DAYS  # the host command goes by it


def from_mapping(data: Any, path: Path) -> Guard:
    """Take what has the right kind; a fault is named together with the file."""
    if not isinstance(data, dict):
        raise EventLogError(f"{path} is not a JSON object. {_AGAIN}")
    found: Dict[str, Any] = {}
    for one in fields(Guard):
        value = data.get(one.name)
        if value is None:
            continue
        kind = type(one.default)
        try:
            if kind is bool:
                found[one.name] = value is True
            elif kind is tuple:
                found[one.name] = _listed(one.name, value)
            elif one.name in ("directory", "site", "metrics_dir"):
                found[one.name] = Path(str(value)) if one.name == "directory" else str(value)
            else:
                found[one.name] = _number(value)
        except (TypeError, ValueError):
            raise EventLogError(f"{path}: {one.name} cannot be {value!r}. {_AGAIN}") from None
    return Guard(**found)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    return int(number) if number.is_integer() else number


def _listed(name: str, value: Any) -> Tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_number(one) if name == "restart_minutes" else str(one) for one in value)


def path_of_settings(environ: Mapping[str, str]) -> Path:
    """Beside the settings of the host command, wherever those are."""
    return host.path_of_settings(environ).parent / "guard.json"


def load(environ: Optional[Mapping[str, str]] = None) -> Guard:
    """Read the guard's settings; where there are none yet, the defaults."""
    path = path_of_settings(os.environ if environ is None else environ)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Guard()
    except PermissionError:
        raise EventLogError(f"You may not read {path}. Use sudo: sudo event-log …") from None
    try:
        return from_mapping(json.loads(text), path)
    except ValueError as error:
        raise EventLogError(f"{path} is not valid JSON ({error}). {_AGAIN}") from None
