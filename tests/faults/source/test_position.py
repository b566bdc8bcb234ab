# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A position that is no place in the database any more, on a real worker: what is seen, told, repaired, and lost."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Dict, Set

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_memory import Memory

from tests.helpers.calls import call
from tests.helpers.fault_home import Home
from tests.helpers.fault_site import BROKER, CAPTURE, DATABASE_PORT, STACK, TABLES, WORKER, Site, replayed
from tests.helpers.workers import docker, wait_for


def options(site: Site, name: str, memory: Path, reason: str, **more: Any) -> Dict[str, Any]:
    producer = ["docker", "exec", "-i", "--env", "KAFKA_HEAP_OPTS=", "--env", "KAFKA_LOG4J_OPTS=", BROKER]
    producer += ["kafka-class", "org.apache.kafka.tools.ConsoleProducer", f"--bootstrap-server={STACK.bootstrap}"]
    return {
        **site.options,
        "name": name,
        "reason": reason,
        "database_login": {
            "login_port": DATABASE_PORT,
            "login_user": CAPTURE[0],
            "login_password": CAPTURE[1],
        },
        "database": "openmrs",
        "tables": list(TABLES),
        "signal_table": "event_log.debezium_signal",
        "memory": str(memory),
        "worker": WORKER,
        "configs_topic": STACK.configs_topic,
        "producer": producer,
        "wait_timeout": 150,
        **more,
    }


def missing(site: Site, name: str) -> Set[int]:
    """The rows of which a consumer has another state than the table."""
    state, table = replayed(site.events(name)), site.rows()
    return {key for key in {**state, **table} if state.get(key) != table.get(key)}


@pytest.mark.parametrize(
    "fill", ["incremental", *(pytest.param(fill, marks=pytest.mark.full) for fill in ("full", "nothing"))]
)
def test_a_purged_binary_log_fails_loudly_and_is_repaired_with_a_record(site: Site, tmp_path: Path, fill: str) -> None:
    name = f"purged-{fill}"
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a'), (2, 'M', 'b'), (3, 'F', 'c')")
    site.register(name)
    docker("kill", WORKER)
    site.sql(
        "INSERT INTO openmrs.person VALUES (4, 'M', 'd'); UPDATE openmrs.person SET gender = 'X' WHERE person_id = 1"
    )
    site.sql("DELETE FROM openmrs.person WHERE person_id = 3; FLUSH BINARY LOGS")
    ((newest, *_),) = site.sql("SHOW MASTER STATUS")
    site.sql(f"PURGE BINARY LOGS TO '{newest}'")
    docker("start", WORKER)
    assert "no longer available on the server" in site.await_failed(name)
    home, before = Home(site, name, tmp_path), site.offset(name)
    named = ("-e", "event_log_repair=broken", "-e", f"event_log_repair_fill={fill}")

    told = home.play("repair_binlog_gap")
    assert (told.code, told.changed) == (0, []), told.output[-3000:]
    assert f"{before['file']}:{before['pos']}" in told.output
    assert "Nothing was changed. To do it, say -e event_log_repair=broken" in told.output
    assert site.offset(name) == before and "FAILED" in site.states(name)

    done = home.play("repair_binlog_gap", *named)
    assert done.code == 0 and len(done.changed) == 1, done.output[-3000:]
    site.sql("INSERT INTO openmrs.person VALUES (5, 'F', 'e')")
    # A row that was deleted in the gap is what no snapshot can tell.
    wanted = {1, 3, 4} if fill == "nothing" else {3}
    wait_for("the stream goes on", lambda: 5 in replayed(site.events(name)), 90, WORKER)
    wait_for("the gap is filled", lambda: missing(site, name) == wanted, 90, WORKER)
    (gap,) = Memory.load(home.guard).get("gaps")
    assert gap["repaired"] and "no longer available" in gap["why"]
    again = call("source_repair", **options(site, name, home.guard, "binlog_gap", fill=fill))
    assert again.get("changed") is False and "Nothing is to be repaired" in again["words"][0], again
    assert site.states(name) == ["RUNNING", "RUNNING"]
    assert site.rest("GET", f"/connectors/{name}")[1]["config"] == {**site.config(name), "name": name}


