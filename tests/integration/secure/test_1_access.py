# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback is no access control: what a process of the host gets without a login, and a consumer with its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict

import pytest

from tests.helpers.access import (
    ACLS,
    ADMIN,
    CLIENTS,
    CONFIGS,
    CONSUMER,
    CONTROLLER,
    NOBODY,
    PRODUCER,
    QUORUM,
    TOPICS,
    Attempt,
    Tried,
    attempt,
    login,
    reading,
)
from tests.helpers.server import REQUEST, Server
from tests.integration.secure.conftest import Secure

PERSON, PATIENT = "openmrs.openmrs.person", "openmrs.openmrs.patient"
USER, SASL = "warehouse", "SASL_PLAINTEXT"
WRONG = "Wr0ng-but-long-enough"


def warehouse(site: Secure) -> Dict[str, str]:
    return login(SASL, "SCRAM-SHA-512", USER, site.warehouse)


# Without credentials


@pytest.fixture(scope="module")
def stranger(server: Server, site: Secure) -> Dict[str, Tried]:
    """What a process without credentials tries, and what proves that it would get something with them."""
    logins = {
        "without a login": login("PLAINTEXT"),
        "SCRAM-SHA-512, wrong password": login(SASL, "SCRAM-SHA-512", "event-log-connect", WRONG),
        "SCRAM-SHA-256": login(SASL, "SCRAM-SHA-256", USER, site.warehouse),
        "PLAIN, wrong password": login(SASL, "PLAIN", "event-log", WRONG),
        "PLAIN, a consumer's own password": login(SASL, "PLAIN", USER, site.warehouse),
    }
    tried = {f"{CLIENTS}, {name}": Attempt(one, CONSUMER, reading(PERSON)) for name, one in logins.items()}
    tried |= {f"{ADMIN}, {name}": Attempt(one, CONSUMER, reading(PERSON), ADMIN) for name, one in logins.items()}
    tried[f"{ADMIN}, a consumer's own login"] = Attempt(warehouse(site), CONSUMER, reading(PERSON), ADMIN)
    status = ("describe", "--status")
    tried |= {f"{CONTROLLER}, {name}": Attempt(one, QUORUM, status, CONTROLLER) for name, one in logins.items()}
    tried["with a login"] = Attempt(
        warehouse(site), CONSUMER, reading(PERSON, "--group", USER, seconds=60), patient=True
    )
    return attempt(server, tried)


def test_nobody_reads_or_asks_anything_without_the_right_login(server: Server, stranger: Dict[str, Tried]) -> None:
    assert stranger["with a login"].events == 1, stranger["with a login"].output
    refused = {name: tried for name, tried in stranger.items() if name != "with a login"}
    assert {name: tried.output for name, tried in refused.items() if not tried.refused} == {}
    # The controller's listener does answer: to the service itself.
    assert server.settings["logins"]
    words = list(server.tool(QUORUM, "describe", "--status"))
    words[words.index("--bootstrap-server")], words[words.index(ADMIN)] = "--bootstrap-controller", CONTROLLER
    assert "LeaderId" in server.exec(*words)


def as_nobody(server: Server, script: str, *words: str, check: bool = True) -> str:
    """A shell on the server itself, under an account that is in no group."""
    ids = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    return server.exec("setpriv", *ids, "sh", "-c", script, "sh", *words, check=check)


def test_nobody_registers_or_changes_a_connector_without_a_login(server: Server) -> None:
    def ask(method: str, path: str, body: Any = None, login: str = "") -> int:
        program = 'python3 -c "$1" "$2" "$3" "$4" "$5"'
        sent = "" if body is None else json.dumps(body)
        answer = as_nobody(server, program, REQUEST, method, f"http://127.0.0.1:8083{path}", login, sent)
        return int(json.loads(answer)[0])

    before = server.request("GET", "/connectors?expand=info")
    stolen = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "topics": PERSON, "file": "/tmp/stolen",
    }  # fmt: skip
    mine = "/connectors/openmrs-connector"
    attempts: list[tuple[str, str, Any]] = [
        ("GET", "/connectors", None),
        ("GET", f"{mine}/config", None),
        ("POST", "/connectors", {"name": "stolen", "config": stolen}),
        ("PUT", "/connectors/stolen/config", stolen),
        ("PUT", f"{mine}/config", stolen),
        ("PATCH", f"{mine}/config", {"topic.prefix": "stolen"}),
        ("PUT", f"{mine}/stop", None),
        ("PUT", f"{mine}/pause", None),
        ("POST", f"{mine}/restart", None),
        ("DELETE", f"{mine}/offsets", None),
        ("DELETE", mine, None),
        ("PUT", "/connector-plugins/FileStreamSinkConnector/config/validate", stolen),
        ("PUT", "/admin/loggers/root", {"level": "TRACE"}),
        # What workers of one group say to each other needs no login but a signature.
        ("POST", f"{mine}/tasks", [stolen]),
        ("PUT", f"{mine}/fence", None),
    ]
    answers = {f"{method} {path}": ask(method, path, body) for method, path, body in attempts}
    assert {what: status for what, status in answers.items() if not 400 <= status < 500} == {}
    unsigned = {f"POST {mine}/tasks", f"PUT {mine}/fence"}
    assert {status for what, status in answers.items() if what not in unsigned} == {401}
    assert ask("GET", "/connectors", login="ZXZlbnQtbG9nOndyb25n") == 401, "event-log:wrong"
    assert server.request("GET", "/connectors?expand=info") == before


