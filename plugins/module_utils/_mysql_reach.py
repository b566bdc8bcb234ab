# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges whether the connector can reach the server and stay connected, and what its GTIDs are worth. Pure."""

from __future__ import annotations

from typing import Optional

from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import (
    ERROR,
    INFO,
    WARNING,
    Finding,
    Setting,
    Source,
    Wanted,
)

# The servers' own defaults; below them long transactions and slow disks break connections.
LEAST_SECONDS = {"net_read_timeout": 30, "net_write_timeout": 60}
LEAST_IDLE = 600
NETWORK = Setting("skip_networking", "0", restart=True)
LOOPBACK = Setting("bind_address", "127.0.0.1", restart=True)
_LOOPBACKS = ("127.0.0.1", "LOCALHOST", "::1")


def skip_networking(source: Source, wanted: Wanted) -> Optional[Finding]:
    if source.number("skip_networking") != 1:
        return None
    # What opens the server opens it for this host only, unless it was more open before.
    open_for = () if source.text("bind_address") in _LOOPBACKS else (LOOPBACK,)
    return Finding(
        "skip_networking",
        ERROR,
        "The server listens on its socket only (skip_networking=ON).",
        "The connector reaches a database over TCP and in no other way.",
        "Set skip_networking=0 and bind_address=127.0.0.1, and restart the database.",
        settings=(NETWORK, *open_for),
    )


def net_timeouts(source: Source, wanted: Wanted) -> Optional[Finding]:
    low = []
    settings = []
    for name, least in LEAST_SECONDS.items():
        value = source.number(name)
        if value is not None and value < least:
            low.append(f"{name} is {value:.0f} s")
            settings.append(Setting(name, str(least)))
    idle = source.number("wait_timeout")
    if idle is not None and idle < LEAST_IDLE:
        low.append(f"wait_timeout is {idle:.0f} s")
    if not low:
        return None
    return Finding(
        "net_timeouts",
        WARNING,
        f"Connections are given up early: {', '.join(low)}.",
        "A large table or transaction keeps the connector busy for longer than that; the server then hangs up, and the "
        "first reading of the tables starts anew.",
        "Set net_read_timeout to 30, net_write_timeout to 60 and wait_timeout to 600 at least.",
        settings=tuple(settings),
    )


def gtid_mode(source: Source, wanted: Wanted) -> Optional[Finding]:
    mode = source.text("gtid_mode")
    if mode not in ("ON_PERMISSIVE", "OFF_PERMISSIVE"):
        return None
    return Finding(
        "gtid_mode",
        INFO,
        f"gtid_mode is {mode}: a change of it was begun and not finished.",
        "Some transactions have a GTID and some have none, so the connector cannot go by them.",
        "Finish the change (gtid_mode=ON) or take it back (OFF).",
    )


RULES = (skip_networking, net_timeouts, gtid_mode)