def rebuilt(site: Site, name: str) -> None:
    """Another database under the same address, whose binary log has a file of the same name and goes further."""
    site.sql("FLUSH BINARY LOGS; INSERT INTO openmrs.person VALUES (1, 'F', 'a'), (2, 'M', 'b'), (3, 'F', 'c')")
    site.register(name)
    site.sql("INSERT INTO openmrs.person VALUES (4, 'F', 'd')")
    wait_for("the row", lambda: 4 in replayed(site.events(name)), 60, WORKER)
    before = wait_for("a position", lambda: site.offset(name), 30)
    docker("kill", WORKER)
    site.make_database()
    while site.sql("SHOW MASTER STATUS")[0][0] < before["file"]:
        site.sql("FLUSH BINARY LOGS")
    site.sql("INSERT INTO openmrs.person VALUES (2, 'M', 'from the backup')")
    numbers = itertools.count(100)
    while site.sql("SHOW MASTER STATUS")[0][1] < before["pos"] + 2000:
        row = "INSERT INTO openmrs.person VALUES ({}, 'F', 'another history')"
        site.sql("; ".join(row.format(next(numbers)) for _ in range(10)))


def test_of_a_rebuilt_database_nothing_is_read_from_the_old_position(site: Site, tmp_path: Path) -> None:
    name = "rebuilt"
    rebuilt(site, name)
    memory = Memory.load(tmp_path)
    memory.put("hold", {"id": "database_other", "what": "the database is another one", "connector": name})
    memory.save()
    given = options(site, name, tmp_path, "restored_source", fill="full")
    told = call("source_repair", check=True, **given)
    assert told["changed"] and told["why"] == "the database is another one", told
    assert docker("inspect", "--format", "{{.State.Running}}", WORKER).strip() == "false"

    done = call("source_repair", **given)
    assert done["actions"] == told["actions"], done
    wait_for("the tables are read again", lambda: site.streams(name), 90, WORKER)
    events = site.events(name)
    strange = [event for event in events if event.op != "r" and "another history" in str(event.value)]
    assert strange == [], "read from the position of the former database"
    state = replayed(events)
    assert {key: state.get(key) for key in site.rows()} == site.rows()
    assert set(state) - set(site.rows()) == {1, 3, 4}, "what was undone stays in the topic"
    assert Memory.load(tmp_path).get("hold") == {}
    site.sql("DELETE FROM openmrs.person WHERE person_id = 2")
    wait_for("the delete", lambda: 2 not in replayed(site.events(name)), 60, WORKER)
    assert call("source_repair", **given).get("changed") is False


@pytest.mark.full
def test_without_a_guard_a_rebuilt_database_is_read_from_the_old_position(site: Site) -> None:
    """What the test before this one would not see if it could not happen: Debezium itself notices nothing."""
    name = "rebuilt-unguarded"
    rebuilt(site, name)
    docker("start", WORKER)
    site.await_worker()
    told = ("FAILED", "strange")

    def outcome() -> str:
        strange = [event for event in site.events(name) if event.op == "c" and "another history" in str(event.value)]
        return told[1] if strange else told[0] if "FAILED" in site.states(name) else ""

    assert wait_for("it reads on, or fails", outcome, 90, WORKER) in told


@pytest.mark.full
def test_a_connector_that_was_deleted_by_hand_goes_on_where_it_was(site: Site) -> None:
    name = "deleted"
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a')")
    site.register(name)
    assert site.rest("DELETE", f"/connectors/{name}")[0] == 204
    site.sql(
        "INSERT INTO openmrs.person VALUES (2, 'M', 'b'); UPDATE openmrs.person SET gender = 'X' WHERE person_id = 2"
    )
    site.sql("DELETE FROM openmrs.person WHERE person_id = 1")
    made = call("connector", name=name, config=site.config(name), **site.options)
    assert made["actions"] == ["create"], made
    wait_for("what happened meanwhile", lambda: not missing(site, name), 90, WORKER)
    # Not by a second snapshot, which could not tell of the delete nor of the state between.
    assert [(event.key, event.op) for event in site.events(name) if event.value] == [
        (1, "r"), (2, "c"), (2, "u"), (1, "d"),
    ]  # fmt: skip
