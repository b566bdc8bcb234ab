# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that runs, in memory: what the tests of its change begin with."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_former
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_change import Change
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_connect import FakeConnect
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_docker import NAMES, FakeDocker, compose
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.scripted_http import FakeClock

OLD, NEW = compose(), compose("image:2")


class Stack:
    """A stack that runs OLD, with one connector that runs and one that is paused."""

    def __init__(self, folder: Path, docker: FakeDocker, connect: FakeConnect) -> None:
        self.docker = docker
        self.connect = connect
        self.former = docker.project / "former"
        self.clock = FakeClock()
        docker.write(OLD)
        docker.up(OLD)
        connect.register("runs", {}, "RUNNING RUNNING")
        connect.register("waits", {}, "PAUSED PAUSED")

    @property
    def change(self) -> Change:
        """A run of its own: nothing is remembered but what lies on the disk."""
        return Change(self.docker, self.docker.project, self.former, NAMES, self.clock)

    @property
    def text(self) -> str:
        return (self.docker.project / "compose.yaml").read_text()

    def write(self, text: str) -> None:
        _stack_former.keep(self.former, [self.docker.project / "compose.yaml"])
        self.docker.write(text)

    def begin(self, text: str = NEW, check: bool = False) -> bool:
        return bool(self.change.begin(text, check, 30)["way_back"])
