# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters hand over what the pure functions say, and never quote what they cannot read."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.filter import refusals as subject


def test_passwords() -> None:
    given = {"event_log_capture_password": {"value": "zebra", "also": "event_log"}}
    (told,) = subject.password_problems(given)
    assert told.startswith("event_log_capture_password is a password of 5 characters")


def test_passwords_of_accounts() -> None:
    users = [
        {"name": "laboratory", "password": "laboratory-zebra-7"},
        {"name": "archive", "password": "umbrella-7-Kx2-pen"},
        {"name": "none"},
        {"password": "zebra"},
        "zebra",
    ]
    (told,) = subject.password_problems({}, users, "event_log_kafka_users")  # type: ignore[arg-type]
    assert told.startswith("event_log_kafka_users[laboratory].password is a password of 18 characters")
    assert "the name laboratory is in it" in told


@pytest.mark.parametrize("given", ["zebra", ["zebra"], {"event_log_capture_password": "zebra"}])
def test_what_is_no_dictionary_is_refused_and_not_shown(given: object) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        subject.password_problems(given)  # type: ignore[arg-type]
    assert "zebra" not in str(raised.value)


def test_addresses() -> None:
    settings = {"super.users": "User:me"}
    assert len(subject.address_problems({"event_stack_broker_settings": settings})) == 1
    assert subject.address_problems({"event_stack_broker_settings": settings}, logins=False) == []
    assert subject.address_problems({"event_stack_broker_settings": None}) == []
    with pytest.raises(AnsibleFilterError, match="event_stack_worker_settings must be a dictionary"):
        subject.address_problems({"event_stack_worker_settings": ["listeners"]})
