# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands about the server: its own check in a file that only it can read, restarts, and waiting until it answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_host as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_place as places
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_host import Host
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place, PlaceError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server, parse_server

from tests.unit.plugins.module_utils.mysql_sources import VERSIONS

NATIVE = Place(
    7, "/usr/sbin/mysqld", ("--datadir=/d", "--port=3306"), {"HOME": "/h"}, 999, 998, "/d", "", "mysql.service"
)
INNER = replace(NATIVE, unit="", container="db")


class Shell:
    """Answers to commands by a word in them, and what was run; a clock that runs with every pause."""

    def __init__(self, **answers: Tuple[int, str, str]) -> None:
        self.answers = answers
        self.run: List[List[str]] = []
        self.users: List[Any] = []
        self.now = 0.0

    def __call__(self, argv: Sequence[str], *more: Any) -> Tuple[int, str, str]:
        self.run.append(list(argv))
        self.users.append(more[1] if len(more) > 1 else None)
        found = [answer for word, answer in self.answers.items() if word in " ".join(argv).replace("-", "_")]
        return found[0] if found else (0, "", "")

    def pause(self, seconds: float) -> None:
        self.now += seconds

    @property
    def host(self) -> Host:
        return Host(command=self, clock=lambda: self.now, pause=self.pause)


def server(kind: str) -> Server:
    found = parse_server(VERSIONS[kind])
    assert found is not None
    return found


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """What was written for the check; the files lie in the test's directory and belong to whoever runs it."""
    seen: Dict[str, Any] = {}

    def write(path: Path, content: bytes, mode: int, uid: int, gid: int) -> None:
        seen.update(path=path, text=content.decode(), mode=mode, owner=(uid, gid))
        path.write_bytes(content)

    monkeypatch.setattr(subject, "write_atomically", write)
    monkeypatch.setattr(Place, "on_host", lambda place, path: tmp_path / Path(path).name)
    return seen


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mysql-5.7", ["--log-bin-index=", "--help", "--verbose"]),
        ("mysql-8.0", ["--log-bin-index=", "--help", "--verbose"]),
        ("mysql-8.4", ["--validate-config"]),
        ("mariadb-11.8", ["--help", "--verbose"]),
    ],
)
def test_each_version_is_asked_in_the_way_that_it_has(
    scratch: Dict[str, Any], kind: str, options: Sequence[str]
) -> None:
    shell = Shell()
    assert shell.host.refusal(NATIVE, server(kind), "[mysqld]\n") == ""
    (argv,) = shell.run
    assert argv[:1] == ["/usr/sbin/mysqld"]
    assert argv[1].startswith("--defaults-file=/tmp/event-log-check-")
    assert argv[2] == "--datadir=/d"
    assert [part.split("=")[0] for part in argv[3:]] == [option.rstrip("=") for option in options]
    assert shell.users == [(999, 998)]
    assert (scratch["mode"], scratch["owner"], scratch["text"]) == (0o400, (999, 998), "[mysqld]\n")
    assert not scratch["path"].exists()


def test_in_a_container_the_servers_user_asks(scratch: Dict[str, Any]) -> None:
    shell = Shell(mysqld=(1, "", "note\n[ERROR] bad value\n"))
    assert shell.host.refusal(INNER, server("mysql-8.4"), "") == "[ERROR] bad value"
    assert shell.run[0][:5] == ["docker", "exec", "--user", "999:998", "db"]


def test_a_check_that_cannot_be_written_says_how_to_go_without(
    scratch: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(30, "Read-only file system", "/tmp/x")

    monkeypatch.setattr(subject, "write_atomically", refuse)
    with pytest.raises(PlaceError, match="mysql_binlog_validate to false"):
        Shell().host.refusal(NATIVE, server("mysql-8.4"), "")


def test_restarts_go_through_whoever_started_it() -> None:
    shell = Shell()
    assert (shell.host.restart(NATIVE, 60), shell.host.restart(INNER, 60)) == ("", "")
    assert shell.run[1:] == [
        ["systemctl", "restart", "mysql.service"],
        ["docker", "restart", "--time", "60", "db"],
    ]
    assert Shell(restart=(1, "", "a\nJob failed\n")).host.restart(NATIVE, 60) == "a\nJob failed"


def test_waiting_ends_when_the_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    monkeypatch.setattr(places, "find_unit", lambda unit, proc: NATIVE)
    assert Shell().host.wait(NATIVE, lambda place: next(answers), 60) is NATIVE


@pytest.mark.parametrize(("state", "seconds"), [("failed", 0), ("activating", 60)])
def test_waiting_ends_when_the_unit_has_failed_or_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch, state: str, seconds: int
) -> None:
    monkeypatch.setattr(places, "find_unit", lambda unit, proc: None)
    shell = Shell(is_active=(3, state + "\n", ""))
    assert shell.host.wait(NATIVE, lambda place: True, 60) is None
    assert shell.now == seconds


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        ({"State": {"Running": False, "Restarting": False}, "RestartCount": 0}, 0),
        ({"State": {"Running": False, "Restarting": True}, "RestartCount": 0}, 60),
    ],
)
def test_a_container_that_ended_for_good_is_not_waited_for(state: Dict[str, Any], seconds: int) -> None:
    shell = Shell(inspect=(0, json.dumps([state]), ""))
    assert shell.host.wait(INNER, lambda place: True, 60) is None
    assert shell.now == seconds


def test_a_container_that_falls_over_each_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([0, 1, 1, 3, 3, 3, 3])

    def inspect(name: str, command: Any, docker: str) -> Dict[str, Any]:
        return {"State": {"Running": False, "Restarting": True}, "RestartCount": next(counts)}

    monkeypatch.setattr(places, "inspect", inspect)
    shell = Shell()
    assert shell.host.wait(INNER, lambda place: True, 600) is None
    assert shell.now < 10


def test_the_log_is_that_of_the_engine_or_of_the_unit_and_the_error_log(tmp_path: Path) -> None:
    (tmp_path / "error.log").write_text("[ERROR] from the file\n")
    shell = Shell(journalctl=(0, "from the journal\n", ""), logs=(0, "", "from the container\n"))
    said = shell.host.log(NATIVE, str(tmp_path / "error.log"))
    assert said.splitlines()[0] == "from the journal"
    assert said.splitlines()[-1] == "[ERROR] from the file"
    assert shell.host.log(INNER, "stderr") == "from the container"


def test_of_a_huge_log_only_the_end_is_read_and_one_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "error.log"
    with log.open("wb") as file:
        file.truncate(64 * 1024**3)  # sparse
        file.seek(0, 2)
        file.write(b"\n[ERROR] the last word\n")
    said = Shell().host.log(NATIVE, str(log))
    assert said.endswith("[ERROR] the last word")
    assert len(said) < 2 * subject.LOG_BYTES

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", refuse)
    assert "(cannot be read: Input/output error)" in Shell().host.log(NATIVE, str(log))


def test_a_program_that_cannot_help_is_named() -> None:
    with pytest.raises(PlaceError, match=r"/usr/sbin/mysqld --help --verbose of mysql\.service failed: no such luck"):
        Shell(mysqld=(1, "", "no such luck\n")).host.help(NATIVE)


def test_commands_are_run_to_their_end_and_never_raise() -> None:
    assert subject.run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\n", "err\n")
    assert subject.run(["/no/such/command"])[0] == 127
    assert subject.run(["sleep", "5"], timeout=0.1)[0] == 124
