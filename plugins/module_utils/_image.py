# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image is called and how it is made, as data: nothing here runs a command or needs Ansible."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

DEFAULT_BASE = "debian:trixie-slim"
HASH_LENGTH = 12
# Never part of a build: the repository's own data, and what Python leaves behind.
IGNORED_DIRECTORIES = (".git", "__pycache__")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

WORD = "[a-z0-9]+(?:[._-][a-z0-9]+)*"
NAME = re.compile(f"(?:{WORD}(?::[0-9]+)?/)?{WORD}(?:/{WORD})*")
VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")
# The form that can be made without a registry: debian:SUITE or debian:SUITE-slim.
DEBIAN_BASE = re.compile(r"debian:(?P<suite>[a-z]+)(?:-slim)?")

# Left out of a base image: nobody reads manual pages in a container. Copyright files stay.
SLIMMED = (
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
)


@dataclass(frozen=True)
class Inputs:
    """All that decides what is in an image. Two equal ones make the same tag."""

    name: str
    version: str
    files: Tuple[Tuple[str, bytes], ...]
    revision: int = 1
    base: str = DEFAULT_BASE
    target: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of contents and settings; each part goes in with its length, so that none can pass for two."""
        total = hashlib.sha256()
        for part in self._parts():
            total.update(f"{len(part)}:".encode())
            total.update(part)
        return total.hexdigest()

    def _parts(self) -> Iterable[bytes]:
        for path, content in sorted(self.files):
            yield b"file"
            yield path.encode("utf-8", "surrogateescape")
            yield content
        for word, value in (("revision", str(self.revision)), ("base", self.base), ("target", self.target)):
            yield word.encode()
            yield value.encode()
        for key, value in sorted(self.build_args.items()):
            yield b"argument"
            yield key.encode()
            yield value.encode()

    @property
    def tag(self) -> str:
        return f"{self.version}-{self.digest[:HASH_LENGTH]}"

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.tag}"


@dataclass(frozen=True)
class Found:
    """An image that the engine has."""

    identifier: str
    size: int


def read_context(context: Path) -> Tuple[Tuple[str, bytes], ...]:
    """The files of a build context. Modes and times are not part of it: a checkout and an artefact differ in them."""
    if not (context / "Dockerfile").is_file():
        raise InputError(f"context is {context}, and there is no Dockerfile in it: name the directory that holds one.")
    files: List[Tuple[str, bytes]] = []
    for directory, names, leaves in os.walk(context):
        here = Path(directory)
        names[:] = [name for name in names if name not in IGNORED_DIRECTORIES]
        links = [name for name in names if (here / name).is_symlink()]
        for path in (here / name for name in [*leaves, *links]):
            content = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            files.append((path.relative_to(context).as_posix(), content))
    return tuple(sorted(files))


def read_version(context: Path, given: Optional[str], target: str = "") -> str:
    """The readable half of the tag: as given, else the file VERSION of the target's directory, else of the context."""
    if given:
        return given
    path = context / "VERSION"
    if target and (context / target / "VERSION").is_file():
        path = context / target / "VERSION"
    if not path.is_file():
        raise InputError(f"version is not given and {path} does not exist: give one of them.")
    return path.read_text(encoding="utf-8").strip()


def check(inputs: Inputs) -> None:
    """Refuse names that Docker would refuse after a long build."""
    if not NAME.fullmatch(inputs.name):
        raise InputError(f"name is {inputs.name!r}: an image's name is lower-case letters, digits and . _ - / only.")
    if not VERSION.fullmatch(inputs.version):
        raise InputError(f"version is {inputs.version!r}: it becomes part of a tag, letters, digits and . _ - only.")
    if inputs.revision < 1:
        raise InputError(f"revision is {inputs.revision}: count from 1.")


def build_command(inputs: Inputs, context: Path, ca_file: Optional[Path], environment: Mapping[str, str]) -> List[str]:
    """The command that builds. What comes from this machine (certificates, proxies) is never part of the tag."""
    command = ["docker", "build", "--progress=plain", "--tag", inputs.reference, "--build-arg", f"BASE={inputs.base}"]
    command += ["--build-arg", f"REVISION={inputs.revision}"]
    for key, value in sorted(inputs.build_args.items()):
        command += ["--build-arg", f"{key}={value}"]
    for key in PROXY_VARIABLES:
        if environment.get(key):
            command += ["--build-arg", key]
    if ca_file is not None:
        command += ["--secret", f"id=ca,src={ca_file}"]
    if inputs.target:
        command += ["--target", inputs.target]
    return [*command, str(context)]


def suite_of(base: str) -> Optional[str]:
    """The Debian suite that a base image can be made from here, if it is such a one."""
    match = DEBIAN_BASE.fullmatch(base)
    return match["suite"] if match else None


def mirror_of(targets: str) -> Optional[str]:
    """The Debian mirror that this machine uses, of lines "RELEASE URI" that apt-get indextargets prints.

    A suite's own repository and not the one of its security updates, and nothing but a Debian archive.
    """
    for line in targets.splitlines():
        release, _, address = line.strip().partition(" ")
        if re.fullmatch(r"[a-z]+", release) and re.fullmatch(r"https?://\S+/debian/?", address):
            return address
    return None


def parse_inspect(text: str) -> Found:
    """What "docker image inspect" prints."""
    first: Dict[str, object] = json.loads(text)[0]
    return Found(identifier=str(first["Id"]), size=int(str(first["Size"])))


def is_missing(message: str) -> bool:
    """Whether the engine answered that it has no such image (and not that it could not be asked)."""
    return "no such image" in message.lower()


def tail(text: str, lines: int = 40) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])
