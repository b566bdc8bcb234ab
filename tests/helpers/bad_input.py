# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bad input is, and what shows that it was refused: the words, and that nothing has changed."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.helpers.playbooks import Outcome, play, site_variables
from tests.helpers.server import Server

ROOTS = ("/etc", "/opt", "/var/lib/event-log", "/var/lib/openmrs-sample", "/usr/local")
# What the running services write themselves, whoever runs a playbook.
LIVE = (
    "/var/lib/event-log/guard/*",
    "/var/lib/event-log/kafka/data/log/*",
    "/var/lib/event-log/zookeeper/*/version-2*",
    "/var/lib/openmrs-sample/*",
    "/etc/resolv.conf",
    "*/__pycache__",
)


@dataclass(frozen=True)
class Case:
    """What is wrong, and the words that the message must hold: the variable or the thing, its value, the remedy."""

    name: str
    mentions: tuple[str, ...]
    set: dict[str, Any] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    before: str = ""  # shell on the server that makes it wrong
    after: str = ""  # and right again
    long: bool = False  # for the full run only, for it is one of those that another case has all at once

    @property
    def site(self) -> str:
        """Its name as that of a host."""
        return re.sub(r"\W+", "-", self.name)


def cases(listed: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case.name, marks=[pytest.mark.full] if case.long else []) for case in listed]


@contextlib.contextmanager
def broken(server: Server, case: Case) -> Iterator[None]:
    try:
        if case.before:
            server.sh(case.before)
        yield
    finally:
        if case.after:
            server.sh(case.after)


def state(server: Server) -> dict[str, str]:
    """All that a change would show in: files, accounts, packages, containers, images."""
    found = server.listing(ROOTS, LIVE)
    for name, command in {
        "accounts": "getent passwd; getent group",
        "packages": "dpkg-query -W",
        "containers": "docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.State}}' | sort",
        "images": "docker images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort",
        "units": "systemctl list-unit-files --no-legend",
    }.items():
        found[name] = server.sh(command, check=False)
    return found


def chosen(listed: list[Case]) -> list[Case]:
    """Those that this run takes."""
    return [case for case in listed if os.environ.get("EVENT_LOG_TEST_FULL") or not case.long]


def variables(case: Case) -> dict[str, Any]:
    return {key: value for key, value in {**site_variables(), **case.set}.items() if key not in case.unset}


def said(outcome: Outcome, host: str) -> str:
    messages = [event.message for event in outcome.run.failures if event.host == host]
    assert messages, f"it failed outside of a task:\n{outcome.output[-3000:]}"
    return "\n".join(messages)


def assert_told(case: Case, message: str) -> None:
    missing = [word for word in case.mentions if word not in message]
    assert missing == [], f"{missing} not in: {message}"


def run_case(server: Server, case: Case, directory: Path) -> None:
    with broken(server, case):
        before = state(server)
        outcome: Outcome = play(directory, server, variables(case))
        after = state(server)
    assert outcome.code != 0, outcome.output[-3000:]
    message = said(outcome, server.name)
    assert outcome.changed == [], f"changed before it stopped; it said: {message}"
    assert after == before
    assert_told(case, message)
