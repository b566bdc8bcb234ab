# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tar | zstd | age, and the way back. What is not encrypted passes through pipes only.

The programs stand in sessions of their own: a line that is cut hangs up this process's group, and not them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Iterator, List, Optional, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._backup import MANIFEST, BackupError
from ansible_collections.openmrs.event_log.plugins.module_utils._backup_key import scrub
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import Record, counted

PROGRAMS = ("tar", "zstd", "age")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Packed:
    """A file as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Identity:
    """A private key: its text, handed over through a pipe, or a file of this host that age reads by itself."""

    text: str = ""
    file: Optional[Path] = None


class Pipe:
    """Programs whose output is the next one's input. What they say on the side is kept in memory."""

    def __init__(self) -> None:
        self._started: List[Any] = []

    def add(self, command: Sequence[str], source: Any = subprocess.DEVNULL) -> IO[bytes]:
        said = os.memfd_create(command[0])
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        try:
            process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.PIPE, stderr=said, start_new_session=True, env=environment
            )
        except OSError as error:
            os.close(said)
            raise BackupError(f"{command[0]} cannot be started: {error.strerror}") from error
        self._started.append((command[0], process, said))
        # The reader alone may hold its end: a writer learns that nobody reads any more.
        if not isinstance(source, int):
            source.close()
        output: IO[bytes] = process.stdout  # type: ignore[assignment]
        return output

    def tell_first(self, text: str) -> None:
        """Hand a text to the first program."""
        with contextlib.suppress(BrokenPipeError), self._started[0][1].stdin as stream:
            stream.write(text.encode())

    def end(self) -> List[str]:
        """Wait for all of them; what those that failed have said, the first first."""
        failed = []
        for name, process, said in self._started:
            code = process.wait()
            with os.fdopen(said, "rb") as words:
                words.seek(0)
                told = scrub(words.read(4000).decode(errors="replace")).strip()
            if code != 0:
                failed.append(f"{name} ended with {code}: {told or 'it says nothing'}")
        self._started = []
        return failed

    def kill(self) -> None:
        for _name, process, _said in self._started:
            process.kill()

    def read_by_first(self) -> Optional[int]:
        """Bytes that the first program has read up to now; None where the kernel does not count them."""
        return counted(self._started[0][1].pid, "rchar")


def missing_programs() -> List[str]:
    return [name for name in PROGRAMS if shutil.which(name) is None]


def try_recipients(recipients: Sequence[str]) -> None:
    """Have age encrypt nothing to them."""
    pipe = Pipe()
    pipe.add(_encrypting(recipients)).read()
    failed = pipe.end()
    if failed:
        raise BackupError(f"age refuses event_log_backup_recipient: {'; '.join(failed)}")


def pack(manifest: Path, entries: Sequence[Path], recipients: Sequence[str], target: Path, size: int = 0) -> Packed:
    """Write an encrypted archive; it is on the disk when this returns, or not there at all.

    How far it is of ``size`` bytes is told meanwhile.
    """
    tar = [
        "tar",
        "--create",
        "--file=-",
        "--format=gnu",
        "--sparse",
        "--numeric-owner",
        "--sort=name",
        "--exclude=lost+found",
    ]
    tar += ["-C", str(manifest.parent), manifest.name, "-C", "/", *(str(path).lstrip("/") for path in entries)]
    try:
        handle = os.open(str(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupError(f"{target} could not be written: {error.strerror}") from error
    pipe, record = Pipe(), Record("backup")
    try:
        with os.fdopen(handle, "wb") as stream:
            packed = pipe.add(["zstd", "-q", "-3", "-T0", "--stdout", "-"], pipe.add(tar))
            encrypted = pipe.add(_encrypting(recipients), packed)
            known = size if pipe.read_by_first() is not None else 0
            record.begin("backup", "", known, about=True, pid=os.getpid())
            written = _copy(encrypted, stream, lambda count: record.moved(pipe.read_by_first() or count))
            failed = pipe.end()
            if failed:
                raise BackupError(f"the archive could not be made: {'; '.join(failed)}")
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        pipe.kill()
        pipe.end()
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        if isinstance(error, OSError):
            raise BackupError(f"{target} could not be written: {error.strerror}") from error
        raise
    finally:
        record.end()
    return written


@contextlib.contextmanager
def opened(file: Path, identity: Identity) -> Iterator[tarfile.TarFile]:
    """An encrypted archive as a stream of members. Whoever leaves without an error has seen it whole and genuine."""
    pipe = Pipe()
    by_pipe = identity.file is None
    command = ["age", "--decrypt", "--identity", "-" if by_pipe else str(identity.file), str(file)]
    clear = pipe.add(["zstd", "-q", "--decompress", "--stdout", "-"], _decrypted(pipe, command, identity, by_pipe))
    try:
        with tarfile.open(fileobj=clear, mode="r|", bufsize=_CHUNK) as archive:
            yield archive
        while clear.read(_CHUNK):
            pass  # to the end: only there does age know that nothing was cut off
        clear.close()
        failed = pipe.end()
        if failed:
            raise BackupError(_not_opened(file, failed))
    except (tarfile.TarError, EOFError) as error:
        clear.close()
        failed = [words for words in pipe.end() if "-13" not in words.split(":")[0]]
        raise BackupError(_not_opened(file, failed or [f"tar: {error}"])) from error
    except BaseException:
        pipe.kill()
        clear.close()
        pipe.end()
        raise


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def sync_directory(directory: Path) -> None:
    handle = os.open(str(directory), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def first_member(archive: tarfile.TarFile) -> str:
    """The text of the manifest."""
    member = archive.next()
    stream = (
        archive.extractfile(member) if member is not None and member.name == MANIFEST and member.size < _CHUNK else None
    )
    if stream is None:
        raise BackupError(f"the archive is none that the playbook backup has made: it does not begin with {MANIFEST}")
    return stream.read().decode(errors="replace")


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members that come next; iterating over the archive itself would begin anew."""
    while True:
        member = archive.next()
        if member is None:
            return
        yield member


def _encrypting(recipients: Sequence[str]) -> List[str]:
    return ["age", "--encrypt", *(word for one in recipients for word in ("--recipient", one))]


def _decrypted(pipe: Pipe, command: Sequence[str], identity: Identity, by_pipe: bool) -> IO[bytes]:
    stream = pipe.add(command, subprocess.PIPE if by_pipe else subprocess.DEVNULL)
    if by_pipe:
        pipe.tell_first(identity.text.rstrip("\n") + "\n")
    return stream


def _copy(source: IO[bytes], stream: IO[bytes], tell: Callable[[int], None]) -> Packed:
    digest, size = hashlib.sha256(), 0
    for chunk in iter(lambda: source.read(_CHUNK), b""):
        stream.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        tell(size)
    return Packed(size, digest.hexdigest())


def _not_opened(file: Path, failed: Sequence[str]) -> str:
    told = "; ".join(failed)
    if "no identity matched" in told:
        return f"{file} is encrypted to another key than event_log_restore_identity"
    return f"{file} cannot be read to its end: {told}"
