# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kafka's own tools, each in a container of its own beside the broker, so that the broker's memory stays its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from typing import IO, Iterator, List, Optional, Sequence, Tuple

from . import login
from .errors import EventLogError
from .settings import Settings

_STOP_SECONDS = 8
_PROGRAM = ("kafka-class",)
#: How the tool for groups (Kafka 4.3) begins to tell a failure, among its answers; its exit code is 0 all the same.
_FAILED = "Error: Executing consumer group command failed due to "
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def create_command(
    settings: Settings, name: str, arguments: Sequence[str], program: Sequence[str] = _PROGRAM
) -> List[str]:
    """The command line: hardened like the stack's containers, and nothing of what it prints is kept in Docker's log."""
    return [
        "docker", "create", "--rm", "--pull", "never", "--name", name, "--network", "host",
        "--user", f"{settings.uid}:{settings.gid}",
        "--read-only", "--tmpfs", "/tmp:exec,size=64m",  # noqa: S108 - zstd-jni unpacks its library there
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "256m", "--log-driver", "none",
        *login.mount(settings), settings.image, *program, *arguments,
    ]  # fmt: skip


def first_address(bootstrap: str) -> Tuple[str, int]:
    """Host and port of the first server in ``host:port,host:port``; IPv6 addresses stand in brackets."""
    host, _, port = bootstrap.split(",", maxsplit=1)[0].strip().rpartition(":")
    if not host or not port.isdigit():
        raise EventLogError(f"The settings name the broker as {bootstrap!r}; that should be host:port.")
    return host.strip("[]"), int(port)


def require_broker(settings: Settings, seconds: float = 5.0) -> None:
    """Kafka's tools wait for ever for a broker that is down: ask first whether anything listens."""
    try:
        socket.create_connection(first_address(settings.bootstrap), timeout=seconds).close()
    except OSError:
        raise EventLogError(settings.not_answering()) from None


def explain_docker(said: str, image: str) -> str:
    """What to do about Docker's own words."""
    lower = said.lower()
    if "permission denied" in lower:
        return "You may not use Docker. Use sudo, or have yourself added to the group docker: sudo event-log …"
    if "cannot connect to the docker daemon" in lower or "is the docker daemon running" in lower:
        return "The Docker engine is not running. Start it: sudo systemctl start docker"
    if "no such image" in lower or "unable to find image" in lower:
        return f"The image {image} is not on this host. Run the playbook site.yml again: it brings the image."
    if "bind source path does not exist" in lower:
        return "The login of this command is not on this host. Run the playbook site.yml again: it writes its file."
    return f"Docker said: {said.strip() or 'nothing'}"


def require_docker(settings: Settings) -> None:
    """Docker may be used and has the image; else say what to do."""
    if shutil.which("docker") is None:
        raise EventLogError("There is no docker command here. Run this on the host of the event log, as root.")
    asked = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", settings.image],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if asked.returncode != 0:
        raise EventLogError(explain_docker(asked.stderr, settings.image))


class ToolContainer:
    """A running tool; leaving the ``with`` block ends it and removes the container, whatever happened.

    Created first and then started: of ``docker run``, stopped at the wrong moment, the container stays behind.
    """

    def __init__(
        self, settings: Settings, purpose: str, arguments: Sequence[str], program: Sequence[str] = _PROGRAM
    ) -> None:
        self.name = f"{settings.project}-{purpose}-{os.getpid()}-{secrets.token_hex(3)}"
        self.process: Optional[subprocess.Popen[bytes]] = None
        self._image = settings.image
        self._create_command = create_command(settings, self.name, arguments, program)

    def __enter__(self) -> ToolContainer:
        try:
            self._create()
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> None:
        with _signals_wait():
            self.process = _client("start", "--attach", self.name)

    def _create(self) -> None:
        creating = None
        try:
            # A client that nobody knows of would make its container after all else is over.
            with _signals_wait():
                creating = _client(*self._create_command[1:])
            _, words = creating.communicate()
        except BaseException:
            if creating is not None:
                with _no_interruptions():
                    creating.communicate()  # only a container that exists can be removed
            raise
        if creating.returncode != 0:
            raise EventLogError(explain_docker(words.decode("utf-8", "replace"), self._image))

    def _end(self) -> None:
        """End the client, if there is one, and see the container gone."""
        with _no_interruptions():
            if self.process is not None and self.process.poll() is None:
                self.process.terminate()  # the docker client passes it on to the tool
                try:
                    self.process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
            deadline = time.monotonic() + _STOP_SECONDS
            # A container that is just being started refuses its removal, or comes up after it was asked for.
            while self._remove() and time.monotonic() < deadline:
                time.sleep(0.1)

    def _remove(self) -> bool:
        """Ask for the removal; return whether the container is still there."""
        _client("rm", "--force", self.name).communicate()
        listed, _ = _client("ps", "--all", "--quiet", "--filter", f"name=^/{self.name}$").communicate()
        return bool(listed.strip())

    def __exit__(self, *_exception: object) -> None:
        process = self.process
        if process is None:
            return
        # Docker itself removes the container of a tool that ended by itself, and the client waits for that.
        if process.poll() != 0:
            self._end()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process is not None and self.process.stdout is not None  # noqa: S101
        return self.process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        assert self.process is not None and self.process.stderr is not None  # noqa: S101
        return self.process.stderr

    def wait(self) -> int:
        assert self.process is not None  # noqa: S101
        return self.process.wait()


def _client(*arguments: str) -> subprocess.Popen[bytes]:
    """A docker client in a session of its own: Ctrl-C reaches this program only, which then ends things in order."""
    return subprocess.Popen(
        ["docker", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals of these moments count at their end, when what was begun has a name in this program.

    They are not blocked, for a client would inherit that.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: List[int] = []
    before = [signal.signal(number, lambda got, _frame: came.append(got)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before):
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


@contextlib.contextmanager
def _no_interruptions() -> Iterator[None]:
    """A second Ctrl-C must not leave the container behind. Signals belong to the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, signal.SIG_IGN) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before):
            signal.signal(number, handler)


def output_of(
    settings: Settings,
    purpose: str,
    arguments: Sequence[str],
    seconds: float = 60.0,
    program: Sequence[str] = _PROGRAM,
) -> str:
    """Run a tool to its end and return what it printed."""
    with ToolContainer(settings, purpose, arguments, program) as tool:
        assert tool.process is not None  # noqa: S101
        try:
            out, err = tool.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise EventLogError(f"No answer within {seconds:.0f} s. {settings.not_answering()}") from None
        text, words = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        if tool.process.returncode != 0 or _FAILED in text:
            raise EventLogError(login.refusal(words + text) or _failure(words, text))
        return text


def _failure(words: str, text: str) -> str:
    """Why a tool failed: what it says beside its answer, or else in it."""
    _, _, told = text.partition(_FAILED)
    said = told.strip().partition("\n")[0].strip() or last_lines(words) or last_lines(text)
    return f"Kafka's tool failed: {said or 'it gave no reason'}"


def last_lines(text: str, count: int = 3) -> str:
    """The end of a long complaint, without the stack trace."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    return "\n".join(lines[-count:])
