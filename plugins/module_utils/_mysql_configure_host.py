# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands about a database server on this host: ask its program, let it check a file, restart it, read its log."""

from __future__ import annotations

import contextlib
import os
import posixpath
import secrets
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, Mapping, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_configure_place as places
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_configure_place import Place, PlaceError
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_server import Server
from ansible_collections.openmrs.event_log.plugins.module_utils._secret_file import write_atomically

POLL_SECONDS = 0.5
LOG_LINES = 25
LOG_BYTES = 32768
#: More starts than this after a restart: it falls over each time.
MOST_STARTS = 2
_OF_PROGRAM = ("--basedir=", "--datadir=", "--plugin-dir=", "--lc-messages-dir=", "--character-sets-dir=")


def run(
    argv: Sequence[str], timeout: float = 120, user: Optional[tuple[int, int]] = None, home: str = ""
) -> tuple[int, str, str]:
    """Run a command to its end: code, output, errors. A command that is not there, or hangs, has a code too."""

    def become() -> None:
        if user and os.getuid() == 0:
            os.setgroups([])
            os.setgid(user[1])
            os.setuid(user[0])

    environment = {**os.environ, "LC_ALL": "C", **({"HOME": home} if home else {})}
    try:
        done = subprocess.run(
            list(argv), capture_output=True, check=False, timeout=timeout, env=environment, cwd="/",
            stdin=subprocess.DEVNULL, preexec_fn=become if user else None,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 124, "", f"{posixpath.basename(argv[0])} took longer than {timeout:.0f} seconds"
    except OSError as error:
        return 127, "", f"{argv[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


@dataclass(frozen=True)
class Host:
    """This host's tools. `clock` and `pause` are there for tests."""

    docker: str = "docker"
    systemctl: str = "systemctl"
    journalctl: str = "journalctl"
    command: Callable[..., tuple[int, str, str]] = run
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    proc: str = field(default="/proc")

    def find(self, container: str, port: int) -> Optional[Place]:
        """The server in the container, or the native one."""
        if container:
            return places.find_container(container, self.command, self.docker, self.proc)
        return places.find_native(port, self.proc)

    def containers_on(self, port: int) -> list[str]:
        """Names of containers on this host whose server has the port."""
        pids = places.contained_on(port, self.proc)
        return places.container_names(pids, self.command, self.docker) if pids else []

    def ask(self, place: Place, options: Sequence[str]) -> tuple[int, str, str]:
        """Run the server's own program as the user that it runs as."""
        own = [argument for argument in place.arguments if argument.startswith(_OF_PROGRAM)]
        argv = [place.program, *options[:1], *own, *options[1:]]
        if place.container:
            user = f"{place.uid}:{place.gid}"
            return self.command([self.docker, "exec", "--user", user, place.container, *argv], 120)
        return self.command(argv, 120, (place.uid, place.gid), place.environment.get("HOME", "/nonexistent"))

    def help(self, place: Place) -> str:
        """What the program says about its files and variables."""
        code, out, err = self.ask(place, ["--no-defaults", "--help", "--verbose"])
        if code or "Default options are read" not in out:
            raise PlaceError(f"{place.program} --help --verbose of {place.name} failed: {_tail(err, 3) or code}")
        return out

    def refusal(self, place: Place, server: Server, text: str) -> str:
        """What the server's own check says against a configuration; empty when it is sound."""
        with _scratch(place, text) as (path, index):
            options = [f"--defaults-file={path}"]
            if not server.mariadb and server.version >= (8, 0, 16):
                options += ["--validate-config"]
            else:
                # Older ones check while they get ready to print their help; some begin an index of the binary log.
                options += [*([] if server.mariadb else [f"--log-bin-index={index}"]), "--help", "--verbose"]
            code, _out, err = self.ask(place, options)
        if not code:
            return ""
        worst = [line for line in err.splitlines() if "error" in line.lower()] or err.splitlines()
        return "\n".join(worst[-8:]) or f"it ended with code {code}"

    def restart(self, place: Place, timeout: int) -> str:
        """Restart the server; why that failed, if it did."""
        if place.container:
            # A database that is killed has to recover: it gets the time that it needs.
            argv = [self.docker, "restart", "--time", str(timeout), place.container]
        else:
            self.command([self.systemctl, "reset-failed", place.unit])
            argv = [self.systemctl, "restart", place.unit]
        code, out, err = self.command(argv, timeout + 30)
        return (_tail(err or out, 3) or f"code {code}") if code else ""

    def wait(self, place: Place, answers: Callable[[Place], bool], timeout: int) -> Optional[Place]:
        """Poll until the server answers; None when it has fallen over or the time is up."""
        deadline = self.clock() + timeout
        starts = self._starts(place)
        while True:
            with contextlib.suppress(PlaceError):
                found = self._again(place)
                if found is not None and answers(found):
                    return found
            if self.clock() >= deadline or self._fallen(place, starts):
                return None
            self.pause(POLL_SECONDS)

    def log(self, place: Place, error_log: str = "") -> str:
        """The end of what the server itself has to say."""
        if place.container:
            _code, out, err = self.command([self.docker, "logs", "--tail", str(LOG_LINES), place.container])
            said = out + err
        else:
            _code, said, _err = self.command(
                [self.journalctl, "--unit", place.unit, "--lines", str(LOG_LINES), "--no-pager", "--output", "cat"]
            )
        if error_log.strip() and error_log != "stderr":
            path = posixpath.join(place.directory, error_log)
            text = _end_of(path) if _there(path, place) else ""
            said += f"\n{path}:\n{_tail(text, LOG_LINES)}" if text else ""
        return said.strip()

    def _again(self, place: Place) -> Optional[Place]:
        if place.container:
            return places.find_container(place.container, self.command, self.docker, self.proc)
        return places.find_unit(place.unit, self.proc)

    def _starts(self, place: Place) -> int:
        if not place.container:
            return 0
        with contextlib.suppress(PlaceError):
            return int(places.inspect(place.container, self.command, self.docker).get("RestartCount") or 0)
        return 0

    def _fallen(self, place: Place, starts: int) -> bool:
        if not place.container:
            code, out, _err = self.command([self.systemctl, "is-active", place.unit])
            return bool(code) and out.strip() in ("failed", "inactive")
        try:
            state: Mapping[str, object] = places.inspect(place.container, self.command, self.docker)
        except PlaceError:
            return True
        status = state.get("State")
        status = status if isinstance(status, dict) else {}
        count = state.get("RestartCount")
        often = isinstance(count, int) and count > starts + MOST_STARTS
        return often or not (status.get("Running") or status.get("Restarting"))


@contextlib.contextmanager
def _scratch(place: Place, text: str) -> Iterator[tuple[str, str]]:
    """A file that only the server's user can read, where the server sees it, and a name for what its program writes."""
    stem = f"/tmp/event-log-check-{secrets.token_hex(8)}"
    path, index = place.on_host(stem + ".cnf"), place.on_host(stem + ".index")
    try:
        write_atomically(path, text.encode(), 0o400, place.uid, place.gid)
        yield stem + ".cnf", stem + ".index"
    except OSError as error:
        raise PlaceError(
            f"The settings cannot be checked in {place.name}: {error.filename}: {error.strerror}. Set "
            "mysql_binlog_validate to false to go without the server's own check."
        ) from error
    finally:
        for left in (path, index):
            with contextlib.suppress(OSError):
                left.unlink()


def _there(path: str, place: Place) -> bool:
    return not place.container and Path(path).is_file()


def _end_of(path: str) -> str:
    """The last part of a file that may be huge."""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
            return file.read(LOG_BYTES).decode("utf-8", "replace")
    except OSError as error:
        return f"(cannot be read: {error.strerror})"


def _tail(text: str, lines: int) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
