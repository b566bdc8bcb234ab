# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log overview``: one document with everything, also where much of it cannot be told."""

from __future__ import annotations

import json
import shutil
from typing import Any

from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import upkeep
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made

DAYS = {
    "version": 1,
    "days": [
        {"day": "2026-03-01", "used": 10, "size": 100, "topics": {"a.b.person": [0, 5, 50]}},
        {"day": "2026-03-02", "used": 12, "size": 100, "topics": {"a.b.person": [5, 7, 60], "a.b.obs": [0, 4, 9]}},
    ],
}


def remember(host: Host, memory: Any) -> None:
    directory = host.root / "guard"
    directory.mkdir()
    (directory / "memory.json").write_text(json.dumps({"version": 1, **memory}))
    (directory / "days.json").write_text(json.dumps(DAYS))
    (host.chosen.home / "config" / "guard.json").write_text(json.dumps({"directory": str(directory), "site": "hill"}))


def without_disk(text: str) -> list[str]:
    """The lines but the one that says how much is free on this machine, which changes while we look."""
    return [line for line in text.splitlines() if not line.startswith("The disk of ")]


def answer(host: Host) -> dict[str, Any]:
    done = host.run("overview", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_everything_is_in_one_document(host: Host) -> None:
    host.topic("a.b.person-0", Made(0, payload=4000))
    host.topic("schema-changes.a-0", Made(0))
    remember(host, {"history": {"c": {"created": {"binlog.1": 1_700_000_000, "binlog.2": 1_700_000_900}}}})
    found = answer(host)
    assert (found["format"], found["site"]) == (1, "hill")
    assert found["verdict"] in ("ill", "down")
    assert found["sentence"]
    assert [one["topic"] for one in found["topics"]] == ["a.b.person"]
    assert found["disk"]["free"] > 0
    assert found["lag"]["newest_event"]
    assert "groups" not in found["lag"], "to ask for them takes a JVM"
    assert found["days"] == [["2026-03-01", 10, 100, 5], ["2026-03-02", 12, 100, 6]]
    assert found["events_by_table"][-1] == ["2026-03-02", {"a.b.person": 2, "a.b.obs": 4}]
    assert found["binlog_since"] == "2023-11-14T22:13:20.000Z"
    assert found["error"] is None
    assert found["versions"] == {"image": "openmrs-event-log:1", "kafka": None, "debezium": None, "database": None}
    assert (found["groups"], found["certificates"], found["backup"]) == (None, [], None)
    assert without_disk(found["text"]) == without_disk(host.run("overview").stdout.rstrip("\n"))
    assert "ON 2026-03-02" in found["text"]


def test_without_a_guard_the_rest_is_told(host: Host) -> None:
    host.topic("a.b.person-0", Made(0))
    found = answer(host)
    assert (found["site"], found["days"], found["guard"], found["binlog_since"]) == ("", [], {}, None)
    assert found["disk"]["guarded"] is False


def test_without_a_directory_the_verdict_is_told_and_why_there_is_no_more(host: Host) -> None:
    shutil.rmtree(host.chosen.data_dir)
    found = answer(host)
    assert found["sentence"]
    assert (found["disk"], found["lag"], found["topics"]) == (None, None, [])
    assert str(host.chosen.data_dir) in found["error"]
    assert found["error"] in found["text"]


def test_what_the_guard_has_remembered_may_be_anything() -> None:
    many: list[Any] = [None, [], {"c": 3}, {"c": {"created": [1]}}, {"c": {"created": {"f": None}}}]
    for history in many:
        assert upkeep.binlog_since({"history": history}) is None
