# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done on a managed host for its images: look, make room for a copy, load, pull, remove.

With the docker command alone, for the Python packages of Docker's modules may not be there yet.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _image_archive as archives
from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._image_build import LOOK_SECONDS, bounded, hangs, sha256
from ansible_collections.openmrs.event_log.plugins.module_utils._image_incoming import (
    BASIS,
    ENDINGS,
    HostImageError,
    copies,
    prepare,
    room,
    space,
    sweep,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._image_plan import Host, Lying, Present

ENGINE_DIRECTORY = "/var/lib/docker"
# Go's time that was never set, 0001-01-01T00:00:00Z.
NEVER = "0001-"


def checksum_problem(archive: Path) -> str:
    """What is wrong with an archive by the checksum that lies beside it; nothing if none does."""
    beside = Path(f"{archive}.sha256")
    if not beside.is_file():
        return ""
    said = beside.read_text(encoding="ascii", errors="replace").split()
    if said and said[0].lower() == sha256(archive):
        return ""
    return (
        f"{archive} is not what {beside.name} beside it says: it is cut off or was changed. "
        f"Copy both files to this place again; nothing was loaded."
    )


def description_beside(archive: Path) -> Optional[archives.Described]:
    stem = archive.name
    for ending in ENDINGS:
        stem = stem[: -len(ending)] if stem.endswith(ending) else stem
    path = archive.parent / f"{stem}.json"
    return archives.parse_description(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else None


def find_archive(places: Sequence[str], image: str, first: bool) -> Optional[Path]:
    """The archive of an image: a file that was named, or one of the names that the store uses in a directory."""
    stem = archives.stem_of(image)
    names = [f"{stem}{ending}" for ending in ENDINGS]
    for place in (Path(place) for place in places if place):
        if place.is_file() and (first or place.name in names):
            return place
        found = [place / name for name in names if (place / name).is_file()]
        if found:
            return found[0]
    return None


def came(found: Mapping[str, Any]) -> str:
    """When an image got its name here, or when it was made: Docker 20.10 notes no time for one that was loaded."""
    tagged = str((found.get("Metadata") or {}).get("LastTagTime") or "")
    return str(found.get("Created") or "") if tagged[:5] in ("", NEVER) else tagged


@contextmanager
def unpacked(archive: Path) -> Iterator[IO[bytes]]:
    """The bytes of an archive as "docker save" wrote them."""
    if archive.suffix != ".zst":
        with archive.open("rb") as file:
            yield file
        return
    if shutil.which("zstd") is None:
        raise HostImageError(f"{archive} is packed by zstd, and there is no zstd here: apt-get install zstd.")
    with subprocess.Popen(["zstd", "-dcq", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if process.stdout is None or process.stderr is None:
            raise HostImageError("zstd was started without pipes")  # cannot be: both were asked for
        yield process.stdout
        process.stdout.read()
        said = process.stderr.read().decode("utf-8", "replace").strip()
        if process.wait() != 0:
            raise archives.ArchiveError(f"zstd cannot read it ({said})")


@dataclass(frozen=True)
class Engine:
    """The host's Docker, asked by commands."""

    run: Run

    def look(
        self,
        name: str,
        images: Sequence[str],
        places: Sequence[str],
        incoming: Path,
        ask: Optional[Mapping[str, str]] = None,
    ) -> Host:
        info = self._info()
        work = room(incoming)
        host = Host(
            name=name,
            architecture=archives.machine(str(info.get("Architecture") or os.uname().machine)),
            incoming=space(work),
            engine=space(Path(str(info.get("DockerRootDir") or ENGINE_DIRECTORY))),
            present=tuple(self._present(images)) if info else (),
            rsync=self._rsync(),
            arrived={x.name: x.stat().st_size for x in copies(work)},
        )
        lying: Dict[str, Lying] = {}
        for number, image in enumerate(images):
            path = None if host.has(image) else find_archive(places, image, number == 0)
            if path is not None:
                with path.open("rb") as file:
                    plain = archives.frame_size(file.read(18))
                described, problem = description_beside(path), checksum_problem(path)
                lying[image] = Lying(str(path), path.stat().st_size, described, problem, plain)
        asked = {x: source for x, source in (ask or {}).items() if info and not host.has(x) and x not in lying}
        return replace(host, lying=lying, unreached=self._unreached(asked))

    def _unreached(self, asked: Mapping[str, str]) -> Dict[str, str]:
        """Images that their registries do not have or that cannot be asked for, and what was said."""
        found = {}
        for image, source in asked.items():
            code, _out, err = self.run(bounded(["docker", "manifest", "inspect", source]))
            if code != 0:
                said = err.strip().splitlines()
                found[image] = (
                    f"no answer within {LOOK_SECONDS} s" if hangs(code) else (said or ["no reason given"])[-1]
                )
        return found

    def _rsync(self) -> str:
        """Version of the host's rsync."""
        if shutil.which("rsync") is None:
            return ""
        _code, out, _err = self.run(["rsync", "--version"])
        found = re.match(r"rsync +version v?([0-9.]+)", out)
        return found[1] if found else ""

    def _info(self) -> Mapping[str, Any]:
        """What the engine says of itself; nothing where there is none yet."""
        if shutil.which("docker") is None:
            return {}
        code, out, _err = self._ask(["docker", "info", "--format", "{{json .}}"])
        said: Mapping[str, Any] = json.loads(out) if code == 0 and out.strip() else {}
        # Without an engine the client's half alone is an answer too.
        return said if said.get("DockerRootDir") else {}

    def _present(self, images: Sequence[str]) -> Iterator[Present]:
        wanted = {archives.repository_of(image) for image in images}
        listed = self._lines(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
        same = [x for x in listed if archives.repository_of(x) in wanted and not x.endswith(":<none>")]
        used = set(self._lines(["docker", "ps", "--all", "--no-trunc", "--format", "{{.Image}}"]))
        for reference in dict.fromkeys([*images, *same]):
            found = self.inspect(reference)
            if found is not None:
                identifier = str(found["Id"])
                yield Present(
                    reference=reference,
                    layers=tuple(found.get("RootFS", {}).get("Layers") or ()),
                    size=int(found.get("Size", 0)),
                    tagged=came(found),
                    in_use=bool(used & {reference, identifier, identifier.partition(":")[2]}),
                )

    def _ask(self, command: Sequence[str]) -> Tuple[int, str, str]:
        code, out, err = self.run(bounded(command))
        if hangs(code):
            raise HostImageError(hangs(code))
        return code, out, err

    def _lines(self, command: Sequence[str]) -> List[str]:
        code, out, err = self._ask(command)
        if code != 0:
            raise HostImageError(f"Docker does not answer {' '.join(command[:3])}: {err.strip()}")
        return out.split()

    def inspect(self, reference: str) -> Optional[Mapping[str, Any]]:
        code, out, _err = self._ask(["docker", "image", "inspect", reference])
        found: List[Mapping[str, Any]] = json.loads(out) if code == 0 else []
        return found[0] if found else None

    def receive(self, incoming: Path, name: str, basis: str, owner: int, others: Sequence[str] = ()) -> Path:
        """Make room for a copy, and say where. For one of what differs, lay out what the host has of it already.

        What a cut copy brought is added to that: rsync finds blocks wherever they are. Copies of others that are still
        to come, and were cut, stay.
        """
        work = prepare(incoming)
        sweep(work, [name, *others])
        work.chmod(0o700)
        os.chown(work, owner, -1)
        partial = work / name
        if basis:
            directory = work / BASIS
            directory.mkdir(mode=0o755)
            saved = directory / name
            code, _out, err = self.run(["docker", "save", "--output", str(saved), basis])
            if code != 0:
                raise HostImageError(f"The image {basis} cannot be read: {err.strip()}")
            if partial.exists():
                with saved.open("ab") as whole, partial.open("rb") as part:
                    shutil.copyfileobj(part, whole, archives.CHUNK)
                partial.unlink()
            saved.chmod(0o644)
            os.chown(saved, owner, -1)
        elif partial.exists():
            os.chown(partial, owner, -1)
        return partial

    def load(self, image: str, archive: Path, expected: str = "") -> None:
        """Load an archive that is what it should be, down to each layer's digest, and holds what was wanted."""
        problem = checksum_problem(archive)
        if problem or (expected and sha256(archive) != expected):
            raise HostImageError(problem or f"{archive} is not what was sent: run again, and it is copied again.")
        if archive.suffix != ".zst" or shutil.which("zstd") is not None:
            self._examine(image, archive)
        self._pipe(archive)
        if self.inspect(image) is None:
            raise HostImageError(f"{archive} was loaded, and yet the engine has no {image}. {REMEDY}")

    def _examine(self, image: str, archive: Path) -> None:
        """Read all of an archive before the engine gets it."""
        try:
            with unpacked(archive) as stream:
                contents = archives.choose(archives.read(stream), image)
        except archives.ArchiveError as error:
            raise HostImageError(f"{archive} cannot be used: {error}. Nothing was loaded. {REMEDY}") from error
        here = archives.machine(str(self._info().get("Architecture") or os.uname().machine))
        if contents.architecture != here:
            raise HostImageError(
                f"{archive} is for {contents.architecture}, and this host is {here}. Nothing was loaded. "
                f"Build the image on a machine like this one (playbook images.yml)."
            )

    def _pipe(self, archive: Path) -> None:
        """By a pipe, for engines before 23 do not read zstd. Later ones do, and need no program for it."""
        with unpacked(archive) if shutil.which("zstd") else archive.open("rb") as stream:
            done = subprocess.run(["docker", "load", "--quiet"], stdin=stream, capture_output=True, check=False)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            hint = "" if shutil.which("zstd") else " Perhaps because there is no zstd here: apt-get install zstd."
            raise HostImageError(f"Docker cannot load {archive}: {said}.{hint}")

    def pull(self, image: str, source: str, seconds: int) -> None:
        """Pull an image, and give it the name that this site's containers have for it, and no other.

        A name that it had before stays: somebody uses it.
        """
        there = self.inspect(source) is not None
        self._pulled(source, seconds)
        if image != source:
            code, _out, err = self.run(["docker", "tag", source, image])
            if code != 0:
                raise HostImageError(f"{source} was pulled and cannot be named {image}: {err.strip()}")
            if not there:
                self.remove([source])

    @staticmethod
    def _pulled(source: str, seconds: int) -> None:
        remedy = (
            "See that this host reaches the registry and is logged in (docker login), correct event_images_registry or "
            "the image's name, or bring the image as an archive (event_images_source: archive). "
            "Layers that came are kept."
        )
        try:
            done = subprocess.run(
                ["docker", "pull", "--quiet", source], capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise HostImageError(f"{source} was not pulled within {seconds // 60} minutes. {remedy}") from error
        if done.returncode != 0:
            raise HostImageError(f"{source} cannot be pulled: {done.stderr.strip()}. {remedy}")

    def remove(self, references: Sequence[str]) -> List[str]:
        """Remove images, but none that a container still needs; says which went."""
        return [x for x in references if self.run(["docker", "image", "rm", x])[0] == 0]


REMEDY = "Copy it to this host again, or write it anew with the playbook images.yml."
