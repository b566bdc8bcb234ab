# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host the capture account is for, and the host that a server names when it refuses a login."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_account_host as subject


@pytest.mark.parametrize(
    ("given", "seen", "existing", "landed", "host"),
    [
        ("10.0.0.5", "localhost", ["%"], "%", "10.0.0.5"),
        ("", "localhost", [], "", "localhost"),
        ("", "127.0.0.1", ["localhost"], "", "127.0.0.1"),
        ("", "localhost", ["%"], "", "%"),
        ("", "localhost", ["%"], "%", "%"),
        ("", "localhost", ["%", "localhost"], "", "localhost"),
        ("", "10.0.0.5", ["10.0.0.%"], "", "10.0.0.%"),
        ("", "10.0.0.5", ["10.0.0.%", "%"], "", "10.0.0.5"),
        ("", "10.0.0.5", ["10.0.0.0/255.255.255.0"], "", "10.0.0.0/255.255.255.0"),
        ("", "10.0.1.5", ["10.0.0.0/255.255.255.0"], "", "10.0.1.5"),
        ("", "db.example", ["10.0.0.0/255.255.255.0"], "", "db.example"),
    ],
)
def test_which_host_is_meant(given: str, seen: str, existing: list[str], landed: str, host: str) -> None:
    assert subject.choose_host(given, seen, existing, landed) == host


@pytest.mark.parametrize(
    ("message", "host"),
    [
        ("Access denied for user 'a'@'172.17.0.1' (using password: YES)", "172.17.0.1"),
        ("Host '10.0.0.5' is not allowed to connect to this MariaDB server", "10.0.0.5"),
        ("Access denied, this account is locked", ""),
    ],
)
def test_the_host_that_a_refusal_names(message: str, host: str) -> None:
    assert subject.seen_host(message) == host
