# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as a command, with a client that plays the database's part."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.roles.openmrs_sample.files.openmrs_sample import accounts

FILES = Path(__file__).resolve().parents[4] / "roles" / "openmrs_sample" / "files"
#: Keeps what it was told in a file, and answers each question from a directory of answers.
CLIENT = """#!/usr/bin/env python3
import os, re, sys
folder = os.environ["FAKE"]
sql = sys.stdin.read() if not sys.argv[-1].endswith("--line") else ""
open(folder + "/asked", "a").write(" ".join(sys.argv[1:]) + "\\n" + sql + "\\n")
for name in sorted(os.listdir(folder + "/answers")):
    if re.search(name, sql):
        print(open(folder + "/answers/" + name).read(), end="")
for name in sorted(os.listdir(folder + "/refusals")):
    if re.search(name, sql):
        sys.exit(open(folder + "/refusals/" + name).read())
"""


@dataclass(frozen=True)
class Database:
    """What the client answers, and what it was asked."""

    folder: Path

    def answers(self, question: str, text: str) -> None:
        (self.folder / "answers" / question).write_text(text)

    def refuses(self, statement: str, text: str) -> None:
        (self.folder / "refusals" / statement).write_text(text)

    @property
    def asked(self) -> str:
        path = self.folder / "asked"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        client = shlex.join([sys.executable, str(self.folder / "client")])
        command = [sys.executable, "-B", "-m", "openmrs_sample", "--client", client, *words]
        environment = {**os.environ, "FAKE": str(self.folder)}
        return subprocess.run(
            command, cwd=FILES, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def database(tmp_path: Path) -> Database:
    (tmp_path / "client").write_text(CLIENT)
    (tmp_path / "answers").mkdir()
    (tmp_path / "refusals").mkdir()
    return Database(tmp_path)


def answer_of(done: subprocess.CompletedProcess[str]) -> Dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: Dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_empty_database_is_filled(database: Database) -> None:
    assert answer_of(database.run("fill", "--patients", "2"))["changed"] is True
    assert "CREATE DATABASE `openmrs` CHARACTER SET utf8mb4" in database.asked
    for words in ("CREATE TABLE obs (", "INSERT INTO patient (", '"done": true'):
        assert words in database.asked
    assert "legacy_dates" not in database.asked


def test_check_says_that_there_is_something_to_do_and_does_nothing(database: Database) -> None:
    assert answer_of(database.run("fill", "--check"))["changed"] is True
    assert "CREATE" not in database.asked


@pytest.mark.parametrize(("note", "state"), [('{"done": true, "patients": 7, "seed": 2}\n', "filled"), ("", "foreign")])
def test_a_database_with_tables_is_left_alone(database: Database, note: str, state: str) -> None:
    database.answers("information_schema", "person\nglobal_property\n")
    database.answers("property_value", note)
    done = answer_of(database.run("fill", "--patients", "2"))
    assert (done["changed"], done["state"]) == (False, state)
    assert "DROP" not in database.asked
    assert "CREATE" not in database.asked


def test_a_filling_that_was_interrupted_starts_anew(database: Database) -> None:
    database.answers("information_schema", "person\nglobal_property\n")
    database.answers("SELECT property_value", '{"patients": 7, "seed": 2}\n')
    assert answer_of(database.run("fill", "--patients", "2"))["changed"] is True
    assert database.asked.index("DROP DATABASE IF EXISTS `openmrs`") < database.asked.index("CREATE TABLE obs (")


def test_an_error_is_one_sentence_in_the_client_s_words(database: Database) -> None:
    database.refuses(
        "INSERT INTO obs", "--------------\nINSERT\n--------------\n\nERROR 1114 (HY000): The table is full\n"
    )
    done = database.run("fill", "--patients", "1")
    assert done.returncode == 1
    assert done.stderr == "openmrs_sample: the database's client failed: ERROR 1114 (HY000): The table is full\n"


def test_only_a_filled_database_is_written_to(database: Database) -> None:
    done = database.run("load", "--seconds", "1")
    assert (done.returncode, "the database openmrs is absent" in done.stderr) == (1, True)


def test_generate_prints_sql_and_asks_nobody(database: Database) -> None:
    done = database.run("generate", "--patients", "3", "--seed", "5", "--legacy")
    assert done.returncode == 0
    assert done.stdout.index("CREATE TABLE obs") < done.stdout.index("INSERT INTO person ")
    assert "legacy_dates" in done.stdout
    assert database.asked == ""
    assert done.stdout == database.run("generate", "--patients", "3", "--seed", "5", "--legacy").stdout


def test_a_negative_number_of_patients_is_refused(database: Database) -> None:
    done = database.run("generate", "--patients", "-3")
    assert (done.returncode, "--patients is -3: give 0 or more" in done.stderr) == (2, True)


WANTED = accounts.Wanted("root-word", "event_log", "capture-word", "open_mrs")


def test_an_account_without_grants_gets_them_all() -> None:
    assert accounts.missing(WANTED, {"USAGE"}, set()) == [
        "GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'event_log'@'%'",
        r"GRANT SELECT, LOCK TABLES ON `open\_mrs`.* TO 'event_log'@'%'",
    ]


def test_only_what_is_missing_is_granted_and_more_is_left_alone() -> None:
    everywhere = {"RELOAD", "SHOW DATABASES", "REPLICATION CLIENT", "PROCESS", "SELECT"}
    assert accounts.missing(WANTED, everywhere, {"LOCK TABLES", "INSERT"}) == [
        "GRANT REPLICATION SLAVE ON *.* TO 'event_log'@'%'"
    ]
    assert accounts.missing(WANTED, everywhere | {"REPLICATION SLAVE"}, {"LOCK TABLES"}) == []


def settle(database: Database, *words: str) -> subprocess.CompletedProcess[str]:
    login = shlex.join([sys.executable, str(database.folder / "client")])
    wanted = {
        "root_password": "root-word",
        "capture_user": "event_log",
        "capture_password": 'capture "word\\',
        "database": "openmrs",
    }
    return database.run("accounts", "--login", login, *words, stdin=json.dumps(wanted))


def test_accounts_are_made_and_no_password_is_an_argument_or_an_answer(database: Database) -> None:
    database.answers("COUNT", "0\n")
    done = settle(database)
    assert answer_of(done)["actions"][0] == "make the capture account"
    assert "CREATE USER 'event_log'@'%' IDENTIFIED BY 'capture \"word\\\\'" in database.asked
    arguments = [line for line in database.asked.splitlines() if line.startswith("--")]
    assert arguments
    assert not any("word" in line for line in [*arguments, done.stdout, done.stderr])


def test_accounts_that_are_right_are_left_alone(database: Database) -> None:
    database.answers("COUNT", "1\n")
    database.answers("user_privileges", "\n".join(accounts.EVERYWHERE) + "\n")
    database.answers("schema_privileges", "\n".join(accounts.ON_DATABASE) + "\n")
    assert answer_of(settle(database)) == {"changed": False, "actions": []}
    assert "GRANT" not in database.asked
    assert "ALTER" not in database.asked


def test_a_changed_capture_password_is_set(database: Database) -> None:
    database.answers("COUNT", "1\n")
    database.answers("user_privileges", "\n".join(accounts.EVERYWHERE) + "\n")
    database.answers("schema_privileges", "\n".join(accounts.ON_DATABASE) + "\n")
    database.refuses("user=.event_log", "ERROR 1045 (28000): Access denied\n")
    assert answer_of(settle(database, "--check"))["actions"] == ["set the capture account's password"]
    assert "ALTER" not in database.asked
    assert answer_of(settle(database))["actions"] == ["set the capture account's password"]
    assert "ALTER USER 'event_log'@'%' IDENTIFIED BY" in database.asked


def test_a_root_password_that_does_not_fit_says_what_to_do(database: Database) -> None:
    database.refuses("user=.root", "ERROR 1045 (28000): Access denied\n")
    done = settle(database)
    assert done.returncode == 1
    assert "openmrs_sample_root_password" in done.stderr
    assert "openmrs_sample_data_dir" in done.stderr


def test_a_server_that_is_down_is_not_taken_for_a_wrong_password(database: Database) -> None:
    database.refuses("user=.root", "ERROR 2002 (HY000): Can't connect to local server\n")
    done = settle(database)
    assert (done.returncode, "ERROR 2002" in done.stderr) == (1, True)
