# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""install.sh on a server without Python, after a run that was killed, and when it is ended while it asks."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
from pathlib import Path
from typing import List

import pytest

from tests.unit.roles.site_bundle.stick import Server, called

ONLY_PYTHON = "at most Python was installed on it"


@pytest.fixture
def bare(server: Server) -> Server:
    """A server without Python, with a set in the bundle that brings it."""
    place = server.root / "bin/python3"
    server.more["EVENT_LOG_PYTHON"] = str(place)
    script = f'mkdir -p "{place.parent}" && ln -s /usr/bin/python3 "{place}"'
    server.put("packages/debian-13/install-packages", f"#!/bin/sh\n{script}\n".encode())
    server.seal()
    return server


def python(server: Server) -> bool:
    return Path(server.more["EVENT_LOG_PYTHON"]).exists()


def password(server: Server) -> List[str]:
    return ["--vault-password-file", str(server.root / "password")]


def test_python_comes_from_the_bundle(bare: Server) -> None:
    result = bare.install(*password(bare))
    assert result.returncode == 0, result
    assert called(result.stdout)["args"]
    assert python(bare)


@pytest.mark.parametrize("word", ["--check", "-C", "-CD", "-vvC", "-DC", "--chec"])
def test_a_look_installs_nothing(bare: Server, word: str) -> None:
    assert "Without --check it is installed" in bare.refused(*password(bare), word)
    assert not python(bare)


@pytest.mark.parametrize("words", [["-e", "X=C"], ["-eX=C"], ["--tags=C"], ["-Dv"], ["--flush-cache"]])
def test_what_is_no_look_is_not_taken_for_one(bare: Server, words: List[str]) -> None:
    assert bare.install(*password(bare), *words).returncode == 0


def test_what_can_be_refused_without_python_is_refused_without_it(bare: Server) -> None:
    assert "no playbook nonsense" in bare.refused(*password(bare), "--playbook=nonsense")
    assert "cannot be read" in bare.refused("--vault-password-file", "/nowhere/password")
    assert "--vault-password-file" in bare.refused()
    bare.answers["df"] = "printf 'x\\nx 9 9 5 x x\\n'"
    assert "no room" in bare.refused(*password(bare))
    assert not python(bare)


def test_after_python_was_installed_it_does_not_say_that_nothing_was_changed(bare: Server) -> None:
    (bare.root / "password").write_text("wrong\n")
    assert "not the one of this bundle" in bare.refused(*password(bare), altered=ONLY_PYTHON)
    bare.refused(*password(bare))  # there now, and nothing was done to it


def test_a_set_that_brings_no_python_is_told(bare: Server) -> None:
    bare.put("packages/debian-13/install-packages", b"#!/bin/sh\nexit 3\n")
    bare.seal()
    assert "could not be installed" in bare.refused(*password(bare), altered=ONLY_PYTHON)


def left_over(server: Server, name: str, locked: bool = True, old: bool = False) -> Path:
    path = server.work / f"event-log-install.{name}"
    (path / "lib").mkdir(parents=True)
    if locked:
        (path / "lock").touch()
    if old:
        os.utime(path, (1, 1))
    return path


def test_what_a_killed_run_left_goes_and_what_another_one_uses_stays(server: Server) -> None:
    killed, before_locks = left_over(server, "killed"), left_over(server, "former", locked=False, old=True)
    in_use, begun = left_over(server, "in_use"), left_over(server, "begins", locked=False)
    link = server.work / "event-log-install.a_link"
    link.symlink_to(server.stick)
    with (in_use / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert server.install(*password(server)).returncode == 0
    assert sorted(server.work.iterdir()) == sorted([begun, in_use, link])
    assert not killed.exists()
    assert not before_locks.exists()
    assert (server.stick / "install.sh").exists()


def test_a_run_that_goes_on_holds_what_it_unpacked(server: Server) -> None:
    """Ansible's own process holds the lock: it may outlive the script that started it."""
    start = (server.stick / "start.py").read_text()
    probe = (
        "import subprocess, sys\n"
        "if sys.argv[1] == 'run':\n"
        "    held = subprocess.run(['flock', '--nonblock', sys.argv[2] + '/lock', 'true']).returncode\n"
        "    print(f'HELD {held}')\n"
    )
    server.put("start.py", start.replace("import json\n", f"import json\n{probe}", 1).encode())
    server.seal()
    result = server.install(*password(server))
    assert "HELD 1" in result.stdout, result


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=["TERM", "HUP", "INT"])
def test_the_terminal_shows_again_what_is_typed(server: Server, number: signal.Signals) -> None:
    master, slave = pty.openpty()
    # A shell cannot trap what was ignored when it began, as hang-ups are below nohup.
    usual = ["env", f"--default-signal={number.name}", *server.command()]
    with subprocess.Popen(
        usual, env=server.environment(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        seen = b""
        while b"(it is not shown)" not in seen:
            seen += os.read(master, 4096)
        assert not termios.tcgetattr(slave)[3] & termios.ECHO
        process.send_signal(number)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 128 + number
    assert termios.tcgetattr(slave)[3] & termios.ECHO
    assert list(server.work.iterdir()) == []
    os.close(slave)
    os.close(master)
