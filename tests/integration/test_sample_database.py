# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - names of tables and columns of the schema itself
"""The sample database on a real server, set up by its role beside whatever else this machine runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pymysql
import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import load, sql
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample.client import Client
from ansible_collections.openmrs.event_log.tests.unit.roles.openmrs_sample.test_schema import foreign_keys

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = "openmrs-sample-in-tests"
#: Another server to run all of this against, such as the one of images/openmrs-sample-mysql-9.
IMAGE = os.environ.get("EVENT_LOG_TEST_SAMPLE_IMAGE", "")
PASSWORD = "capture-word-of-'tests'"


@dataclass(frozen=True)
class Sample:
    folder: Path
    port: int

    def play(self, *words: str, entry: str = "main", **variables: Any) -> dict[str, Any]:
        """Run the role; return what became of each task, and the counts."""
        playbook, settings = self.folder / "play.yml", self.folder / "ansible.cfg"
        role = f"{{name: openmrs.event_log.openmrs_sample, tasks_from: {entry}}}"
        playbook.write_text(
            f"- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.include_role: {role}\n"
        )
        settings.write_text(
            f"[defaults]\ncollections_path = {ROOT / '.cache'}\nlocal_tmp = {self.folder / 'ansible'}\n"
            "stdout_callback = ansible.posix.json\nretry_files_enabled = false\n"
        )
        given = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "event_log_capture_password": PASSWORD,
            "openmrs_sample_port": self.port,
            "openmrs_sample_home": str(self.folder / "home"),
            "openmrs_sample_data_dir": str(self.folder / "data"),
            "openmrs_sample_project": CONTAINER,
            "openmrs_sample_container": CONTAINER,
            "openmrs_sample_patients": 40,
            "openmrs_sample_legacy_tables": True,
            "openmrs_sample_pull_image": "",
            "openmrs_sample_image": IMAGE,
            **variables,
        }
        mine = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        done = subprocess.run(
            [
                *f"{sys.executable} -m ansible playbook -i localhost, -e".split(),
                json.dumps(given),
                str(playbook),
                *words,
            ],
            cwd=ROOT,
            env={**mine, "ANSIBLE_CONFIG": str(settings)},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def command(self, *words: str) -> dict[str, Any]:
        client = f"docker exec -i {CONTAINER} sample-sql"
        command = ["python3", "-B", "-m", "openmrs_sample", "--client", client, *words]
        done = subprocess.run(
            command, cwd=self.folder / "home", capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def ask(self, statement: str, *words: str) -> list[list[str]]:
        command = ["docker", "exec", "-i", CONTAINER, "sample-sql", *words]
        done = subprocess.run(command, input=statement, capture_output=True, text=True, check=True, timeout=120)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def counts(self) -> dict[str, int]:
        return {table: int(self.ask(f"SELECT COUNT(*) FROM {table}")[0][0]) for table in load.TABLES}


def changed(report: dict[str, Any]) -> list[str]:
    tasks = report["plays"][0]["tasks"]
    names = [(task["task"]["name"].split(" : ")[-1], task["hosts"]) for task in tasks]
    return [name for name, hosts in names for result in hosts.values() if result.get("changed")]


def failure(report: dict[str, Any]) -> str:
    results = [result for task in report["plays"][0]["tasks"] for result in task["hosts"].values()]
    return " ".join(str(result.get("msg")) for result in results if result.get("failed"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """A converged sample database, after check mode has said what that would change."""
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no Docker engine answers here")
    made = Sample(tmp_path_factory.mktemp("sample"), free_port())
    subprocess.run(["docker", "rm", "--force", CONTAINER], capture_output=True, check=False)
    try:
        predicted, real = made.play("--check", "--diff"), made.play()
        assert failure(real) == ""
        assert changed(predicted) == changed(real)
        assert "Fill the sample database" in changed(real)
        yield made
    finally:
        removed = made.play(entry="remove", openmrs_sample_remove_data=True)
    assert failure(removed) == ""
    assert not (made.folder / "home").exists()
    assert not (made.folder / "data").exists()


@pytest.mark.full  # molecule's default scenario shows it on a server of its own
def test_a_second_run_and_its_check_change_nothing(sample: Sample) -> None:
    assert changed(sample.play("--check", "--diff")) == []
    assert changed(sample.play()) == []


@pytest.mark.full
def test_the_data_are_whole(sample: Sample) -> None:
    """Keys are not checked while the tables are filled, so they are checked here."""
    counts = sample.counts()
    assert counts["obs"] > 100 * 40
    assert int(sample.ask("SELECT COUNT(*) FROM patient")[0][0]) == 40
    orphans = [
        f"SELECT '{key.table}.{key.column}', COUNT(*) FROM {key.table} c"
        f" LEFT JOIN {key.parent} p ON p.{key.parent_column} = c.{key.column}"
        f" WHERE c.{key.column} IS NOT NULL AND p.{key.parent_column} IS NULL"
        for key in foreign_keys()
    ]
    found = sample.ask(" UNION ALL ".join(orphans))
    assert len(found) == len(orphans)
    assert [line for line in found if line[1] != "0"] == []


def test_the_server_writes_every_row_to_its_log_and_no_commit_is_lost(sample: Sample) -> None:
    wanted = {
        "log_bin": "ON",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "sync_binlog": "1",
        "innodb_flush_log_at_trx_commit": "1",
        "bind_address": "127.0.0.1",
        "server_id": "3308",
        "performance_schema": "OFF",
        "character_set_server": "utf8mb4",
    }
    names = ", ".join(f"'{name}'" for name in wanted)
    assert dict(sample.ask(f"SHOW VARIABLES WHERE variable_name IN ({names})")) == wanted


def test_it_listens_on_loopback_only(sample: Sample) -> None:
    pid = subprocess.check_output(["docker", "inspect", "-f", "{{.State.Pid}}", CONTAINER], text=True).strip()
    mine = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if "socket" in str(link.readlink())}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
                listening.append(fields[1])
    assert listening == [f"0100007F:{sample.port:04X}"]


def test_the_capture_account_may_read_and_follow_and_nothing_else(sample: Sample) -> None:
    connection = pymysql.connect(
        host="127.0.0.1", port=sample.port, user="event_log", password=PASSWORD, charset="utf8mb4", autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        grants = sorted(row[0] for row in cursor.fetchall())
        assert grants == [
            "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `event_log`@`%`",
            "GRANT SELECT, LOCK TABLES ON `openmrs`.* TO `event_log`@`%`",
        ]
        cursor.execute("SELECT given_name FROM openmrs.person_name WHERE given_name = '𞤀𞤣𞤤𞤢𞤥'")
        assert cursor.fetchall(), "names of four-byte characters must come out as they went in"
        with pytest.raises(pymysql.err.MySQLError, match="denied"):
            cursor.execute("UPDATE openmrs.person SET gender = 'F'")
        with pytest.raises(pymysql.err.MySQLError, match="denied"):
            cursor.execute("SELECT * FROM mysql.user")


def test_a_load_reports_exactly_what_is_in_the_database_afterwards(sample: Sample) -> None:
    before, void = sample.counts(), int(sample.ask("SELECT COUNT(*) FROM obs WHERE voided = 1")[0][0])
    report = sample.command("load", "--rate", "500", "--seconds", "30", "--count", "300", "--seed", "9")
    after = sample.counts()
    assert report["commits"] == 300
    assert set(report["kinds"]) == {"new_patient", "edit_name", "edit_obs", "purge"}
    for table in load.TABLES:
        written = report["tables"][table]
        assert after[table] - before[table] == written.get("insert", 0) - written.get("delete", 0), table
    assert report["tables"]["obs"]["update"] == report["kinds"]["edit_obs"]
    assert report["tables"]["person"]["delete"] == report["kinds"]["purge"]
    assert int(sample.ask("SELECT COUNT(*) FROM obs WHERE voided = 1")[0][0]) != void
    assert report["seconds"] < 30


def test_a_transaction_that_the_database_takes_back_is_written_again(sample: Sample) -> None:
    """Somebody with more work behind him holds what the load wants, then wants what the load holds."""
    client = Client(("docker", "exec", "-i", CONTAINER, "sample-sql"))
    newest = load.newest(client)["obs"]
    with client.session() as other, ThreadPoolExecutor(1) as aside:
        other.run(
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;"
            f" UPDATE obs SET comments = 'held' WHERE obs_id <= {newest};"
        )
        words = ("load", "--rate", "100", "--seconds", "60", "--count", "1", "--mix", "edit_obs=1")
        loading = aside.submit(sample.command, *words)
        waiting = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        deadline = time.monotonic() + 45
        while sample.ask(waiting) == [["0"]]:
            assert time.monotonic() < deadline, "the load does not wait for the row that is held"
            time.sleep(0.1)
        other.run(f"SELECT obs_id FROM obs WHERE obs_id > {newest} FOR UPDATE;")
        other.run("ROLLBACK;")
        report = loading.result(60)
    assert (report["commits"], report["deadlocks"]) == (1, 1)
    assert report["tables"] == {"obs": {"insert": 1, "update": 1}}
    assert load.newest(client)["obs"] == newest + 1


@pytest.mark.full
def test_a_load_keeps_to_its_rate_and_its_time(sample: Sample) -> None:
    report = sample.command("load", "--rate", "5", "--seconds", "3", "--mix", "edit_name=1")
    assert report["kinds"] == {"edit_name": 15}
    assert 2.8 <= report["seconds"] < 6


def test_a_second_load_with_the_same_seed_finds_no_number_taken(sample: Sample) -> None:
    for _ in range(2):
        assert (
            sample.command("load", "--rate", "500", "--seconds", "20", "--count", "60", "--seed", "9")["commits"] == 60
        )


@pytest.mark.full
def test_legacy_tables_hold_impossible_dates(sample: Sample) -> None:
    rows = sample.ask("SELECT started, stopped, born FROM legacy_dates ORDER BY legacy_id")
    assert rows[0] == ["0002-11-30 00:00:00", "0000-00-00 00:00:00", "0000-00-00"]


@pytest.mark.full
def test_any_size_goes_into_another_database(sample: Sample) -> None:
    assert sample.command("--database", "other", "fill", "--patients", "3", "--seed", "2")["changed"] is True
    assert sample.command("--database", "other", "status") == {"state": "filled", "patients": 3, "seed": 2}
    assert sample.ask("SELECT COUNT(*) FROM patient", "--database=other") == [["3"]]
    sample.ask("DROP DATABASE other", "--database=")


def test_what_was_lost_comes_back_and_another_setting_recreates_the_container_with_its_data(sample: Sample) -> None:
    """A grant that is gone, a file that somebody changed, and another time zone, all at once."""
    before = sample.counts()
    sample.ask("REVOKE REPLICATION SLAVE ON *.* FROM 'event_log'@'%'")
    settings = sample.folder / "home" / "server" / "my.cnf"
    settings.write_text(settings.read_text() + "\n# changed by hand\n")
    report = sample.play(openmrs_sample_time_zone="+03:00")
    assert failure(report) == ""
    assert changed(report) == [
        "Write the sample's Compose project, settings and program",
        "Start the sample database",
        "Make the accounts of the sample database",
    ]
    assert "changed by hand" not in settings.read_text()
    assert sample.ask("SELECT @@time_zone") == [["+03:00"]]
    assert "REPLICATION SLAVE" in str(sample.ask("SHOW GRANTS FOR 'event_log'@'%'"))
    assert sample.counts() == before


@pytest.mark.full
def test_a_grant_that_was_lost_is_given_back_without_a_restart(sample: Sample) -> None:
    sample.ask("REVOKE REPLICATION SLAVE ON *.* FROM 'event_log'@'%'")
    report = sample.play(openmrs_sample_time_zone="+03:00")
    assert failure(report) == ""
    assert changed(report) == ["Make the accounts of the sample database"]


def test_an_image_that_is_nowhere_is_refused_by_name(sample: Sample) -> None:
    report = sample.play(openmrs_sample_image="openmrs-sample-db:not-there")
    assert "openmrs_sample_image is 'openmrs-sample-db:not-there'" in failure(report)
    assert changed(report) == []


def test_columns_of_the_generator_are_those_of_the_server(sample: Sample) -> None:
    for table, columns in sql.COLUMNS.items():
        found = {row[0] for row in sample.ask(f"SHOW COLUMNS FROM {table}")}
        assert set(columns) <= found, table
