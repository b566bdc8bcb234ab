# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An attempt counts as refused only if the broker said so and nothing was read."""

from __future__ import annotations

import pytest

from tests.helpers.access import CONTROLLER, Attempt, Tried, login

EVENT = '{"before":null,"after":{"person_id":1}}\n'
SAID = [
    "org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed during authentication",
    "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [a.b.patient]",
    "org.apache.kafka.common.errors.GroupAuthorizationException: Not authorized to access group: other",
    "org.apache.kafka.common.errors.ClusterAuthorizationException: Cluster authorization failed.",
    "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment",
    "Bootstrap broker 127.0.0.1:9092 (id: -1 rack: null) disconnected",
]


@pytest.mark.parametrize("said", SAID)
def test_a_no_of_the_broker_is_a_refusal(said: str) -> None:
    assert Tried(1, said).refused
    assert not Tried(0, EVENT + said).refused, "something was read"
    # Who is known and may not is denied; a wrong password, and a time that ran out, is another thing.
    assert Tried(1, said).denied == ("Authorization" in said)


@pytest.mark.parametrize(
    "said", ["", EVENT, "Error: Could not find or load main class", "Processed a total of 0 messages"]
)
def test_anything_else_is_none(said: str) -> None:
    assert not Tried(1, said).refused


def test_events_are_counted() -> None:
    assert Tried(0, EVENT * 2 + "Processed a total of 2 messages").events == 2


def test_an_attempt_is_a_tool_with_a_login() -> None:
    one = Attempt(
        login("SASL_PLAINTEXT", "SCRAM-SHA-512", "warehouse", "it's"), "Main", ("--topic", "it's"), CONTROLLER
    )
    assert "kafka-class Main --bootstrap-controller 127.0.0.1:9093 --command-config $0.properties --topic" in one.script
    assert 'scram.ScramLoginModule required username="warehouse" password="it\'s";' in one.properties
    assert login("PLAINTEXT") == {"security.protocol": "PLAINTEXT"}
