# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A natively installed database under systemd: never harmed, whatever it is and whatever the site asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, Set

import pytest
import yaml

from tests.helpers.databases import INVENTORY
from tests.helpers.fixtures import run_quietly
from tests.helpers.playbooks import CAPTURE_LOOKUP, CAPTURE_PASSWORD, Outcome, play
from tests.helpers.records import ROOT
from tests.helpers.server import Server, eventually

PLAYBOOK = "openmrs.event_log.mysql"
# What changes by itself.
VOLATILE = re.compile(r"^(gtid_|innodb_buffer_pool_load|timestamp|last_|rand_seed|pseudo_|error_count|warning_count)")
CONFIGURE = {"mysql_binlog_mode": "configure", "mysql_binlog_restart": "if_needed"}


@dataclass
class Hospital:
    """A server whose database nobody has prepared."""

    server: Server
    directory: Path
    mysql: bool
    runs: int = 0

    @property
    def unit(self) -> str:
        return "mysql" if self.mysql else "mariadb"

    @property
    def conf_dir(self) -> str:
        return "/etc/mysql/mysql.conf.d" if self.mysql else "/etc/mysql/mariadb.conf.d"

    @property
    def ours(self) -> str:
        return f"{self.conf_dir}/zz-event-log.cnf"

    def sql(self, statements: str) -> str:
        return self.server.exec(self.unit, "--skip-column-names", "--batch", stdin=statements)

    def play(self, *words: str, **variables: Any) -> Outcome:
        self.runs += 1
        known = yaml.safe_load((INVENTORY / "group_vars" / "all.yml").read_text(encoding="utf-8"))
        given = {**known, "event_log_capture_password": CAPTURE_LOOKUP, **variables}
        return play(self.directory / str(self.runs), self.server, given, *words, playbook=PLAYBOOK)

    @property
    def process(self) -> str:
        return self.server.exec("systemctl", "show", "--property", "MainPID,ActiveState", self.unit)

    @property
    def variables(self) -> Set[str]:
        return {line for line in self.sql("SHOW GLOBAL VARIABLES").splitlines() if not VOLATILE.match(line)}

    def state(self) -> Dict[str, Any]:
        """Configuration, variables, accounts and process: all that must be as before where nothing may be changed."""
        accounts = "SELECT * FROM mysql.user ORDER BY User, Host; SELECT * FROM mysql.db ORDER BY Db, User, Host;"
        return {
            "files": self.server.listing(["/etc/mysql", "/etc/systemd/system"]),
            "variables": self.variables,
            "accounts": self.sql(accounts),
            "tables": self.sql("CHECKSUM TABLE openmrs.person, openmrs.note"),
            "process": self.process,
        }

    def restart(self) -> None:
        self.server.sh(f"systemctl reset-failed {self.unit}; systemctl restart {self.unit}")
        eventually(lambda: self.sql("SELECT 1"), 60, "the database answers")

    def write(self, name: str, text: str) -> str:
        path = f"{self.conf_dir}/{name}"
        self.server.sh(f"cat > {path}", stdin=text)
        return path


