# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What connector_offsets refuses before anything is touched."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_offsets as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import (
    ApiError,
    BadAnswerError,
    InputError,
    PlanError,
)

from tests.unit.plugins.module_utils.connect_answers import INFO, STATUS, api_of, info, status
from tests.unit.plugins.module_utils.offsets_answers import (
    FILE,
    OFFSETS,
    OLD,
    WANTED,
    Call,
    begun,
    kept,
    looked,
    resumed,
    stopped,
)
from tests.unit.plugins.module_utils.scripted_http import FakeClock, ScriptedServer

# refused before anything is touched


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"offsets": []}, "needs at least one partition"),
        ({"offsets": WANTED * 2}, "the same as"),
        ({"wait_timeout": 0}, "wait_timeout: 0"),
        ({"sensitive_keys": ("(",)}, "sensitive_keys: '('"),
    ],
)
def test_bad_input_makes_no_request(worker: ScriptedServer, clock: FakeClock, options: Any, told: str) -> None:
    assert told in Call(worker, clock, **options).failure(InputError)["msg"]


def test_a_name_that_cannot_be(worker: ScriptedServer, clock: FakeClock) -> None:
    run = subject.OffsetsRun(subject.OffsetsOrder(" n", "reset"), api_of(worker, clock), lambda _values: None)
    with pytest.raises(InputError, match="cannot be the name of a connector"):
        run.execute()


def test_a_connector_that_is_not_there(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.fails("GET", INFO, 404, "Connector n not found")
    failed = Call(worker, clock).failure(InputError)
    assert failed["msg"] == "connector n is not registered, so it has no offsets to change"
    assert (failed["actions"], failed["offsets"], failed["state"]) == ([], None, None)


def test_the_same_partition_in_two_writings_of_a_sink(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, {**info(), "type": "sink"})
    both = [{"partition": {"kafka_topic": "t", "kafka_partition": number}, "offset": None} for number in (0, "0")]
    assert "offsets[1].partition: the same as" in Call(worker, clock, offsets=both).failure(InputError)["msg"]


def test_a_text_for_a_number(worker: ScriptedServer, clock: FakeClock) -> None:
    looked(worker, OLD)
    wanted = [{"partition": FILE, "offset": {"position": "7"}}]
    assert "mind the quotes" in Call(worker, clock, offsets=wanted).failure(InputError)["msg"]


def test_what_debezium_would_not_read(worker: ScriptedServer, clock: FakeClock) -> None:
    config = {"connector.class": "io.debezium.connector.mysql.MySqlConnector", "topic.prefix": "openmrs"}
    worker.expect("GET", INFO, info(config))
    assert 'reads {"server": "openmrs"} only' in Call(worker, clock).failure(InputError)["msg"]


def test_a_worker_that_shows_no_offsets(worker: ScriptedServer, clock: FakeClock) -> None:
    worker.expect("GET", INFO, info()).fails("GET", OFFSETS, 404, "HTTP 404 Not Found")
    assert "a worker older than Connect 3.5 shows no offsets" in Call(worker, clock).failure(ApiError)["msg"]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("version", ["3.5.2", "3.5.0-SNAPSHOT", "2.8.1"])
def test_a_worker_that_changes_no_offsets_is_known_by_its_version(
    worker: ScriptedServer, clock: FakeClock, version: str, check: bool
) -> None:
    looked(worker, OLD)
    worker.expect("GET", "/", {"version": version, "commit": "c", "kafka_cluster_id": "k"})
    failed = Call(worker, clock, check_mode=check).failure(PlanError)
    assert f"nothing was changed: the worker is Connect {version}, and changing offsets needs 3.6" in failed["msg"]


@pytest.mark.parametrize("version", ["3.6.0", "3.9.1", "7.6.0-ccs", "4.3.1", "unknown", None])
def test_other_versions_may_try(worker: ScriptedServer, clock: FakeClock, version: Optional[str]) -> None:
    looked(worker, OLD)
    if version is None:
        worker.fails("GET", "/", 403, "not for you")
    else:
        worker.expect("GET", "/", {"version": version, "commit": "c", "kafka_cluster_id": "k"})
    worker.expect("GET", STATUS, status("STOPPED"))
    assert Call(worker, clock, check_mode=True).result()["actions"] == ["alter"]


def test_a_worker_that_does_not_know_the_write_is_told_and_the_connector_runs_again(
    worker: ScriptedServer, clock: FakeClock
) -> None:
    begun(worker, "RUNNING RUNNING")
    stopped(worker)
    kept(worker, OLD)
    worker.fails("PATCH", OFFSETS, 405, "HTTP 405 Method Not Allowed")
    kept(worker, OLD)
    resumed(worker)
    failed = Call(worker, clock).failure(ApiError)
    assert "a worker older than Connect 3.6 changes no offsets. Its offsets were not changed" in failed["msg"]


@pytest.mark.parametrize("answer", ["401", "html", "broken"])
def test_what_is_no_answer_of_connect_ends_the_call(worker: ScriptedServer, clock: FakeClock, answer: str) -> None:
    if answer == "401":
        worker.expect("GET", INFO, raw=b"no", status=401, content_type="text/plain")
    elif answer == "html":
        worker.expect("GET", INFO, raw=b"<html>Sign in</html>", content_type="text/html")
    else:
        worker.expect("GET", INFO, info()).expect("GET", OFFSETS, {"offsets": [{"partition": FILE}]})
    failed = Call(worker, clock).failure(ApiError if answer == "401" else BadAnswerError)
    told = {"401": "url_username", "html": "a web page instead of JSON", "broken": "expected a list of offsets"}[answer]
    assert told in failed["msg"]
