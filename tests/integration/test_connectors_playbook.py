# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook connectors on a server: what curl lines did, for several hosts, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.playbooks import CAPTURE_PASSWORD, Outcome, play, play_all, site_variables
from tests.helpers.server import Server

CONNECTORS = "openmrs.event_log.connectors"
CONNECTOR = "openmrs-connector"


def said(outcome: Outcome) -> str:
    assert outcome.code == 0, outcome.output[-3000:]
    return outcome.output


def ordered(directory: Path, server: Server, state: str, *words: str, name: str = CONNECTOR) -> Outcome:
    order = ("-e", f"connector={name}", *(("-e", f"state={state}") if state else ()))
    return play(directory, server, site_variables(), *order, *words, playbook=CONNECTORS)


def state_of(server: Server) -> str:
    status, answer = server.request("GET", f"/connectors/{CONNECTOR}/status")
    assert status == 200, answer
    return str(answer["connector"]["state"])


def test_it_lists_the_connectors_of_several_hosts(server: Server, tmp_path: Path) -> None:
    """The second host is one that has no worker."""
    here = site_variables()
    elsewhere = {**here, "ansible_host": server.name, "event_log_connect_url": "http://127.0.0.1:8999"}
    outcome = play_all(tmp_path, {server.name: here, "elsewhere": elsewhere}, playbook=CONNECTORS)
    assert (
        f"{CONNECTOR}: RUNNING on 127.0.0.1:8083 (source, io.debezium.connector.mysql.MySqlConnector" in outcome.output
    )
    assert "task 0: RUNNING on 127.0.0.1:8083" in outcome.output
    assert "http://127.0.0.1:8999" in outcome.messages
    assert "Nothing was changed" in outcome.messages
    assert outcome.changed == []


def test_one_is_shown_with_its_configuration_and_without_secrets(server: Server, tmp_path: Path) -> None:
    shown = said(ordered(tmp_path, server, ""))
    assert "topic.prefix: openmrs" in shown
    assert "database.password: ${file:/run/event-log/secrets/database-" in shown
    assert CAPTURE_PASSWORD not in shown


@pytest.mark.parametrize("state", ["paused", pytest.param("stopped", marks=pytest.mark.full)])
def test_the_ladder_of_a_state_and_back(server: Server, tmp_path: Path, state: str) -> None:
    try:
        foretold = ordered(tmp_path, server, state, "--check")
        assert "would " in said(foretold)
        assert state_of(server) == "RUNNING"
        done = ordered(tmp_path, server, state)
        assert f"{CONNECTOR}: {state.upper()}" in said(done)
        assert state_of(server) == state.upper()
        assert len(done.changed) == 1
        assert done.changed == foretold.changed
        again = ordered(tmp_path, server, state)
        assert (said(again).count("nothing to do"), again.changed) == (1, [])
    finally:
        back = ordered(tmp_path, server, "running")
    assert "resume" in said(back)
    assert state_of(server) == "RUNNING"


@pytest.mark.full
def test_a_restart_is_a_change_each_time(server: Server, tmp_path: Path) -> None:
    outcome = ordered(tmp_path, server, "restarted")
    assert f"{CONNECTOR}: restart" in said(outcome)
    assert len(outcome.changed) == 1
    assert state_of(server) == "RUNNING"


def test_bad_input_is_one_message_with_what_is_there(server: Server, tmp_path: Path) -> None:
    outcome = ordered(tmp_path, server, "pausd", name="openmrs-conector")
    assert outcome.code != 0
    (failure,) = outcome.run.failures
    for word in ("state is pausd", "running, paused, stopped, restarted, absent", "openmrs-conector", CONNECTOR):
        assert word in failure.message
    assert outcome.changed == []


@pytest.mark.full
def test_removing_one_says_what_stays(server: Server, tmp_path: Path) -> None:
    """One of a second consumer, which takes no events; its name is told when it is gone."""
    config = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "topics": "openmrs.openmrs.patient_identifier_type",
        "file": "/tmp/second-consumer",
    }
    status, answer = server.request("PUT", "/connectors/second-consumer/config", config)
    assert status == 201, answer
    foretold = said(ordered(tmp_path, server, "absent", "--check", name="second-consumer"))
    assert "second-consumer: would be removed" in foretold
    assert "topics stay" in foretold
    assert "second-consumer: removed" in said(ordered(tmp_path, server, "absent", name="second-consumer"))
    again = ordered(tmp_path, server, "absent", name="second-consumer")
    assert f"there is no such connector. Connectors here: {CONNECTOR}" in said(again)
    assert again.changed == []
