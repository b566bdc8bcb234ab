# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying a plan out over files of the tests and a scripted server: the order of things, and every way back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_back as back
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_look as look
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_run as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_facts as facts
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure import Request
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_look import ConfigureError, Seen
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_run import Options
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import Failure, Refusal
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_login import ConnectError, Login, StatementError

from tests.unit.plugins.module_utils.mysql_sources import WANTED
from tests.unit.plugins.module_utils.test__mysql_configure import present

LOGIN = Login("127.0.0.1", 3306, "root", "", unix_socket="/run/mysqld/mysqld.sock")
HELP = """Default options are read from the following files in the given order:
{main}
The following groups are read: mysqld server mariadb
"""
BARE = {"log_bin": "OFF", "binlog_format": "MIXED", "sync_binlog": "0", "binlog_expire_logs_seconds": "0"}


@dataclass
class Stage:
    """A server, its files and its host, and what was asked of them in order."""

    folder: Path
    running: Dict[str, str]
    kind: str = "mariadb-10.11"
    refusals: List[str] = field(default_factory=list)
    restarts: List[bool] = field(default_factory=list)
    denied: Dict[str, int] = field(default_factory=dict)
    done: List[str] = field(default_factory=list)
    unit: str = "mariadb.service"
    shown: Dict[str, str] = field(default_factory=dict)
    started: Optional[float] = None
    persisted: Dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> Path:
        return self.folder / "conf.d" / "zz-event-log.cnf"

    @property
    def place(self) -> Place:
        return Place(7, "/usr/sbin/mariadbd", (), {}, 999, 999, "/var/lib/mysql", LOGIN.unix_socket, self.unit)

    def seen(self, *_ignored: Any) -> Seen:
        state = present(self.kind, self.running, persisted=self.persisted)
        assert state.source.server is not None
        help_text = HELP.format(main=self.folder / "my.cnf")
        return Seen(state.source.server, state, LOGIN, self.place, (), help_text, started=self.started)

    # The host.
    def refusal(self, place: Place, server: Any, text: str) -> str:
        self.done.append("check")
        return self.refusals.pop(0) if self.refusals else ""

    def restart(self, place: Place, timeout: int) -> str:
        self.done.append("restart with " + ("our file" if self.ours.exists() else "no file of ours"))
        return "" if self.restarts.pop(0) else "it failed"

    def wait(self, place: Place, answers: Callable[[Place], bool], timeout: int) -> Optional[Place]:
        return place if answers(place) else None

    def log(self, place: Place, error_log: str = "") -> str:
        return "[ERROR] Aborting"

    # The session.
    def query(self, statement: str, values: Sequence[str] = ()) -> List[Any]:
        if statement.startswith("SHOW"):
            return [{"Variable_name": name, "Value": self.shown[name]} for name in values if name in self.shown]
        for word, code in self.denied.items():
            if word in statement:
                raise StatementError(Refusal(statement, code, "no"))
        self.done.append(statement)
        return []

    def close(self) -> None:
        pass


def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The server, its files, and everything that a run would reach replaced by it."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "my.cnf").write_text("[mysqld]\nkey_buffer_size=16M\n!includedir conf.d\n")
    made = Stage(tmp_path, dict(BARE))

    def write(path: Path, content: bytes, mode: int, uid: int, gid: int) -> None:
        made.done.append("write")
        assert (mode, uid, gid) == (0o644, 0, 0)
        path.write_bytes(content)

    monkeypatch.setattr(look, "look", made.seen)
    monkeypatch.setattr(back, "open_connection", lambda login: made)
    monkeypatch.setattr(back, "write_atomically", write)
    return made


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return set_up(tmp_path, monkeypatch)


def ensure(stage: Stage, further: Optional[Dict[str, str]] = None, **options: Any) -> Dict[str, Any]:
    host: Any = stage
    return subject.ensure(LOGIN, Options(Request(WANTED, further=further or {}), **options), host)


def test_without_consent_the_file_is_written_and_the_dynamic_ones_are_set(stage: Stage) -> None:
    result = ensure(stage)
    assert stage.done == ["check", "write", "SET GLOBAL binlog_format = 'ROW'", "SET GLOBAL sync_binlog = 1"]
    assert (result["changed"], result["restarted"]) == (True, False)
    assert result["waiting"] == ["log_bin (now OFF, wanted mysql-bin)"]
    assert "Sessions that were open before" in result["notes"][0]
    assert "log_bin = mysql-bin\n" in stage.ours.read_text()


def test_with_consent_the_restart_brings_everything(stage: Stage) -> None:
    stage.restarts = [True]
    result = ensure(stage, restart=True)
    assert stage.done == ["check", "write", "restart with our file"]
    assert (result["restarted"], result["waiting"], result["notes"]) == (True, [], [])


def test_check_mode_foretells_the_same_and_touches_nothing(stage: Stage) -> None:
    foretold = ensure(stage, restart=True, check_mode=True)
    assert (stage.done, stage.ours.exists()) == ([], False)
    stage.restarts = [True]
    assert ensure(stage, restart=True) == foretold


def test_nothing_to_do_asks_for_nothing(stage: Stage) -> None:
    stage.kind, stage.running = "mysql-8.4", {}
    result = ensure(stage, restart=True)
    assert (result["changed"], result["diff"], stage.done) == (False, [], [])


def test_a_server_without_a_unit_is_not_restarted(stage: Stage) -> None:
    stage.unit = ""
    result = ensure(stage, restart=True)
    assert (result["restarted"], len(result["waiting"])) == (False, 1)


