# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges how long a server keeps its binary log, in the variable and within the limits of its version. Pure.

Facts: the servers' manuals. MySQL's seconds go up to 136 years; MySQL's days and both of MariaDB's variables end at 99
days.
"""

from __future__ import annotations

from typing import Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    DAY,
    INFO,
    WARNING,
    Finding,
    Setting,
    Source,
    Wanted,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server


def longest(server: Server) -> Optional[int]:
    """The longest expiry in seconds that a version can be told; None for no limit that matters."""
    return None if server.expiry_in_seconds and not server.mariadb else 99 * DAY


def needed_seconds(server: Server, wanted: Wanted) -> int:
    """How long the files must be kept: as long as the longest outage, or as long as the version can."""
    seconds = wanted.longest_outage_days * DAY
    return min(seconds, longest(server) or seconds)


def expiry_setting(server: Server, days: int) -> Setting:
    """The expiry in the variable of that version, which may end before the days do."""
    seconds = min(days * DAY, longest(server) or days * DAY)
    if server.expiry_in_seconds:
        return Setting("binlog_expire_logs_seconds", str(seconds))
    return Setting("expire_logs_days", str(seconds // DAY))


def expiry_days(wanted: Wanted) -> int:
    """Days of expiry to recommend: as long as the longest outage that the site declares."""
    return wanted.longest_outage_days


def days_in_the_way(source: Source) -> bool:
    """Whether MySQL 8.0 would refuse an expiry in seconds, for one in days is set."""
    server = source.server
    return bool(server and not server.mariadb and server.expiry_in_seconds and source.number("expire_logs_days"))


def expiry(source: Source, wanted: Wanted) -> Optional[Finding]:
    seconds = source.expiry_seconds
    if seconds is None or source.server is None or source.text("log_bin") == "OFF":
        return None
    if seconds == 0:
        return Finding(
            "expiry_never",
            INFO,
            "Binary log files are never removed.",
            "No outage is too long for the event log, but one day the disk is full.",
            f"Set {expiry_setting(source.server, 1).name} to the longest outage that you expect, if disk is short.",
        )
    if seconds >= wanted.longest_outage_days * DAY:
        return None
    most = longest(source.server)
    if most is not None and seconds >= most:
        return Finding(
            "expiry_short",
            WARNING,
            f"Binary log files are removed after {duration(seconds)}, the longest that {source.server.name} knows; the "
            f"longest outage may last {wanted.longest_outage_days} days.",
            "If the event log stands still for longer, changes are lost and all tables have to be read again.",
            f"For the {wanted.longest_outage_days - seconds / DAY:.0f} days that are missing nothing can be set: end "
            "an outage before, or have the files never removed (0) and watch the disk.",
        )
    setting = expiry_setting(source.server, expiry_days(wanted))
    return Finding(
        "expiry_short",
        WARNING,
        f"Binary log files are removed after {duration(seconds)}; the longest outage may last "
        f"{wanted.longest_outage_days} days.",
        "If the event log stands still for longer, changes are lost and all tables have to be read again.",
        f"Set {setting.name}={setting.value} ({needed_seconds(source.server, wanted) // DAY} days).",
        settings=(setting,),
    )


def expiry_by_size(source: Source, wanted: Wanted) -> Optional[Finding]:
    for variable in ("max_binlog_total_size", "binlog_space_limit"):  # MariaDB 11.4, Percona Server
        size = source.number(variable)
        if size:
            return Finding(
                "expiry_by_size",
                WARNING,
                f"Binary log files are also removed when they exceed {size / 1048576:.0f} MB together ({variable}).",
                "A busy day can remove what the event log has not read yet, however long the expiry is.",
                "Make sure that this size holds the changes of your longest outage, or set it to 0.",
            )
    return None
