# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With ZooKeeper and a broker of 3.9, what is written in MySQL arrives as it does without."""

from __future__ import annotations

import uuid

import pytest

from tests.helpers.server import Server
from tests.integration.test_stream import (  # noqa: F401
    test_a_changed_table_is_followed,
    test_a_delete_arrives_with_what_was_there_and_a_tombstone,
    test_an_insert_arrives_with_its_values,
    test_an_update_arrives_with_before_and_after,
    test_tables_that_were_not_chosen_have_no_topic,
    test_the_host_command_shows_the_change_of_a_name,
    written,
)


def test_broker_and_worker_are_of_two_release_lines(server: Server) -> None:
    broker, worker = (
        server.sh(f"docker exec event-log-{service} sh -c 'ls /opt/kafka/libs/kafka-clients-*.jar'").split("-")[-1]
        for service in ("broker", "connect")
    )
    assert broker.startswith("3.9.")
    assert worker.startswith("4.")


def test_the_host_command_knows_the_broker(server: Server) -> None:
    assert "openmrs.openmrs.person " in server.sh("event-log topics")
    assert server.sh("event-log status").startswith("Running: connector openmrs-connector reads openmrs, newest event ")


def test_zookeeper_lets_nobody_in_but_the_broker(server: Server) -> None:
    """Who writes there could take every right at the broker. The broker's own login shows that the look can."""
    look = "kafka-class org.apache.zookeeper.ZooKeeperMain -server 127.0.0.1:2181 ls /config/users"
    login = "/run/event-log/secrets/$(ls /run/event-log/secrets | grep ^jaas-broker- | tail -n 1)"
    for options, said in (
        ("", "failed to authenticate"),
        (f"-Djava.security.auth.login.config={login}", "[event-log-command"),
    ):
        inside = f'KAFKA_OPTS="{options}" timeout 60 {look} 2>&1'
        own = "-e KAFKA_HEAP_OPTS=-Xmx64m -e KAFKA_LOG4J_OPTS="
        answer = server.sh(f"docker exec {own} event-log-broker bash -c '{inside}'", check=False)
        assert said in answer
        assert ("event-log-connect" in answer) == bool(options)


@pytest.mark.full
@pytest.mark.parametrize("codec", ["zstd", "snappy", "lz4"])
def test_the_broker_compresses_with_every_codec(server: Server, codec: str) -> None:
    """They bring machine code, which is loaded when it is first used and not before."""
    topic = f"test-codec-{uuid.uuid4().hex[:8]}"
    server.kafka(
        "org.apache.kafka.tools.TopicCommand",
        "--create", "--topic", topic, "--partitions", "1", "--config", f"compression.type={codec}",
    )  # fmt: skip
    lines = [f"{codec} {number} {'x' * 200}" for number in range(100)]
    server.kafka("org.apache.kafka.tools.ConsoleProducer", "--topic", topic, stdin="\n".join(lines) + "\n")
    said = server.kafka(
        "org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--from-beginning",
        "--max-messages", "100", "--timeout-ms", "30000",
    )  # fmt: skip
    assert said.splitlines() == lines
