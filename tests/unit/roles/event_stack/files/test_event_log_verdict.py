# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of `event-log status`: one sentence for every state, and no data of patients in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import stack, worker
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.verdict import (
    Seen,
    judge,
)
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import (
    BROKER,
    WORKER,
    connector,
    container,
    seen,
)
from hypothesis import given
from hypothesis import strategies as st


def connectors(*states: Tuple[str, Tuple[str, ...]], trace: str = "") -> List[worker.Connector]:
    return worker.parse({f"c{n}": connector(state, tasks, trace) for n, (state, tasks) in enumerate(states)})


THREE = ("event-log-zookeeper", BROKER, WORKER)
SERVICES = ("zookeeper", "broker", "connect")


def three(*entries: Any, **more: Any) -> Seen:
    """The same with ZooKeeper."""
    containers = stack.parse_inspect(json.dumps(entries))
    return replace(seen(**more), containers=containers, names=THREE, services=SERVICES)


STATES: Dict[str, Tuple[Seen, str, str]] = {
    "all well": (seen(), "ok", "Running: connector c reads openmrs, no event yet."),
    "events": (seen(newest_ms=1_700_000_000_000), "ok", "Running: connector c reads openmrs, newest event 2023-11-1"),
    "two": (
        seen(connectors=connectors(("RUNNING", ("RUNNING",)), ("RUNNING", ("RUNNING",)))),
        "ok",
        "Running: 2 connectors run",
    ),
    "engine": (
        seen(engine_error="Cannot connect to the Docker daemon"),
        "down",
        "Down: the Docker engine does not answer (Cannot",
    ),
    "nothing": (seen("none", "none"), "down", "Down: the event log has no containers here. Run site.yml."),
    "no broker": (seen("none"), "down", "Down: Kafka has no container (event-log-broker)."),
    "stopped": (
        seen(container(BROKER, "exited"), container(WORKER, "exited"), unit="inactive"),
        "down",
        "Stopped: somebody",
    ),
    "crashed": (
        seen(container(BROKER, "exited", ExitCode=137, OOMKilled=True), unit="active"),
        "down",
        "Down: Kafka has stopped (exit code 137, out of memory). See why: sudo docker logs --tail 50 event-log-broker; "
        "if its memory is too small: event_log_profile",
    ),
    "heap full": (
        seen(connect=container(WORKER, "exited", ExitCode=3), unit="active"),
        "down",
        "Down: Kafka Connect has stopped (exit code 3, as when its heap is full). See why: sudo docker logs --tail 50 "
        "event-log-connect; if its memory is too small: event_log_profile; start it:",
    ),
    "loop": (
        seen(connect=container(WORKER, "restarting", ExitCode=1, RestartCount=7)),
        "ill",
        "Kafka Connect fails and is started again",
    ),
    "loop, up just now": (
        seen(container(BROKER, health="starting", RestartCount=3)),
        "ill",
        "Kafka fails and is started again",
    ),
    "frozen": (
        seen(container(BROKER, "paused")),
        "held",
        "Kafka is frozen. Go on: sudo docker unpause event-log-broker",
    ),
    "unhealthy": (
        seen(container(BROKER, health="unhealthy")),
        "ill",
        "Kafka runs but does not answer its health check.",
    ),
    "booting": (
        seen(container(BROKER, health="starting"), container(WORKER, health="starting")),
        "busy",
        "Starting: Kafka and Kafka Connect",
    ),
    "booting with ZooKeeper": (
        three(*(container(name, health="starting") for name in THREE)),
        "busy",
        "Starting: ZooKeeper and Kafka and Kafka Connect are not ready yet.",
    ),
    "ZooKeeper crashed": (
        three(
            container("event-log-zookeeper", "exited", ExitCode=1), container(BROKER), container(WORKER), unit="active"
        ),
        "down",
        "Down: ZooKeeper has stopped (exit code 1). See why: sudo docker logs --tail 50 event-log-zookeeper",
    ),
    "well with ZooKeeper": (
        three(*(container(name) for name in THREE)),
        "ok",
        "Running: connector c reads openmrs, no event yet.",
    ),
    "worker silent with ZooKeeper": (
        three(*(container(name) for name in THREE), worker_error="no answer"),
        "ill",
        "Kafka Connect does not serve: no answer. See why: sudo docker logs --tail 50 event-log-connect",
    ),
    "worker booting": (
        seen(connect=container(WORKER, health="starting")),
        "busy",
        "Starting: Kafka Connect is not ready yet.",
    ),
    "worker silent": (
        seen(worker_error="no answer (too slow)"),
        "ill",
        "Kafka Connect does not serve: no answer (too slow).",
    ),
    "no connector": (seen(connectors=[]), "ill", "Kafka runs, but no connector is registered."),
    "failed": (
        seen(connectors=connectors(("RUNNING", ("FAILED",)), trace="java.lang.OopsException: Amina")),
        "ill",
        "The connector c0 has failed: OopsException.",
    ),
    "paused": (
        seen(connectors=connectors(("PAUSED", ("PAUSED",)))),
        "held",
        "The connector c0 was paused: changes wait",
    ),
    "no task": (
        seen(connectors=connectors(("RUNNING", ()))),
        "busy",
        "Starting: the connector c0 is RUNNING, its tasks: none.",
    ),
    "moving": (
        seen(connectors=connectors(("RUNNING", ("UNASSIGNED",)))),
        "busy",
        "Starting: the connector c0 is RUNNING",
    ),
    "hold": (
        seen(
            container(BROKER, "exited"), container(WORKER, "exited"), hold="disk is replaced.\nAmina", unit="inactive"
        ),
        "held",
        "On hold, it does not run: disk is replaced. To go on: sudo rm /opt/event-log/hold; sudo systemctl start e",
    ),
    "hold, running": (
        seen(hold=""),
        "held",
        "On hold, it still runs: no reason given. To stop it: sudo systemctl stop event-log.",
    ),
    "upgrade": (
        seen(upgrade_since="2026-11-24 10:00"),
        "busy",
        "A change of the stack has been under way since 2026-11-24 10:00.",
    ),
    "disk": (
        seen(free=10 * 1024**2, size=100 * 1024**3),
        "ill",
        "The disk of /var/lib/event-log is almost full: 10.0 MiB of 100.0 GiB",
    ),
    "small disk with room": (seen(free=900 * 1024**2, size=10 * 1024**3), "ok", "Running"),
}


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_verdict_and_its_sentence(state: str) -> None:
    given, verdict, sentence = STATES[state]
    found = judge(given)
    assert (found.verdict, found.sentence[: len(sentence)]) == (verdict, sentence)
    assert "\n" not in found.sentence
    assert bool(found.findings) == (verdict != "ok")


