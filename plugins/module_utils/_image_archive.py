# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image's archive holds, read from the archive itself, and the description that lies beside it.

An archive is what "docker save" writes, whole or packed by zstd. Engines before 25 lay it out by layer, later ones as
an OCI layout; manifest.json leads through both (moby, image/spec/spec.md and image/tarexport).
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError

CHUNK = 1 << 20
# Configurations and manifests are small; a layer is only counted and hashed.
SMALL = 1 << 20
# What a packed file begins with.
ZSTD = b"\x28\xb5\x2f\xfd"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# What "uname -m" and "docker info" say, and what images say.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "i386": "386"}


class ArchiveError(EventLogError):
    """An archive, or the description beside it, is not what it should be."""


@dataclass(frozen=True)
class Layer:
    diff_id: str
    size: int
    packed_size: int = 0


@dataclass(frozen=True)
class Contents:
    """One archive, as read: every layer was compared with the digest that the image's configuration has of it."""

    identifier: str
    architecture: str
    references: Tuple[str, ...]
    layers: Tuple[Layer, ...]
    files: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Described:
    """An archive of the store: enough to say what a copy costs without opening it."""

    image: str
    identifier: str
    architecture: str
    archive: str
    archive_size: int
    archive_sha256: str
    plain_size: int
    plain_sha256: str
    layers: Tuple[Layer, ...] = field(default_factory=tuple)

    def as_text(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def machine(name: str) -> str:
    """A machine's own name for its processor, as images call it."""
    return MACHINES.get(name, name)


def stem_of(reference: str) -> str:
    """What the files of an image are called, without an ending."""
    return re.sub(r"[/:@]", "_", _repository(reference)) + f"-{_tag(reference)}"


def _repository(reference: str) -> str:
    head, separator, last = reference.rpartition("/")
    return head + separator + last.partition(":")[0]


def _tag(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[2].replace(":", "_").replace("@", "_") or "latest"


def repository_of(reference: str) -> str:
    """The name of an image without its tag and digest."""
    return _repository(reference.partition("@")[0])


def described(given: Mapping[str, Any]) -> Described:
    """A description from plain data."""
    layers = tuple(Layer(str(x["diff_id"]), int(x["size"]), int(x["packed_size"])) for x in given["layers"])
    words = ("image", "identifier", "architecture", "archive", "archive_sha256", "plain_sha256")
    values: Dict[str, Any] = {key: str(given[key]) for key in words}
    values.update({key: int(given[key]) for key in ("archive_size", "plain_size")})
    return Described(**values, layers=layers)


def parse_description(text: str, where: str) -> Described:
    try:
        return described(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(
            f"{where} does not describe an archive ({type(error).__name__}: {error}). Write the archive anew with the "
            f"playbook images.yml."
        ) from error


def in_words(described: Described) -> str:
    """One line about an archive, for people."""
    size, plain = described.archive_size / 1e6, described.plain_size / 1e6
    return (
        f"{described.image} for {described.architecture}: {size:.0f} MB ({plain:.0f} MB unpacked), {described.archive}"
    )


class _Seen:
    """The members of an archive as they pass by: what is small is kept, what is large is hashed."""

    def __init__(self) -> None:
        self.small: Dict[str, bytes] = {}
        self.digests: Dict[str, str] = {}
        self.sizes: Dict[str, int] = {}
        self.links: Dict[str, str] = {}

    def take(self, member: tarfile.TarInfo, file: Optional[IO[bytes]]) -> None:
        name = member.name[2:] if member.name.startswith("./") else member.name
        if member.issym() or member.islnk():
            self.links[name] = _beside(name, member.linkname) if member.issym() else member.linkname
        if not member.isfile() or file is None:
            return
        total, kept, size = hashlib.sha256(), bytearray(), 0
        for block in iter(lambda: file.read(CHUNK), b""):
            total.update(block)
            size += len(block)
            if member.size <= SMALL:
                kept += block
        if size != member.size:
            raise ArchiveError(f"it ends in the middle of {name}")
        self.digests[name], self.sizes[name] = total.hexdigest(), size
        if member.size <= SMALL:
            self.small[name] = bytes(kept)

    def document(self, name: str) -> Any:
        if name not in self.small:
            raise ArchiveError(f"it has no {name}")
        return json.loads(self.small[name].decode("utf-8"))

    def real(self, name: str) -> str:
        return self.links.get(name, name)


def _beside(name: str, target: str) -> str:
    """Where a relative link in an archive leads."""
    parts = name.split("/")[:-1]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


def read(stream: IO[bytes]) -> List[Contents]:
    """Read an archive from its first to its last byte and check it against the digests that it carries."""
    seen = _Seen()
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                seen.take(member, archive.extractfile(member) if member.isfile() else None)
        manifest: List[Mapping[str, Any]] = seen.document("manifest.json")
        return [_image(seen, entry) for entry in manifest]
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"it is cut off, damaged, or no archive of an image ({error})") from error


def _image(seen: _Seen, entry: Mapping[str, Any]) -> Contents:
    place = str(entry["Config"])
    config = seen.document(place)
    digests = [str(value) for value in config["rootfs"]["diff_ids"]]
    files = [seen.real(str(value)) for value in entry["Layers"]]
    if len(digests) != len(files):
        raise ArchiveError(f"it names {len(files)} layers and its image has {len(digests)}")
    named = re.search(r"[0-9a-f]{64}", place)
    if named and named[0] != seen.digests[place]:
        raise ArchiveError(f"{place} is not what its name says")
    layers = []
    for digest, file in zip(digests, files):
        if file not in seen.digests:
            raise ArchiveError(f"layer {digest} is missing")
        # Engines that keep layers packed name the file by its own digest, and check the layer when they unpack it.
        if f"sha256:{seen.digests[file]}" != digest and seen.digests[file] != file.rpartition("/")[2]:
            raise ArchiveError(f"layer {digest} is not what its digest says")
        layers.append(Layer(digest, seen.sizes[file]))
    return Contents(
        identifier=f"sha256:{seen.digests[place]}",
        architecture=str(config["architecture"]),
        references=tuple(str(value) for value in entry.get("RepoTags") or ()),
        layers=tuple(layers),
        files=tuple(files),
    )


def frame_size(head: bytes) -> int:
    """Unpacked size of a zstd frame, of its first 18 bytes (RFC 8878, 3.1.1.1); 0 if it does not say."""
    if len(head) < 6 or head[:4] != ZSTD:
        return 0
    flags = head[4]
    single, code = flags >> 5 & 1, flags >> 6
    start = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    length = (single, 2, 4, 8)[code]
    size = head[start : start + length]
    if length == 0 or len(size) < length:
        return 0
    return int.from_bytes(size, "little") + (256 if length == 2 else 0)


def choose(found: List[Contents], reference: str) -> Contents:
    """The image that was wanted, of those that an archive holds."""
    for contents in found:
        if reference in contents.references:
            return contents
    names = [name for contents in found for name in contents.references]
    raise ArchiveError(f"it holds {', '.join(names) or 'an image without a name'}, and not {reference}")