def test_nobody_reads_a_secret_an_event_or_what_a_service_has_in_memory(server: Server) -> None:
    everything = "/opt/event-log/secrets /var/lib/event-log/kafka/data"
    look = (
        f"find {everything} -type f -readable 2>/dev/null; find {everything} -mindepth 1 -maxdepth 1 2>/dev/null; true"
    )
    assert as_nobody(server, look) == ""
    assert len(server.sh(look).splitlines()) > 20, "root sees them"
    process = server.exec("docker", "inspect", "-f", "{{.State.Pid}}", "event-log-connect").strip()
    own = "cat /proc/self/environ >/dev/null && echo own"
    others = " ".join(
        f"/proc/{process}/{what}" for what in ("environ", "maps", "root/etc/event-log/connect-distributed.properties")
    )
    assert as_nobody(server, f"{own}; cat {others} 2>/dev/null; true") == "own\n"
    assert as_nobody(server, "docker ps 2>/dev/null; cat /opt/event-log/config/*/* 2>/dev/null; true") == ""


# A consumer with its own account


@pytest.fixture(scope="module")
def consumer(server: Server, site: Secure) -> Dict[str, Tried]:
    """What the account `warehouse` tries, which may read one topic with its own group."""
    own = warehouse(site)
    group = ("--group", "warehouse")
    alter = ("--alter", "--entity-type")
    scram = "SCRAM-SHA-512=[password=Stolen-Stolen-12]"
    tried = {
        "its topic": Attempt(own, CONSUMER, reading(PERSON, *group, seconds=60)),
        "another topic": Attempt(own, CONSUMER, reading(PATIENT, *group, seconds=60)),
        "where connectors are kept": Attempt(own, CONSUMER, reading("event-log-connect-configs", *group, seconds=60)),
        "another group": Attempt(own, CONSUMER, reading(PERSON, "--group", "event-log-connect", seconds=60)),
        "writing": Attempt(own, PRODUCER, ("--topic", PERSON), stdin="stolen\n"),
        "a new topic": Attempt(own, TOPICS, ("--create", "--topic", "stolen")),
        "deleting": Attempt(own, TOPICS, ("--delete", "--topic", PERSON)),
        "more partitions": Attempt(own, TOPICS, ("--alter", "--topic", PERSON, "--partitions", "2")),
        "a right of its own": Attempt(
            own, ACLS, ("--add", "--allow-principal", "User:warehouse", "--operation", "All", "--topic", "*")
        ),
        "everybody's rights": Attempt(own, ACLS, ("--list",)),
        "a password of another": Attempt(
            own, CONFIGS, (*alter, "users", "--entity-name", "event-log-connect", "--add-config", scram)
        ),
        "settings of its topic": Attempt(
            own, CONFIGS, (*alter, "topics", "--entity-name", PERSON, "--add-config", "retention.ms=1")
        ),
    }
    return attempt(server, {name: replace(one, patient=True) for name, one in tried.items()})


def test_a_consumer_reads_its_topic_and_nothing_else(server: Server, consumer: Dict[str, Tried]) -> None:
    assert consumer["its topic"].events == 1, consumer["its topic"].output
    refused = {name: tried for name, tried in consumer.items() if name not in ("its topic", "deleting")}
    # The broker deletes no topic for anybody, and says so before it looks at rights.
    assert "TopicDeletionDisabledException" in consumer["deleting"].output
    assert {name: tried.output for name, tried in refused.items() if not tried.denied} == {}
    topics = server.kafka(TOPICS, "--describe", "--topic", PERSON)
    assert "PartitionCount: 1" in topics
    assert "retention.ms=1," not in topics
    assert "stolen" not in server.topics()
    summaries = json.loads(server.exec("event-log", "topics", "--json"))["topics"]
    kept = next(one["events"] for one in summaries if one["topic"] == PERSON)
    everything = server.read(PERSON, 20, most=kept)
    assert len(everything.splitlines()) >= kept
    assert "stolen" not in everything
    listed = server.kafka(ACLS, "--list", "--principal", "User:warehouse")
    assert PERSON in listed
    assert "operation=ALL" not in listed
