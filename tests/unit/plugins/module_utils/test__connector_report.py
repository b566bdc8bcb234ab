# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told about a connector."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_report as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._connector import Current, Desired, Finding
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_state import Status, Task
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, RequestError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

SECRETS = Secrets().knowing("pw-123456")
RUNNING = Status("RUNNING", (Task(0, "FAILED", "w", "it was pw-123456"),), version="3.6.0.Final", type="source")


def test_a_connector_as_it_is_returned() -> None:
    assert subject.connector_shown(SECRETS, "n", {"b": "1", "a.password": "pw-123456"}, RUNNING, None) == {
        "name": "n",
        "type": "source",
        "state": "RUNNING",
        "version": "3.6.0.Final",
        "config": {"a.password": "<redacted>", "b": "1"},
        "tasks": [{"id": 0, "state": "FAILED", "worker_id": "w", "trace": "it was <redacted>"}],
    }


def test_a_difference_has_run_state_and_configuration() -> None:
    current = Current({"a": "1", "x.password": "old-word"}, RUNNING)
    desired = Desired("n", "stopped", {"a": "1", "x.password": "new-word"})
    assert subject.difference(SECRETS, current, desired) == {
        "before": {"state": "FAILED", "config": {"a": "1", "x.password": "<redacted>"}},
        "after": {"state": "STOPPED", "config": {"a": "1", "x.password": "<redacted, changed>"}},
        "before_header": "connector n",
        "after_header": "connector n",
    }


def test_findings_are_one_message_without_repetition() -> None:
    findings = [Finding("a", ("no", "no", "pw-123456")), Finding("b", ("missing",))]
    assert subject.findings_told(SECRETS, "n", findings) == (
        "config of connector n is not valid, 2 errors; nothing was changed. a: no <redacted>; b: missing"
    )
    assert "1 error;" in subject.findings_told(SECRETS, "n", findings[:1])


def test_a_trace_is_told_by_its_first_line_and_last_cause() -> None:
    trace = "E: first\n\tat a\nCaused by: second\n\tat b\n\t... 2 more\nCaused by: pw-123456\n\tat c\n"
    assert subject.trace_told(SECRETS, trace) == "E: first Caused by: <redacted>"
    assert subject.trace_told(SECRETS, None) == ""


ROW = (
    "org.a.ConvertException: no row [1, Abebe] pw-123456\n\tat a.B.c(B.java:1)\nCaused by: org.b.SQLException: 'Abebe'"
)


def test_of_a_trace_nothing_that_may_be_data_is_told_unless_it_is_asked_for() -> None:
    status = Status("FAILED", (Task(0, "FAILED", "w", ROW),), trace=ROW)
    (task,) = subject.connector_shown(SECRETS, "n", {}, status, None)["tasks"]
    assert (
        task["trace"] == "org.a.ConvertException: no row <hidden> <redacted>\nCaused by: org.b.SQLException: <hidden>"
    )
    assert subject.trace_told(SECRETS, ROW) == (
        "org.a.ConvertException: no row <hidden> <redacted> Caused by: org.b.SQLException: <hidden>"
    )
    whole = replace(SECRETS, show_traces=True)
    (task,) = subject.connector_shown(whole, "n", {}, status, None)["tasks"]
    assert task["trace"] == ROW.replace("pw-123456", "<redacted>")
    assert subject.trace_told(whole, ROW).endswith("Caused by: org.b.SQLException: 'Abebe'")


def test_the_known_cause_goes_before_a_trace() -> None:
    trace = "java.sql.SQLException: Access denied for user 'a'@'b' (using password: YES)"
    assert subject.trace_told(SECRETS, trace) == f"the database refuses the login: {trace}"


def test_of_a_message_the_workers_words_alone_are_scrubbed() -> None:
    error = EventLogError("name 'x' of ours: it said 'Abebe', pw-123456; [1] and then: 'Kebede'")
    error.quoted = ("it said 'Abebe', pw-123456", "'Kebede'", "what is not in it")
    told = subject.failure_told(SECRETS, error)["msg"]
    assert told.startswith("name 'x' of ours: it said <hidden>, <redacted>; [1] and then: <hidden> (what is <hidden>")
    assert "show_traces" in told
    whole = subject.failure_told(replace(SECRETS, show_traces=True), error)
    assert whole == {"msg": error.message.replace("pw-123456", "<redacted>")}


def test_an_answer_is_scrubbed_like_the_message() -> None:
    error = RequestError("no", "GET", "http://w", 500, "row [Abebe] of pw-123456")
    assert subject.failure_told(SECRETS, error)["response"] == "row <hidden>" + " of <redacted>"


def test_findings_of_the_plugin_are_scrubbed_too() -> None:
    findings = [Finding("a", ("Access denied for user 'x'@'%'", "near 'Abebe' at line 1"))]
    assert subject.findings_told(SECRETS, "n", findings).endswith(
        "a: Access denied for user 'x'@'%' near <hidden> at line 1"
    )
