# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of the scenario `hospital`, as it has left them."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.helpers import survival
from tests.helpers.fixtures import run_quietly
from tests.helpers.hospital import CLINIC, DISTRICT, RIG, ROOT, Site
from tests.helpers.writes import Source

ODD = Site("eventlog-test-odd")


def made(site: Site, *more: str) -> Iterator[Site]:
    """A further server on a network that leads nowhere, for as long as it is needed."""
    playbook = ("ansible-playbook", "-i", "localhost,", str(ROOT / "molecule/hospital/server.yml"))
    named = ("-e", f"server_name={site.name}", "-e", f"rig={RIG}")
    run_quietly(*playbook, *named, *more)
    yield site
    run_quietly(*playbook, *named, "-e", "server_state=absent")


@pytest.fixture(scope="session")
def clinic() -> Site:
    return found(CLINIC)


@pytest.fixture(scope="session")
def district() -> Site:
    return found(DISTRICT)


def found(site: Site) -> Site:
    if not site.exists:
        pytest.fail("the scenario's servers do not run: ./test.sh --keep hospital, or molecule converge -s hospital")
    return site


@pytest.fixture
def openmrs(district: Site) -> Source:
    """The native database of the district hospital."""
    return Source(district, "mariadb openmrs")


@pytest.fixture(scope="session")
def all_before(district: Site) -> survival.Picture:
    """What the district hospital had before anything was done to it; all of it is to outlive boots and upgrades."""
    return survival.take(district)


@pytest.fixture(scope="session")
def odd() -> Iterator[Site]:
    """A server that has an engine and nothing of the event log, and is thrown away."""
    yield from made(ODD, "-e", "server_image=eventlog-test-ssh-server:engine")