def test_a_setting_elsewhere_that_beats_ours_stops_everything(stage: Stage) -> None:
    (stage.folder / "my.cnf").write_text("[mysqld]\n!includedir conf.d\n[server]\nbinlog-format = MIXED\n")
    with pytest.raises(
        ConfigureError, match=r"(?s)could not take effect.*my\.cnf line 4 .*Nothing was changed"
    ) as caught:
        ensure(stage, restart=True)
    assert "mariadb.service" in str(caught.value)
    assert (stage.done, stage.ours.exists()) == ([], False)


@pytest.mark.parametrize(
    ("refusals", "said"),
    [
        (["bad value", "bad value"], "Correct mysql_binlog_settings"),
        (["unknown variable", ""], "which is sound by itself:\nunknown variable"),
    ],
)
def test_a_file_that_the_server_refuses_never_goes_live(stage: Stage, refusals: List[str], said: str) -> None:
    stage.refusals = refusals
    with pytest.raises(ConfigureError) as caught:
        ensure(stage, restart=True)
    assert said in str(caught.value)
    assert str(caught.value).endswith("Nothing was changed.")
    assert (stage.done, stage.ours.exists()) == (["check", "check"], False)


def test_the_check_can_be_left_out(stage: Stage) -> None:
    ensure(stage, validate=False)
    assert "check" not in stage.done


@pytest.mark.parametrize("former", [None, "[mysqld]\nlog_bin = hospital\n"])
def test_a_server_that_does_not_come_back_gets_its_former_file_and_is_started_again(
    stage: Stage, former: Optional[str]
) -> None:
    if former:
        stage.ours.write_text(former)
    stage.restarts = [False, True]
    with pytest.raises(ConfigureError) as caught:
        ensure(stage, restart=True)
    assert "It runs again with its former configuration." in str(caught.value)
    assert "[ERROR] Aborting" in str(caught.value)
    assert (stage.ours.read_text() if stage.ours.exists() else None) == former
    assert [word for word in stage.done if word.startswith("restart")] == [
        "restart with our file",
        "restart with our file" if former else "restart with no file of ours",
    ]


def test_a_server_that_stays_down_is_cried_out(stage: Stage) -> None:
    stage.restarts = [False, False]
    with pytest.raises(ConfigureError, match="IT DOES NOT ANSWER WITH ITS FORMER CONFIGURATION EITHER"):
        ensure(stage, restart=True)
    assert not stage.ours.exists()


def test_a_server_that_starts_and_does_not_answer_has_not_come_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.restarts = [True, True]
    answers = iter([ConnectError(Failure(facts.UNREACHABLE, 2003, "gone")), None])

    def connect(login: Login) -> Stage:
        error = next(answers)
        if error:
            raise error
        return stage

    monkeypatch.setattr(back, "open_connection", connect)
    with pytest.raises(ConfigureError, match="It runs again"):
        ensure(stage, restart=True)


def test_a_refused_statement_takes_back_what_was_set_and_written(stage: Stage) -> None:
    stage.denied = {"sync_binlog = 1": 1227}
    with pytest.raises(ConfigureError, match=r"sync_binlog = 1 was refused: no\. .* is taken away again"):
        ensure(stage)
    assert stage.done[-2:] == ["SET GLOBAL binlog_format = 'ROW'", "SET GLOBAL binlog_format = 'MIXED'"]
    assert not stage.ours.exists()


def test_what_turns_out_to_be_static_waits_for_a_restart(stage: Stage) -> None:
    stage.denied = {"sync_binlog": back.READ_ONLY_VARIABLE}
    assert "sync_binlog (now 0, wanted 1)" in ensure(stage)["waiting"]


def test_an_expiry_that_the_disk_does_not_hold_is_not_set(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.kind, stage.running = "mysql-8.4", {"binlog_expire_logs_seconds": "3600"}
    monkeypatch.setattr(look, "look", lambda *_: replace(stage.seen(), too_much="It grows by 9 GB a day."))
    with pytest.raises(ConfigureError, match=r"9 GB a day\. .*mysql_binlog_longest_outage_days.*Nothing was changed"):
        ensure(stage)
    assert stage.done == []
    stage.running = {}
    assert ensure(stage)["changed"] is False


def test_out_of_reach_nothing_is_written(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.kind, stage.running = "mysql-8.0", {"binlog_format": "MIXED"}
    monkeypatch.setattr(look, "look", lambda *_: replace(stage.seen(), place=None))
    result = ensure(stage, persist=True, restart=True)
    assert stage.done == ["SET PERSIST binlog_format = 'ROW'"]
    assert (result["path"], result["place"]) == (None, "127.0.0.1:3306")


@pytest.mark.parametrize(
    ("settings_dir", "said"), [("/elsewhere", "which the server (mariadb.service) does not read"), ("", "")]
)
def test_the_directory_must_be_one_that_the_server_reads(stage: Stage, settings_dir: str, said: str) -> None:
    if said:
        with pytest.raises(ConfigureError) as caught:
            ensure(stage, settings_dir=settings_dir)
        assert said in str(caught.value)
        assert str(stage.folder / "conf.d") in str(caught.value)
    else:
        assert ensure(stage, settings_dir=str(stage.folder / "conf.d"))["path"] == str(stage.ours)


def test_a_configuration_without_directories_is_refused_with_the_remedy(stage: Stage) -> None:
    (stage.folder / "my.cnf").write_text("[mysqld]\n")
    with pytest.raises(ConfigureError, match=r"add the line !includedir .*Nothing was changed"):
        ensure(stage)
