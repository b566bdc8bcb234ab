# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions count as tried: only those that were."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_server as subject

LEVELS = [
    ("5.6.51", subject.REFUSED, "5.7"),
    ("5.7.22", subject.UNTESTED, "5.7.22"),
    ("8.0.12", subject.TESTED, ""),
    ("8.1.0", subject.UNTESTED, "only 8.0 and 9.7 were tried"),
    ("8.3.0", subject.UNTESTED, "only 8.0 and 9.7 were tried"),
    ("8.4.6", subject.ACCEPTED, "only versions before and after it"),
    ("9.0.1", subject.ACCEPTED, "only versions before and after it"),
    ("9.6.0", subject.ACCEPTED, "only versions before and after it"),
    ("9.7.4", subject.TESTED, ""),
    ("9.8.0", subject.UNTESTED, "only 8.0 and 9.7 were tried"),
    ("10.1.48-MariaDB", subject.REFUSED, "10.2"),
    ("10.6.18-MariaDB", subject.UNTESTED, "only 10.11 and 11.8 were tried"),
    ("10.11.6-MariaDB", subject.TESTED, ""),
    ("11.3.2-MariaDB", subject.UNTESTED, "only 10.11 and 11.8 were tried"),
    ("11.4.4-MariaDB", subject.ACCEPTED, "only versions before and after it"),
    ("11.7.2-MariaDB", subject.ACCEPTED, "only versions before and after it"),
    ("11.8.2-MariaDB", subject.TESTED, ""),
    ("12.0.1-MariaDB", subject.UNTESTED, "only 10.11 and 11.8 were tried"),
]


@pytest.mark.parametrize(("text", "level", "reason"), LEVELS)
def test_how_far_a_version_can_be_trusted(text: str, level: str, reason: str) -> None:
    server = subject.parse_server(text)
    assert server is not None
    support = subject.support_of(server)
    assert support.level == level
    assert reason in support.reason
    assert bool(support.reason) == (level != subject.TESTED)
