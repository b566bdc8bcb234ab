# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that are read again, and tables that are added, by a real connector on a real database.

The connector is one of a site that hides patients' data, and it was there before the table of signals: whatever is easy
to get wrong about signals is wrong there first.
"""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import Source, connector_config
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_snapshot import progress
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import Login
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_signals import SignalSource

from tests.helpers.calls import call
from tests.helpers.worker_files import LOGIN, SECRETS
from tests.helpers.workers import CAPTURE, DATABASE_PORT, Rig, wait_for
from tests.unit.roles.role_runs import Outcome, check

# A rig that somebody keeps still has the topics and offsets of an earlier run.
NAME = f"again-{uuid.uuid4().hex[:6]}"
DATABASE, SIGNALS = "clinic", "event_log.debezium_signal"
ROOT = {"login_port": DATABASE_PORT}
CAPTURE_LOGIN = {"login_port": DATABASE_PORT, "login_user": CAPTURE[0], "login_password": CAPTURE[1]}
MANY = 2000
TABLES = """
DROP DATABASE IF EXISTS clinic;
DROP DATABASE IF EXISTS event_log;
CREATE DATABASE clinic;
CREATE TABLE clinic.visit (visit_id int PRIMARY KEY, note varchar(50));
CREATE TABLE clinic.obs (obs_id int PRIMARY KEY AUTO_INCREMENT, note varchar(50));
CREATE TABLE clinic.late (late_id int PRIMARY KEY, note varchar(50));
CREATE TABLE clinic.keyless (note varchar(50));
INSERT INTO clinic.visit VALUES (1, 'a'), (2, 'b');
INSERT INTO clinic.late VALUES (1, 'a'), (2, 'b'), (3, 'c');
"""


class Clinic:
    """The connector, its database and its topics."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.worker = rig.a

    def config(self, signals: str) -> dict[str, Any]:
        source = Source(
            site=NAME, host="127.0.0.1", port=DATABASE_PORT, database=DATABASE, user=CAPTURE[0],
            password_file=f"{SECRETS}/database.properties", tables=("visit", "obs"), topic_prefix=NAME,
            bootstrap=self.rig.bootstrap, heartbeat_ms=1000, patient_data="masked", signal_table=signals,
            # Small parts, so that there is a middle; plain, so that the tests can read them off the disk.
            overrides={"incremental.snapshot.chunk.size": 20, "producer.override.compression.type": "none"},
        )  # fmt: skip
        return dict(connector_config(source))

    def register(self, signals: str) -> None:
        made = call("connector", **self.worker.options, name=NAME, config=self.config(signals))
        assert not made.get("failed"), made

    def snapshot(self, *tables: str, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"name": NAME, "tables": list(tables), "database_login": CAPTURE_LOGIN, **options}
        return call("connector_snapshot", check, **self.worker.options, **given)

    def add(self, *tables: str, check: bool = False) -> dict[str, Any]:
        given = {"name": NAME, "tables": list(tables), "database_login": CAPTURE_LOGIN}
        return call("connector_tables", check, **self.worker.options, **given)

    def caught_up(self, **options: Any) -> dict[str, Any]:
        given = {"name": NAME, "database_login": CAPTURE_LOGIN, **options}
        return call("connector_caught_up", **self.worker.options, **given)

    def restart(self) -> None:
        assert not call("connector", **self.worker.options, name=NAME, restart=True).get("failed")

    def keys_read(self, table: str) -> list[int]:
        """The keys of the rows that were read by a snapshot, as often as they were."""
        log = self.rig.log_of(f"{NAME}.{DATABASE}.{table}")
        read = re.findall(
            rf'"after":{{"{table}_id":(\d+)[^}}]*}},"source":{{[^}}]*}},(?:"transaction":null,)?"op":"r"', log
        )
        return [int(key) for key in read]

    def times_read(self, table: str) -> int:
        return len(self.keys_read(table))

    def mentions(self, table: str, word: str) -> bool:
        return f'"note":"{word}"' in self.rig.log_of(f"{NAME}.{DATABASE}.{table}")

    def run(self, folder: Path, entry: str) -> Outcome:
        """Run tasks of the role event_connector on this machine, for this connector."""
        (folder / "home/config").mkdir(parents=True, exist_ok=True)
        told = {
            "event_log_site": NAME, "event_log_image": "none", "event_log_home": str(folder / "home"),
            "event_log_connector_name": NAME, "event_log_topic_prefix": NAME, "event_log_tables": ["visit", "obs"],
            "event_log_database_name": DATABASE, "event_log_database_port": DATABASE_PORT,
            "event_log_capture_user": CAPTURE[0], "event_log_capture_password": CAPTURE[1],
            "event_log_connect_url": self.worker.url, "event_log_connect_user": LOGIN[0],
            "event_log_connect_password": LOGIN[1], "path": os.environ["PATH"],
        }  # fmt: skip
        role = {"name": "openmrs.event_log.event_connector", "tasks_from": entry}
        return check(folder, [{"ansible.builtin.import_role": role}], {"clinic": told}, really=True)["clinic"]

    @property
    def offset(self) -> Any:
        offsets = self.worker.get(f"/connectors/{NAME}/offsets")["offsets"]
        return offsets[0]["offset"] if offsets else None


