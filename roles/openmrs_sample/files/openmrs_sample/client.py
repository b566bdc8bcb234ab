# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talks to the database through the client in its container: nothing has to be installed on the host."""

from __future__ import annotations

import contextlib
import io
import subprocess
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Iterable, List, Optional, Sequence, Type

CONTAINER = "openmrs-sample-db"
#: Names the databases of the server that nobody made.
SYSTEM_DATABASES = ("mysql", "sys", "information_schema", "performance_schema")


class SampleError(Exception):
    """Something that a person has to hear about."""


class DeadlockError(SampleError):
    """The database took back a transaction so that another could go on. ``answer``: the lines that came before."""

    def __init__(self, words: str, answer: List[str]) -> None:
        super().__init__(words)
        self.answer = answer


@dataclass(frozen=True)
class Client:
    """How SQL gets in: a command that reads it from standard input, as root, without column names in its answer."""

    command: Sequence[str] = ("docker", "exec", "-i", CONTAINER, "sample-sql")
    database: str = "openmrs"

    def to(self, database: str) -> List[str]:
        """The command for one database; an empty name is the server itself."""
        return [*self.command, f"--database={database}"]

    def ask(self, sql: str, database: Optional[str] = None) -> List[List[str]]:
        """Run SQL; return the lines of the answer, split into columns."""
        command = self.to(self.database if database is None else database)
        done = subprocess.run(command, input=sql.encode(), capture_output=True, check=False)
        if done.returncode != 0:
            raise SampleError(complaint(done.stderr))
        return [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines()]

    def number(self, sql: str) -> int:
        """One number about the server, which may have no database yet."""
        return int(self.ask(sql, database="")[0][0])

    def pour(self, pieces: Iterable[str]) -> None:
        """Run SQL that comes in pieces, without holding it."""
        process = subprocess.Popen(
            self.to(self.database), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with contextlib.suppress(BrokenPipeError):  # then the client has stopped and says why
            for piece in pieces:
                inlet(process).write(piece.encode())
        _out, errors = process.communicate()
        if process.returncode != 0:
            raise SampleError(complaint(errors))

    def session(self) -> Session:
        return Session(self.to(self.database))


class Session:
    """One connection that stays open: a transaction goes in, its lines come out once it is committed."""

    END = "---"

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = io.TextIOWrapper(outlet(self.process), encoding="utf-8")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        inlet(self.process).close()
        self.process.wait()
        self.lines.close()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def run(self, sql: str) -> List[str]:
        with contextlib.suppress(BrokenPipeError):  # then the client has stopped and says why
            inlet(self.process).write(f"{sql}\nSELECT '{self.END}';\n".encode())
            inlet(self.process).flush()
        answer: List[str] = []
        for line in self.lines:
            if line.rstrip("\n") == self.END:
                return answer
            answer.append(line.rstrip("\n"))
        errors = self.process.stderr.read() if self.process.stderr is not None else b""
        if b"ERROR 1213" in errors:
            raise DeadlockError(complaint(errors), answer)
        raise SampleError(complaint(errors))


def inlet(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """Return the standard input of a process that was started with one."""
    if process.stdin is None:
        raise ValueError("the process has no standard input")
    return process.stdin


def outlet(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """Return the standard output of a process that was started with one."""
    if process.stdout is None:
        raise ValueError("the process has no standard output")
    return process.stdout


def complaint(errors: bytes) -> str:
    """The client's own words, without the statement that it repeats."""
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR" in line or "rror:" in line or "rror response" in line]
    return f"the database's client failed: {' '.join(telling or lines[-3:]) or 'no reason given'}"
