# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords are weak, why, and that no finding shows one."""

from __future__ import annotations

import secrets
import string

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _password as subject

KNOWN = "one of the first that anybody tries"
ROW = "row of neighbours"
AGAIN = "again and again"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short-One-1", "at least 12 characters"),
        ("aabbccddeeaa", "at least 6 different characters"),
        ("839201746582", "digits only"),
        ("openmrs", KNOWN),
        ("Admin123", KNOWN),
        ("password", KNOWN),
        ("changeit", KNOWN),
        ("letmein", KNOWN),
        ("root", KNOWN),
        ("admin", KNOWN),
        ("kafka", KNOWN),
        ("debezium", KNOWN),
        ("dbz", KNOWN),
        ("event_log", KNOWN),
        ("mysql", KNOWN),
        ("Openmrs-Admin-123!", KNOWN),
        ("Admin123Admin123", KNOWN),
        ("P@ssw0rd2024!", KNOWN),
        ("2024-p4ssw0rd-2024", KNOWN),
        ("change_me_please", KNOWN),
        ("this-is-my-secret-password", KNOWN),
        ("event-log-connect", KNOWN),
        ("12345678", ROW),
        ("1234567890123", ROW),
        ("abcdefghijklmn", ROW),
        ("zyxwvutsrqponm", ROW),
        ("qwertyuiop1234", ROW),
        ("1qaz2wsx3edc", ROW),
        ("Hilltop1Hilltop1", AGAIN),
        ("fox9fox9fox9fox9", AGAIN),
    ],
)
def test_a_weak_password_is_told_why(password: str, reason: str) -> None:
    assert any(reason in told for told in subject.weaknesses(password)), subject.weaknesses(password)


@pytest.mark.parametrize(
    "password",
    [
        "capture-only-in-tests",
        "only-in-this-test",
        "correct-horse-battery",
        "Hilltop1Lakeside2",
        "openmrs-umbrella-17",
        "kafka's-castle-of-1926",
        "x9fK2mQ7rT4w",
        "0123-tree-4567-sky",
        "wörter-sind-länger",
    ],
)
def test_a_good_password_passes(password: str) -> None:
    assert subject.weaknesses(password) == []


def test_made_up_passwords_pass() -> None:
    for _ in range(200):
        assert subject.weaknesses(secrets.token_hex(16)) == []
        word = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(20))
        assert subject.weaknesses(word) == [], word


def test_a_long_one_is_judged_at_once() -> None:
    assert subject.weaknesses("passwordadmin" * 200 + "-umbrella") == []


@pytest.mark.parametrize(
    ("password", "name", "weak"),
    [
        ("laboratory-7-Kx2", "laboratory", True),
        ("xxLABORATORYxx-7-Kx2", "laboratory", True),
        ("my-event-log-7Kx2qq", "event_log", True),
        ("collaborate-7-Kx2", "lab", False),  # too short a name to mean anything
        ("umbrella-7-Kx2-pen", "laboratory", False),
        ("umbrella-7-Kx2-pen", "___", False),
    ],
)
def test_the_name_of_the_account_is_not_in_it(password: str, name: str, weak: bool) -> None:
    assert (f"the name {name} is in it" in subject.weaknesses(password, [name])) == weak


def test_all_weak_ones_are_told_at_once_and_none_is_shown() -> None:
    told = subject.problems(
        {
            "event_log_capture_password": {"value": "Zebra-77", "also": "event_log"},
            "event_log_connect_password": {"value": ""},
            "event_log_connect_user": {"value": None, "also": None},
            "password of laboratory in event_log_kafka_users": {"value": "laboratory-Zebra", "also": ["laboratory"]},
            "another": {"value": "umbrella-7-Kx2-pen", "also": ("laboratory", "event_log")},
        }
    )
    assert len(told) == 2
    assert told[0].startswith("event_log_capture_password is a password of 8 characters (not shown here)")
    assert "at least 12 characters" in told[0]
    assert "openssl rand -hex 16" in told[0]
    assert told[1].startswith("password of laboratory in event_log_kafka_users is a password of 16 characters")
    assert "the name laboratory is in it" in told[1]
    assert not any("Zebra" in sentence for sentence in told)
    assert "1 character (" in subject.problems({"x": {"value": 7}})[0]
