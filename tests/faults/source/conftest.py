# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One site for all tests of this directory; each makes connectors of its own."""

from __future__ import annotations

from typing import Iterator

import pytest

from tests.helpers.fault_site import Site, fault_site


@pytest.fixture(scope="session")
def made_site() -> Iterator[Site]:
    with fault_site() as made:
        yield made


@pytest.fixture
def site(made_site: Site) -> Iterator[Site]:
    made_site.sql("DELETE FROM openmrs.person; DELETE FROM openmrs.patient")
    yield made_site
    made_site.forget()
