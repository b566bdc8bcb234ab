# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who logs in where: the files of broker, worker, ZooKeeper and tools, as a whole."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.filter import logins as filters
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_logins as subject

from tests.unit.plugins.module_utils.java_properties import read

BOTH = ["kafdrop", "kowl"]
WORDS = {name: f"word-of-{name}" for name in subject.accounts(BOTH)}
WITH = subject.Logins(rest_user="me", rest_password="rest-word", passwords=WORDS)
WITHOUT = dataclasses.replace(WITH, passwords={})
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
DIGEST = "org.apache.zookeeper.server.auth.DigestLoginModule required"
OWN = f'{PLAIN} username="event-log" password="word-of-event-log" user_event-log="word-of-event-log";'
# The whole of each: Java takes a misspelt option without a word.
BROKER = f"""\
broker.KafkaServer {{
  {SCRAM};
  {PLAIN} user_event-log-kowl="word-of-event-log-kowl";
}};
admin.KafkaServer {{
  {OWN}
}};
controller.KafkaServer {{
  {OWN}
}};
"""
REST = """\
KafkaConnect {
  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="${event.log.rest.login}";
};
"""
WORKER = f"""\
KafkaClient {{
  {SCRAM} username="event-log-connect" password="word-of-event-log-connect";
}};
"""
ZOOKEEPER = f"""\
Server {{
  {DIGEST} user_event-log="word-of-event-log";
}};
"""
OPTIONS: Dict[str, Any] = {
    "mode": "kraft", "uis": BOTH, "rest_user": "me", "rest_password": "rest-word", "secrets_dir": "/s",
    "uid": "1001", "gid": 1002, "users": {"warehouse": "word-of-warehouse"},
}  # fmt: skip
PAGES = {"kafka_port": 9092, "connect_port": 8083, "cluster": "here", "kowl_port": 8282}


def test_each_part_has_an_account_of_its_own() -> None:
    assert subject.accounts([]) == ["event-log", "event-log-connect", "event-log-command", "event-log-kowl"]
    assert subject.accounts(BOTH)[4:] == ["event-log-kafdrop"]


def test_the_brokers_file() -> None:
    assert subject.broker_jaas(WITH) == BROKER


def test_a_web_page_that_comes_makes_no_new_container_of_the_broker() -> None:
    assert subject.broker_jaas(dataclasses.replace(WITH, uis=BOTH)) == BROKER


def test_with_zookeeper_the_broker_logs_in_there_and_has_no_controller() -> None:
    logins = dataclasses.replace(WITH, mode="zookeeper")
    made = subject.broker_jaas(logins)
    assert "controller" not in made
    assert made.endswith(f'Client {{\n  {DIGEST} username="event-log" password="word-of-event-log";\n}};\n')
    assert subject.zookeeper_jaas(logins) == ZOOKEEPER


def test_the_workers_file() -> None:
    assert subject.worker_jaas(WITH) == REST + WORKER
    assert subject.worker_jaas(WITHOUT) == REST


def test_what_a_value_may_hold_is_written_as_java_reads_it() -> None:
    odd = dataclasses.replace(WITH, passwords={**WORDS, "event-log-connect": 'back\\slash "quoted" ;}'})
    assert 'password="back\\\\slash \\"quoted\\" ;}";' in subject.worker_jaas(odd)


def test_tools_log_in_as_the_command_and_as_the_service() -> None:
    command, service = (read(file["content"]) for file in subject.tool_files(WITH))
    assert command == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f'{SCRAM} username="event-log-command" password="word-of-event-log-command";',
    }
    assert (service["sasl.mechanism"], service["sasl.jaas.config"]) == (
        "PLAIN",
        OWN.replace(' user_event-log="word-of-event-log"', ""),
    )
    (alone,) = subject.tool_files(WITHOUT)
    assert alone["path"] == "command/client.properties"
    assert read(alone["content"])["security.protocol"] == "PLAINTEXT"
    assert "word-of" not in alone["content"]


@pytest.mark.parametrize(
    ("mode", "uis", "on", "stems"),
    [
        ("kraft", [], False, ["rest", "jaas-connect"]),
        ("kraft", [], True, ["rest", "jaas-connect", "jaas-broker"]),
        ("zookeeper", [], False, ["rest", "jaas-connect"]),
        ("zookeeper", BOTH, True, ["rest", "jaas-connect", "jaas-broker", "jaas-zookeeper", "kafdrop", "kowl"]),
        ("kraft", ["kowl"], False, ["rest", "jaas-connect", "kowl"]),
    ],
)
def test_each_container_gets_its_own_files_and_no_others(mode: str, uis: List[str], on: bool, stems: List[str]) -> None:
    options = {**OPTIONS, "mode": mode, "uis": uis}
    files = filters.stack_logins(options, WORDS if on else {}, PAGES)["versioned"]
    assert [file["stem"] for file in files] == stems
    places = {file["stem"]: file["directory"] for file in files}
    assert all(place == f"/s/{stem.split('-')[-1].replace('rest', 'connect')}" for stem, place in places.items())


def test_what_the_broker_keeps_is_not_in_its_file() -> None:
    found = filters.stack_logins(OPTIONS, WORDS, PAGES)
    assert sorted(found["users"]) == ["event-log-command", "event-log-connect", "event-log-kafdrop", "warehouse"]
    broker = next(file["content"] for file in found["versioned"] if file["stem"] == "jaas-broker")
    assert not [word for word in found["users"].values() if word in broker]
    assert filters.stack_logins(OPTIONS, {}, PAGES)["users"] == {}


def test_no_user_of_the_site_takes_the_place_of_the_collections_own() -> None:
    assert subject.scram_users(WORDS, {"event-log-connect": "theirs"})["event-log-connect"] != "theirs"


def test_how_to_speak_to_the_broker_is_no_secret() -> None:
    for passwords, protocol in ((WORDS, "SASL_PLAINTEXT"), ({}, "PLAINTEXT")):
        told = read(filters.stack_logins(OPTIONS, passwords, PAGES)["protocol"])
        assert told == {"security.protocol": protocol, "sasl.mechanism": "SCRAM-SHA-512"}


def test_tools_files_are_for_one_reader() -> None:
    for file in filters.stack_logins(OPTIONS, WORDS, PAGES)["tools"]:
        assert (file["uid"], file["gid"], file["mode"]) == (1001, 1002, "0400")
        assert file["path"].startswith("/s/")


def test_pages_log_in_as_themselves_and_kowl_knows_no_worker_then() -> None:
    contents = {f["stem"]: f["content"] for f in filters.stack_logins(OPTIONS, WORDS, PAGES)["versioned"]}
    kafdrop = read(contents["kafdrop"])
    assert 'username="event-log-kafdrop"' in kafdrop["sasl.jaas.config"]
    assert kafdrop["max.request.size"] == "1"
    assert '"mechanism": "PLAIN"' in contents["kowl"]
    assert "rest-word" not in contents["kowl"]
    open_ = {f["stem"]: f["content"] for f in filters.stack_logins(OPTIONS, {}, PAGES)["versioned"]}
    assert "sasl.jaas.config" not in read(open_["kafdrop"])
    assert "rest-word" in open_["kowl"]