@pytest.fixture(scope="module")
def clinic(rig: Rig) -> Iterator[Clinic]:
    rows = ", ".join(f"({number}, 'x')" for number in range(1, MANY + 1))
    rig.sql(f"{TABLES} INSERT INTO clinic.obs VALUES {rows}")  # noqa: S608
    made = Clinic(rig)
    made.register("")
    try:
        wait_for("the first reading is over", lambda: made.times_read("obs") == MANY)
        table = {"name": SIGNALS, **ROOT}
        foreseen, done, again = (call("mysql_signal_table", check, **table) for check in (True, False, False))
        assert [one["changed"] for one in (foreseen, done, again)] == [True, True, False]
        rig.sql(f"GRANT SELECT, INSERT, DELETE, CREATE ON {SIGNALS} TO '{CAPTURE[0]}'@'%'")
        made.register(SIGNALS)
        yield made
    finally:
        rig.a.delete(NAME)
        rig.sql("DROP DATABASE clinic; DROP DATABASE IF EXISTS event_log")


def test_a_table_is_read_again_by_a_connector_older_than_the_table_of_signals(clinic: Clinic) -> None:
    before = clinic.times_read("visit")
    foreseen = clinic.snapshot("visit", check=True)
    assert (foreseen["changed"], foreseen["tables"]) == (True, [f"{DATABASE}.visit"])
    done = clinic.snapshot("visit", state="finished")
    assert (done["changed"], done["finished"]) == (True, True), done
    assert clinic.times_read("visit") == before + 2


def test_it_still_hears_signals_after_a_restart(clinic: Clinic) -> None:
    clinic.restart()
    before = clinic.times_read("visit")
    assert clinic.snapshot("visit", state="finished").get("finished"), clinic.worker.states(NAME)
    assert clinic.times_read("visit") == before + 2
    clinic.worker.await_states(NAME, "RUNNING", "RUNNING")


# 2026-11-30: passed twice; once nothing seemed left to read at row 818 of 2000. Whether the reading ended there is
# to be found out, so it is no part of each run yet.
@pytest.mark.full
def test_what_a_kill_cuts_off_goes_on_where_it_was(clinic: Clinic) -> None:
    before = len(clinic.keys_read("obs"))
    started = clinic.snapshot("obs")
    assert started["changed"], started
    wait_for("it is in the middle", lambda: progress(clinic.offset) or progress({"x": 1}), 60, pause=0.05)
    middle = progress(clinic.offset)
    assert middle is not None, "it was over before anybody could cut it off"
    clinic.worker.kill()
    clinic.worker.start()
    clinic.worker.await_ready()
    clinic.worker.await_states(NAME, "RUNNING", "RUNNING")
    everything = set(range(1, MANY + 1))
    wait_for("every row is read", lambda: set(clinic.keys_read("obs")[before:]) == everything, 120)
    read = clinic.keys_read("obs")[before:]
    assert len(read) < 2 * MANY, "it began anew"