def test_the_gravest_finding_speaks_and_the_others_stand_below() -> None:
    found = judge(seen(connectors=[], free=1, size=1024**4, upgrade_since="10:00"))
    assert [one.id for one in found.findings] == ["no_connector", "disk", "upgrade"]
    text = found.as_text().splitlines()
    assert text[0] == found.sentence
    assert [line.startswith("Also: ") for line in text[1:]] == [True, True]
    assert found.as_data()["findings"][1]["id"] == "disk"


PATIENTS = "Mary Smith|Grace|Wanjiru|Otieno|Amina|100026873|1984-02-03|given_name"
DENIED = (
    "org.a.ConnectException: x\n\tat q.R.s(R.java:1)\nCaused by: java.sql.SQLException: Access denied for user 'x'@'y'"
)
GONE = "a.AException: x\nCaused by: io.d.DebeziumException: Error code: 1236; SQLSTATE: HY000."


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        ("java.lang.IllegalStateException: too late\n\tat x.Y.z(Y.java:1)", "IllegalStateException"),
        ("a.BError: Otieno\n\tat q\nCaused by: c.D$EError: m\nCaused by: e.FFailure", "BError <- D$EError <- FFailure"),
        ("a.DataException: Can't convert value 'Mary Smith' of 'given_name' to long", "DataException"),
        ("a.DataException: Can't convert Mary Smith, born 1984-02-03, 100026873", "DataException"),
        ("a.DataException: first\nMary Smith\nAmina.Otieno: x\nmary.Smith\nCaused by: Grace", "DataException"),
        ("a.DataException: Struct{family_name=Otieno,given_name=Amina", "DataException"),
        ("java.lang.NullPointerException", "NullPointerException"),
        ("java.lang.Error: Grace", "Error"),
        (
            "a.AError\n" + "".join(f"Caused by: a.B{n}Error\n" for n in range(9)),
            "AError <- B6Error <- B7Error <- B8Error",
        ),
        (DENIED, "the database refuses the login (ConnectException <- SQLException)"),
        (
            GONE,
            "the database no longer has the binary log from which it must go on (AException <- DebeziumException)",
        ),
        (
            "a.AException: A slave with the same server_uuid/server_id as this slave has connected to the master;"
            " the first event 'binlog.000001' at 4. Error code: 1236; SQLSTATE: HY000.",
            "another reader uses the same server id (AException)",
        ),
        (
            "a.AException: A slave with the same server_id as this slave has connected. Error code: 1236",
            "another reader uses the same server id (AException)",
        ),
        ("Mary Smith: connection refused", "the database cannot be reached"),
        ("Mary Smith", ""),
        ("", ""),
    ],
)
def test_a_trace_is_told_in_words_that_hold_no_data(trace: str, told: str) -> None:
    assert worker.safe_words(trace) == told
    assert not re.search(PATIENTS, told)


@given(st.text(alphabet="MarySmith'\"`:. \n{}[]\u12a0", max_size=80))
def test_nothing_of_a_message_is_passed_on(message: str) -> None:
    assert worker.safe_words(f"org.a.DataException: {message}") == "DataException"


def test_of_a_second_reader_with_the_same_id_the_remedy_says_how_to_find_it() -> None:
    trace = (
        "a.AException: A slave with the same server_uuid/server_id as this slave. Error code: 1236; SQLSTATE: HY000."
    )
    verdict = judge(seen(connectors=connectors(("RUNNING", ("FAILED",)), trace=trace)))
    assert "uses the same server id (AException)" in verdict.sentence
    assert "Binlog Dump" in verdict.sentence and "event_log_server_id" in verdict.sentence


def test_the_connectors_are_told_without_data() -> None:
    trace = "a.DataException: Can't convert value 'Mary Smith'"
    data = judge(seen(connectors=connectors(("RUNNING", ("FAILED",)), trace=trace))).as_data()
    (one,) = data["connectors"]
    assert (one["name"], one["tasks"], one["reason"]) == ("c0", ["FAILED"], "DataException")
    assert "Mary" not in json.dumps(data)
