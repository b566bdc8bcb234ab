# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kafka's own tools are run with the login that a server wants, and without one where it wants none."""

from __future__ import annotations

from tests.helpers.kafka_tools import Account, account, command

SETTINGS = {"image": "own:1", "bootstrap": "127.0.0.1:19092", "uid": 1717, "gid": 1718}


def test_a_broker_without_logins_is_asked_at_its_own_address() -> None:
    for settings in (SETTINGS, {**SETTINGS, "logins": False}):
        words = command(settings, account(settings), "Main", "--list")
        assert words[-5:] == ("kafka-class", "Main", "--bootstrap-server", "127.0.0.1:19092", "--list")
        assert not {"--volume", "--user", "--command-config"} & set(words)


def test_a_broker_with_logins_is_asked_by_the_service_itself() -> None:
    settings = {**SETTINGS, "logins": True}
    words = command(settings, account(settings), "Main", "--list", heap="512m")
    assert "/opt/event-log/secrets/admin:/run/event-log/secrets:ro" in words
    assert words[words.index("--user") + 1] == "1717:1718"
    assert "KAFKA_HEAP_OPTS=-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1" in words
    assert words[-6:] == (
        "Main", "--bootstrap-server", "127.0.0.1:9094", "--command-config", "/run/event-log/secrets/client.properties",
        "--list",
    )  # fmt: skip


def test_it_can_be_somebody_else() -> None:
    words = command(SETTINGS, Account("127.0.0.1:9092", "/root/warehouse"), "Main")
    assert "/root/warehouse:/run/event-log/secrets:ro" in words
