# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle as a directory: which files it holds, which of them differ, and the list of checksums over them.

A bundle lies on a stick as often as on a disk, so nothing here needs owners, modes or links. What is there already and
equal is not written again: a copy that was cut goes on, and a second run writes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive
from ansible_collections.openmrs.event_log.plugins.module_utils._bundle_checks import (
    CHECKSUMS,
    check_archive,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import sha256

CONF = "bundle.conf"
#: Directories that belong to a bundle as a whole: what is in them and not wanted is removed.
OWNED = ("collections", "images", "inventory", "packages", "wheels")
WHEELS = "wheels"
#: Written by site_inventory, beside this.
INVENTORY = "inventory"
#: A file that is being written; one that is left was left by a run that was killed.
UNFINISHED = ".part-"


@dataclass(frozen=True)
class Piece:
    """One file of a bundle, from a file or from bytes."""

    name: str
    source: Optional[Path] = None
    content: bytes = b""

    @property
    def size(self) -> int:
        return len(self.content) if self.source is None else self.source.stat().st_size

    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest() if self.source is None else sha256(self.source)


@dataclass(frozen=True)
class Plan:
    """What has to be done to a directory so that it is the bundle."""

    write: Tuple[Piece, ...]
    remove: Tuple[str, ...]
    sums: str
    sums_differ: bool
    total: int

    @property
    def changed_paths(self) -> List[str]:
        names = [piece.name for piece in self.write] + list(self.remove)
        return sorted(names) + ([CHECKSUMS] if self.sums_differ else [])


def files_below(directory: Path) -> List[str]:
    """Relative names of all files below a directory, sorted."""
    found = [path for path in directory.rglob("*") if path.is_file()] if directory.is_dir() else []
    return sorted(path.relative_to(directory).as_posix() for path in found)


def from_directory(source: Path, name: str) -> List[Piece]:
    return [Piece(f"{name}/{leaf}", source / leaf) for leaf in files_below(source)]


def from_images(archives: Iterable[str], architecture: str) -> List[Piece]:
    """The archives with what lies beside them: checksum and description."""
    pieces: List[Piece] = []
    for archive in map(Path, archives):
        if not archive.is_file():
            raise InputError(f"{archive} is no file: write the image's archive first, with the playbook images.yml.")
        check_archive(archive, architecture)
        stem = archive.name.rpartition(".tar")[0]
        beside = [Path(f"{archive}.sha256"), archive.with_name(f"{stem}.json")]
        pieces += [Piece(f"images/{path.name}", path) for path in (archive, *beside) if path.is_file()]
    return pieces


def find_archives(names: Iterable[str], store: str) -> List[str]:
    """The archives of images in the store."""
    wanted = list(names)
    if wanted and not store:
        raise InputError(f"Where are the archives of {', '.join(wanted)}? Set event_log_images_dir to their directory.")
    found: List[str] = []
    for name in wanted:
        stem = _image_archive.stem_of(name)
        candidates = (Path(store) / f"{stem}.tar.zst", Path(store) / f"{stem}.tar")
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            raise InputError(f"{store} holds no archive of {name}: write it first, with the playbook images.yml.")
        found.append(str(path))
    return found


def conf_text(facts: Mapping[str, str]) -> str:
    """What install.sh reads before anything else: one NAME=VALUE a line, no quotes."""
    for name, value in facts.items():
        if "\n" in value or not name.isidentifier():
            raise InputError(f"{name} is {value!r}, which does not fit into one line.")
    return "".join(f"{name}={value}\n" for name, value in sorted(facts.items()))


def check_names(pieces: Iterable[Piece]) -> None:
    """Refuse names that a stick cannot hold, that leave the bundle, or that come twice."""
    seen: Dict[str, str] = {}
    for piece in pieces:
        path = PurePosixPath(piece.name)
        if path.is_absolute() or ".." in path.parts or any(sign in piece.name for sign in ':*?"<>|\\\n'):
            raise InputError(f"{piece.name!r} cannot be the name of a file on a stick.")
        if seen.setdefault(piece.name.lower(), piece.name) != piece.name or piece.name == CHECKSUMS:
            raise InputError(f"{piece.name!r} would be in the bundle twice.")
        if path.parts[0] == INVENTORY:
            raise InputError(f"{piece.name!r}: the inventory is written by site_inventory.")


@dataclass(frozen=True)
class Foretold:
    """What check mode knows of files that only the run itself will make."""

    inventory: bool = False
    wheels: bool = False


def plan(root: Path, pieces: Iterable[Piece], foretold: Foretold = Foretold()) -> Plan:
    """Compare what should be there with what is there, by content."""
    wanted = sorted(pieces, key=lambda piece: piece.name)
    check_names(wanted)
    write, digests = [], {}
    for piece in wanted:
        path = root / piece.name
        digests[piece.name] = piece.digest()
        if not path.is_file() or path.stat().st_size != piece.size or sha256(path) != digests[piece.name]:
            write.append(piece)
    kept = [f"{INVENTORY}/{leaf}" for leaf in files_below(root / INVENTORY) if not _unfinished(leaf)]
    digests.update((name, sha256(root / name)) for name in kept)
    sums = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
    existing = root / CHECKSUMS
    differ = not existing.is_file() or existing.read_text(encoding="utf-8") != sums or foretold != Foretold()
    total = sum(piece.size for piece in wanted) + sum((root / name).stat().st_size for name in kept)
    gone = [name for name in strays(root, set(digests)) if not (foretold.wheels and name.startswith(f"{WHEELS}/"))]
    return Plan(tuple(write), tuple(gone), sums, differ, total)


def _unfinished(name: str) -> bool:
    return PurePosixPath(name).name.startswith(UNFINISHED)


def strays(root: Path, wanted: Iterable[str]) -> List[str]:
    """Files of an earlier bundle that this one has not. In a directory that is no bundle nothing is a stray."""
    if not (root / CONF).is_file():
        return []
    present = [f"{name}/{leaf}" for name in OWNED for leaf in files_below(root / name)]
    present += [path.name for path in root.glob(f"{UNFINISHED}*") if path.is_file()]
    return sorted(set(present) - set(wanted))


def check_space(root: Path, changes: Plan, unknown: int = 0) -> None:
    """Refuse before the first byte what would not fit. Old files make room one by one, so they do not count."""
    needed = sum(piece.size for piece in changes.write) + unknown
    place = next(parent for parent in (root, *root.parents) if parent.is_dir())
    free = shutil.disk_usage(str(place)).free
    if needed > free:
        raise InputError(f"{root} needs {needed >> 20} MB, and {free >> 20} MB are free there. Nothing was written.")


def carry_out(root: Path, changes: Plan) -> None:
    """Remove, write, and last the list of checksums: a bundle that was not finished is told from one that was."""
    for name in changes.remove:
        (root / name).unlink()
        with contextlib.suppress(OSError):  # another file is in it
            if (root / name).parent != root:
                (root / name).parent.rmdir()
    for piece in changes.write:
        if piece.source is None:
            write_on_any_disk(root / piece.name, piece.content)
        else:
            copy_on_any_disk(root / piece.name, piece.source)
    if changes.sums_differ:
        write_on_any_disk(root / CHECKSUMS, changes.sums.encode())


def write_on_any_disk(path: Path, content: bytes) -> None:
    """Write a file under its name only when it is whole, with what FAT offers: no owners, no modes."""
    handle, name = _beside(path)
    with _removed_if_failed(name):
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _readable(name, path)


def copy_on_any_disk(path: Path, source: Path) -> None:
    handle, name = _beside(path)
    with _removed_if_failed(name):
        with os.fdopen(handle, "wb") as stream, source.open("rb") as origin:
            shutil.copyfileobj(origin, stream, _image_archive.CHUNK)
            stream.flush()
            os.fsync(stream.fileno())
        _readable(name, path)


def _beside(path: Path) -> Tuple[int, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.mkstemp(dir=str(path.parent), prefix=UNFINISHED)


@contextlib.contextmanager
def _removed_if_failed(name: str):  # type: ignore[no-untyped-def]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _readable(name: str, path: Path) -> None:
    with contextlib.suppress(OSError):  # a disk without modes
        Path(name).chmod(0o755 if path.suffix == ".sh" else 0o644)
    Path(name).replace(path)
