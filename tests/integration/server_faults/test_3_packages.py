# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are upgraded under load: the engine's, which ends every container, and the database's.

The suite has one version of each. To install that one once more runs the same scripts, and restarts the same services.
"""

from __future__ import annotations

import time
from typing import Callable

import pytest

from tests.helpers.server import eventually
from tests.integration.server_faults.conftest import UP, Faulty, pause

APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Options::=--force-confold -o Acquire::Retries=5"
#: Packages, the process that they bring, and what whoever upgrades says afterwards. Debian's package of the engine
#: leaves the one that runs alone; needrestart and Docker's own packages restart it.
UPGRADES = {
    "engine": ("docker.io containerd runc", "dockerd", "systemctl restart containerd docker"),
    "database": ("mariadb-server mariadb-server-core", "mariadbd", "true"),
}


@pytest.mark.parametrize("what", UPGRADES)
def test_a_package_is_upgraded_under_load(faulty: Faulty, what: str, record_property: Callable[..., None]) -> None:
    packages, name, afterwards = UPGRADES[what]
    server, process = faulty.server, f"pidof {name}"
    server.sh(f"{APT} update && {APT} install --reinstall --download-only {packages}", timeout=300)
    before, running = faulty.duplicates(), server.sh(process).strip()
    with faulty.load() as load:
        pause()
        began = time.monotonic()
        server.sh(f"{APT} install --reinstall {packages} && {afterwards}", timeout=300)
        took = time.monotonic() - began
        eventually(lambda: server.sh(process).strip() not in ("", running), UP, f"{name} runs anew")
        eventually(lambda: faulty.worker_state() == "running", UP, "the worker runs", pause=0.5)
        seconds = faulty.await_flow(began, f"{packages} were installed again")
    told = f"apt, {packages}: {took:.0f} s, flowing {seconds:.0f} s after it began"
    faulty.compared(load, told, record_property, before)
    faulty.await_verdict("ok")
    assert server.sh("systemctl --failed --no-legend") == ""