@pytest.fixture(
    scope="module",
    params=[
        "mariadb-11.8",
        pytest.param("mariadb-10.11", marks=pytest.mark.full),
    ],
)
def hospital(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    name = f"eventlog-test-odd-{request.param}"
    start = (
        "ansible-playbook",
        "-i",
        "localhost,",
        str(ROOT / "molecule/shared/server.yml"),
        "-e",
        f"server_name={name}",
    )
    run_quietly(*start, "-e", f"server_image=eventlog-test-database:{request.param}")
    found = Hospital(Server(name), tmp_path_factory.mktemp("hospital"), request.param.startswith("mysql"))
    eventually(lambda: found.sql("SELECT 1"), 60, "the database answers")
    found.sql((ROOT / "molecule/databases/files/schema.sql").read_text(encoding="utf-8"))
    yield found
    run_quietly(*start, "-e", "server_state=absent")


@pytest.fixture
def unready(hospital: Hospital) -> Iterator[Hospital]:
    """The server as the distribution installs it: no binary log, no capture account."""
    assert hospital.sql("SELECT @@log_bin").strip() == "0"
    before = (hospital.process, hospital.variables)
    yield hospital
    hospital.server.sh(f"rm -f {hospital.ours} {hospital.conf_dir}/*tuned.cnf")
    hospital.sql("DROP USER IF EXISTS event_log@localhost")
    if (hospital.process, hospital.variables) != before:
        hospital.restart()


def test_verify_refuses_an_unready_database_and_changes_nothing(unready: Hospital) -> None:
    unready.sql(f"CREATE USER event_log@localhost IDENTIFIED BY '{CAPTURE_PASSWORD}'")
    before = unready.state()
    outcome = unready.play()
    assert outcome.code != 0
    # All findings at once, then a settings file and SQL to paste.
    for finding in (
        "binlog_off",
        "grant_select",
        "grant_reload",
        "grant_replication_slave",
        "grant_replication_client",
    ):
        assert f"[{finding}]" in outcome.messages
    assert "log_bin = mysql-bin" in outcome.messages
    assert "GRANT SELECT ON `openmrs`.*" in outcome.messages
    assert outcome.changed == []
    assert unready.state() == before


@pytest.mark.full
def test_a_binary_log_on_a_small_disk_of_its_own_is_looked_at(unready: Hospital) -> None:
    unready.server.sh("mkdir -p /mnt/log; mount -t tmpfs -o size=60m,mode=1777 tmpfs /mnt/log")
    try:
        unready.write(
            "60-tuned.cnf", "[mysqld]\nlog_bin = /mnt/log/bin\nbinlog_format = ROW\nloose_binlog_legacy_event_pos = 1\n"
        )
        unready.restart()
        unready.sql(
            f"CREATE USER event_log@localhost IDENTIFIED BY '{CAPTURE_PASSWORD}'; GRANT RELOAD, SHOW DATABASES,"
            " REPLICATION SLAVE, BINLOG MONITOR ON *.* TO event_log@localhost;"
            " GRANT SELECT ON openmrs.* TO event_log@localhost"
        )
        before = unready.state()
        outcome = unready.play()
        assert outcome.code != 0
        assert "[disk_nearly_full]" in outcome.messages
        assert "[binlog_other_disk]" in outcome.output
        assert unready.state() == before
    finally:
        unready.server.sh(f"rm -f {unready.conf_dir}/60-tuned.cnf")
        unready.restart()
        unready.server.sh("umount /mnt/log")


def test_without_consent_nothing_is_restarted_and_the_message_says_what_waits(unready: Hospital) -> None:
    before = unready.process
    outcome = unready.play(mysql_binlog_mode="configure")
    assert outcome.code != 0
    assert "log_bin" in outcome.messages
    assert "restart" in outcome.messages
    assert "mysql_binlog_restart" in outcome.messages
    assert unready.process == before
    assert unready.sql("SELECT @@log_bin, @@global.binlog_format").split() == ["0", "ROW"]


@pytest.mark.full  # the scenario itself climbs this ladder, on five servers
def test_check_predicts_the_run_and_the_second_run_has_nothing_to_do(unready: Hospital) -> None:
    before = unready.state()
    predicted = unready.play("--check", "--diff", **CONFIGURE)
    assert predicted.code == 0, predicted.output
    assert unready.state() == before
    process = unready.process
    done = unready.play(**CONFIGURE)
    assert done.code == 0, done.output
    assert predicted.changed == done.changed
    assert done.changed
    assert unready.process != process
    assert unready.sql("SELECT @@log_bin, @@global.binlog_format").split() == ["1", "ROW"]
    for words in (("--check", "--diff"), ()):
        again = unready.play(*words, **CONFIGURE)
        assert (again.code, again.changed) == (0, []), again.output


def test_a_setting_that_would_beat_ours_is_named_with_its_file_and_nothing_is_changed(unready: Hospital) -> None:
    path = unready.write("zzz-tuned.cnf", "# by hand\n[mysqld]\nbinlog_format = STATEMENT\nskip-log-bin\n")
    before = unready.state()
    outcome = unready.play(**CONFIGURE)
    assert outcome.code != 0
    assert path in outcome.messages
    assert "binlog_format" in outcome.messages
    assert "log_bin" in outcome.messages or "log-bin" in outcome.messages
    assert unready.state() == before


def test_what_somebody_tuned_by_hand_stays_and_gives_way(unready: Hospital) -> None:
    text = "[mysqld]\nbinlog-format = MIXED\nsync-binlog = 100\nbinlog_row_image = MINIMAL\nexpire_logs_days = 2\n"
    path = unready.write("60-tuned.cnf", text)
    unready.restart()
    outcome = unready.play(**CONFIGURE)
    assert outcome.code == 0, outcome.output
    assert unready.server.exec("cat", path) == text
    asked = "SELECT @@global.binlog_format, @@global.sync_binlog, @@global.binlog_row_image, @@log_bin"
    assert unready.sql(asked).split() == ["ROW", "1", "FULL", "1"]
    assert int(unready.sql("SELECT @@global.binlog_expire_logs_seconds")) >= 14 * 86400
    unready.restart()
    assert unready.sql(asked).split() == ["ROW", "1", "FULL", "1"]


@pytest.mark.full
def test_a_directory_that_is_not_there_is_found_before_the_first_change(unready: Hospital) -> None:
    before = unready.state()
    outcome = unready.play(mysql_binlog_settings={"log_bin": "/no/such/directory/binlog"}, **CONFIGURE)
    assert outcome.code != 0
    assert "/no/such/directory is no directory" in outcome.messages
    assert unready.state() == before


@pytest.mark.parametrize("validate", [True, False], ids=["found_before", "found_by_the_start"])
def test_a_value_that_the_server_cannot_start_with_ends_with_the_old_configuration(
    unready: Hospital, validate: bool
) -> None:
    before = unready.state()
    broken = {"log_bin": "/no/such/directory/binlog"} if not validate else {"binlog_format": "NONSENSE"}
    outcome = unready.play(mysql_binlog_settings=broken, mysql_binlog_validate=validate, **CONFIGURE)
    assert outcome.code != 0
    if validate:  # the server's own words about a variable that it has
        assert "refuses the settings that would go into" in outcome.messages
        assert re.search(r"(?i)error.*NONSENSE", outcome.messages), outcome.messages
    after = unready.state()
    if not validate:  # it was restarted, and once more with what it had
        for state in (before, after):
            state["process"] = re.sub(r"\d+", "N", state["process"])
    assert "ActiveState=active" in after["process"]
    assert after == before