def test_a_further_table_comes_with_its_structure_and_its_data(clinic: Clinic) -> None:
    wanted = ("visit", "obs", "late")
    foreseen = clinic.add(*wanted, check=True)
    assert (foreseen["changed"], foreseen["added"]) == (True, ["late"])
    assert "late" not in clinic.worker.get(f"/connectors/{NAME}/config")["table.include.list"]
    done = clinic.add(*wanted)
    assert (done.get("changed"), done.get("added")) == (True, ["late"]), done
    config = clinic.worker.get(f"/connectors/{NAME}/config")
    assert config["table.include.list"] == r"clinic\.visit,clinic\.obs,clinic\.late"
    assert not {"snapshot.mode", "event.log.adding"} & set(config)
    wait_for("the rows of before are there", lambda: set(clinic.keys_read("late")) == {1, 2, 3})
    clinic.rig.sql("ALTER TABLE clinic.late ADD COLUMN more int; INSERT INTO clinic.late VALUES (4, 'd', 7)")
    clinic.restart()
    clinic.rig.sql("INSERT INTO clinic.late VALUES (5, 'e', 8)")
    topic = f"{NAME}.{DATABASE}.late"
    wait_for("its own events follow", lambda: '"late_id":5,' in clinic.rig.log_of(topic), 60, clinic.worker.name)
    assert '"more":7' in clinic.rig.log_of(topic)
    assert clinic.add(*wanted)["changed"] is False


def test_what_cannot_be_read_in_parts_is_refused(clinic: Clinic) -> None:
    message = clinic.add("visit", "keyless", "nowhere")["msg"]
    assert "keyless, nowhere cannot be added" in message
    clinic.worker.await_states(NAME, "RUNNING", "RUNNING")


def test_everything_is_read_when_it_says_so(clinic: Clinic) -> None:
    clinic.rig.sql("INSERT INTO clinic.visit VALUES (77, 'last')")
    done = clinic.caught_up()
    assert done.get("caught_up") is True, done
    assert '"visit_id":77' in clinic.rig.log_of(f"{NAME}.{DATABASE}.visit")


def test_a_statement_that_changes_a_table_is_found_in_the_binary_log(clinic: Clinic) -> None:
    login = Login("127.0.0.1", DATABASE_PORT, *CAPTURE)
    source = SignalSource(login, DATABASE)
    place = source.mark(SIGNALS)
    clinic.rig.sql("INSERT INTO clinic.visit VALUES (78, 'ALTER TABLE visit'); CREATE TABLE clinic.other (a int)")
    assert source.schema_changes(*place, ["visit", "obs"]) == []
    clinic.rig.sql("ALTER TABLE clinic.visit ADD COLUMN more int")
    (found,) = source.schema_changes(*place, ["visit", "obs"])
    assert "ALTER TABLE" in found
    assert "visit" in found


@pytest.mark.full
def test_an_upgrade_of_openmrs_is_read_to_its_end(clinic: Clinic, tmp_path: Path) -> None:
    """By the role's own tasks, as the playbooks openmrs_upgrade_begin and openmrs_upgrade_end run them."""
    begun = clinic.run(tmp_path, "upgrade_begin")
    assert begun.failure == ""
    assert "Stop the connector" in begun.changed
    clinic.worker.await_states(NAME, "STOPPED")
    for number in range(30):
        clinic.rig.sql(f"ALTER TABLE clinic.obs ADD COLUMN c{number} int")
    clinic.rig.sql("ALTER TABLE clinic.obs DROP COLUMN c0; INSERT INTO clinic.obs (obs_id, c29) VALUES (99999, 7)")
    ended = clinic.run(tmp_path, "upgrade_end")
    assert ended.failure == ""
    (told,) = [str(result["msg"]) for name, result in ended.results if name.startswith("Say what the upgrade changed")]
    assert [f"obs.c{number} is new (int)" in told for number in (0, 1, 29)] == [False, True, True]
    assert '"obs_id":99999,' in clinic.rig.log_of(f"{NAME}.{DATABASE}.obs")
    clinic.worker.await_states(NAME, "RUNNING", "RUNNING")


def test_one_that_stands_still_is_not_waited_for(clinic: Clinic) -> None:
    assert not call("connector", **clinic.worker.options, name=NAME, state="stopped").get("failed")
    told = clinic.caught_up(wait_timeout=20)
    assert "STOPPED" in told["msg"]
    assert "STOPPED" in clinic.snapshot("visit")["msg"]
    assert not call("connector", **clinic.worker.options, name=NAME).get("failed")
