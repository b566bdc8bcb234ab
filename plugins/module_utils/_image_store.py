# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control node's archives: NAME-TAG.tar.zst, its .sha256 and the .json that describes it, in one directory."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, Callable, List, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive as archives
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import sha256

Logged = Callable[[Sequence[str], str], None]
# Four times the time of the next lower level for one per cent, and the line is slow: measured, see the role's README.
PACK = ("zstd", "-q", "-f", "-T0", "-12", "--long=27")
ANEW = "Write the archive anew with the playbook images.yml."


def description_path(directory: Path, image: str) -> Path:
    return directory / f"{archives.stem_of(image)}.json"


def _described(path: Path) -> Optional[archives.Described]:
    """A description; one that cannot be read is none, and is written anew with its archive."""
    try:
        return archives.parse_description(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else None
    except (archives.ArchiveError, UnicodeDecodeError):
        return None


def find(directory: Path, image: str) -> Optional[archives.Described]:
    """What the store has of an image; nothing when a part is missing. Whether it is sound, check() says."""
    described = _described(description_path(directory, image))
    if described is None:
        return None
    archive = directory / described.archive
    return described if archive.is_file() and Path(f"{archive}.sha256").is_file() else None


def sound(directory: Path, image: str) -> Optional[archives.Described]:
    """The same for who writes the store: what is damaged is not there, and is written anew."""
    described = find(directory, image)
    try:
        if described is not None:
            check(directory, described)
    except archives.ArchiveError:
        return None
    return described


def everything(directory: Path) -> List[archives.Described]:
    found = [_described(path) for path in sorted(directory.glob("*.json"))]
    return [x for x in found if x is not None and (directory / x.archive).is_file()]


def check(directory: Path, described: archives.Described) -> None:
    """Compare an archive with its description and its checksum, before a slow line carries it."""
    archive = directory / described.archive
    size = archive.stat().st_size
    if size != described.archive_size:
        raise archives.ArchiveError(
            f"{archive} has {size} bytes and was written with {described.archive_size}: "
            f"it is cut off or was changed. {ANEW}"
        )
    said = Path(f"{archive}.sha256").read_text(encoding="ascii", errors="replace").split()
    if sha256(archive) != described.archive_sha256 or said[:1] != [described.archive_sha256]:
        raise archives.ArchiveError(f"{archive} is not what its checksum says: it was changed or damaged. {ANEW}")


def scratch(directory: Path) -> Path:
    """Where a user may write who may not write to the store: it can be root's, or a stick."""
    if os.access(directory, os.W_OK):
        return directory
    own = Path("~/.cache/event-log/images").expanduser()
    own.mkdir(parents=True, exist_ok=True)
    return own


def unpacked(directory: Path, described: archives.Described) -> Path:
    """The archive as the engine wrote it, which is what differences are made from. Kept for the next host."""
    archive = directory / described.archive
    if archive.suffix != ".zst":
        return archive
    place = scratch(directory)
    name = archives.stem_of(archives.repository_of(described.image))[: -len("-latest")]
    plain = place / f".{name}+{archives.stem_of(described.image)[len(name) + 1 :]}.tar"
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (plain.is_file() and plain.stat().st_size == described.plain_size):
            # Of each name the last version is enough; who reads a former one goes on reading.
            for former in place.glob(f".{name}+*.tar"):
                former.unlink()
            done = subprocess.run(
                ["zstd", "-dqf", str(archive), "-o", str(plain)], capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise archives.ArchiveError(f"{archive} cannot be unpacked: {done.stderr.strip()}")
        if sha256(plain) != described.plain_sha256:
            plain.unlink()
            raise archives.ArchiveError(f"{archive} does not unpack to what it was made from. {ANEW}")
    return plain


def write(logged: Logged, reference: str, directory: Path) -> archives.Described:
    """Write an image's archive with checksum and description; nobody ever sees half of one."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = archives.stem_of(reference)
    packs = shutil.which("zstd") is not None
    target = directory / f"{stem}.tar{'.zst' if packs else ''}"
    plain = directory / f".{stem}.tar.part"
    packed = Path(f"{plain}.zst")
    try:
        logged(["docker", "save", "--output", str(plain), reference], f"Saving {reference}")
        with plain.open("rb") as file:
            contents = archives.choose(archives.read(file), reference)
        if packs:
            logged([*PACK, str(plain), "-o", str(packed)], f"Packing {target}")
        done = packed if packs else plain
        done.chmod(0o644)
        described = archives.Described(
            image=reference,
            identifier=contents.identifier,
            architecture=contents.architecture,
            archive=target.name,
            archive_size=done.stat().st_size,
            archive_sha256=sha256(done),
            plain_size=plain.stat().st_size,
            plain_sha256=sha256(plain),
            layers=_packed(plain, contents),
        )
        # In this order, each whole or not at all: a run that ends in between leaves what does not pass for sound.
        _put(Path(f"{target}.sha256"), f"{described.archive_sha256}  {target.name}\n")
        done.replace(target)
        _put(description_path(directory, reference), described.as_text())
    finally:
        for rest in (plain, packed):
            if rest.exists():
                rest.unlink()
    return described


def _put(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.chmod(0o644)
    part.replace(path)


def _packed(plain: Path, contents: archives.Contents) -> Tuple[archives.Layer, ...]:
    """The layers with the size that each has on the line, where only some of them move."""
    if shutil.which("zstd") is None:
        return tuple(replace(layer, packed_size=layer.size) for layer in contents.layers)
    found = []
    with tarfile.open(plain) as archive:
        for layer, name in zip(contents.layers, contents.files):
            file = archive.extractfile(name)
            found.append(replace(layer, packed_size=_line_size(file) if file else layer.size))
    return tuple(found)


def _line_size(layer: IO[bytes]) -> int:
    with tempfile.TemporaryFile() as out:
        command = ["zstd", "-3", "-cq"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out) as process:
            if process.stdin is not None:  # always: it was asked for
                shutil.copyfileobj(layer, process.stdin, archives.CHUNK)
        return out.seek(0, os.SEEK_END)
