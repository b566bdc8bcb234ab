# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of packages for one release consists of, as data: nothing here runs a command or needs Ansible."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

INDEX = "set.json"
CHECKSUMS = "SHA256SUMS"
WANTED = "wanted"
MAKER = "make-set"
INSTALLER = "install-packages"
RELEASE = re.compile(r"[a-z][a-z0-9]*-[0-9]+(?:\.[0-9]+)?")
# What Debian allows in a package's name, and therefore nothing that a shell would read otherwise.
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass(frozen=True)
class Later:
    """A later suite that a few packages come from, and nothing else."""

    suite: str = ""
    packages: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """All that decides what is in a set. `groups` says for each purpose which packages serve it."""

    release: str
    base: str
    groups: Mapping[str, Sequence[str]]
    later: Later
    scripts: Tuple[Tuple[str, bytes], ...]
    refresh: str = ""

    @property
    def packages(self) -> Tuple[str, ...]:
        return tuple(sorted({name for names in self.groups.values() for name in names}))

    @property
    def key(self) -> str:
        """The same for the same wishes, whichever versions a mirror has today: that is what refresh is for."""
        return self._hash(dict(self.scripts))

    @property
    def files_key(self) -> str:
        """Of what decides about the packages alone: a new installer is no reason to collect them again."""
        return self._hash({MAKER: dict(self.scripts).get(MAKER, b"")})

    def _hash(self, scripts: Mapping[str, bytes]) -> str:
        parts = {
            "release": self.release,
            "groups": {name: sorted(names) for name, names in self.groups.items()},
            "later": [self.later.suite, sorted(self.later.packages)],
            "scripts": [[name, hashlib.sha256(content).hexdigest()] for name, content in sorted(scripts.items())],
            "refresh": self.refresh,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def wanted_lines(self) -> str:
        """For the installer, which has no JSON reader: a purpose, then the packages that serve it."""
        return "".join(f"{name} {' '.join(names)}\n" for name, names in sorted(self.groups.items()))


@dataclass(frozen=True)
class Package:
    """One file of a set."""

    name: str
    version: str
    architecture: str
    file: str
    size: int
    sha256: str


def check(wanted: Wanted) -> None:
    """Refuse what would reach a shell or a path as something else than it is."""
    if not RELEASE.fullmatch(wanted.release):
        raise InputError(f"release is {wanted.release!r}: it is a system and its version, like debian-12.")
    bad = [name for name in (*wanted.packages, *wanted.later.packages) if not PACKAGE.fullmatch(name)]
    if bad or not wanted.packages:
        raise InputError(f"groups name {bad or 'no packages'}: give names of packages.")
    if bool(wanted.later.suite) != bool(wanted.later.packages):
        raise InputError("later needs both a suite and the packages that are taken from it.")


def environment(wanted: Wanted, security: str) -> Dict[str, str]:
    """What the script in the container reads."""
    return {
        "PACKAGES": " ".join(wanted.packages),
        "LATER_SUITE": wanted.later.suite,
        "LATER_PACKAGES": " ".join(wanted.later.packages),
        "SECURITY": security,
    }


def security_mirror(targets: str, base: str) -> str:
    """The mirror of Debian's security updates that this machine uses; none for another system.

    Of lines "RELEASE URI" as apt-get indextargets prints them.
    """
    if not base.startswith("debian:"):
        return ""
    for line in targets.splitlines():
        release, _, address = line.strip().partition(" ")
        if release.endswith("-security") and re.fullmatch(r"https?://\S+/debian-security/?", address):
            return address
    return ""


def parse_index(text: str) -> List[Package]:
    """The paragraphs of a Packages file."""
    found = []
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if re.match(r"[A-Z][A-Za-z0-9-]*: ", line))
        if not fields:
            continue
        file = fields["Filename"]
        found.append(
            Package(
                name=fields["Package"],
                version=fields["Version"],
                architecture=fields["Architecture"],
                file=file[2:] if file.startswith("./") else file,
                size=int(fields["Size"]),
                sha256=fields["SHA256"],
            )
        )
    return sorted(found, key=lambda package: package.name)


def architecture_of(packages: Iterable[Package]) -> str:
    """The one architecture that the files are for."""
    found = {package.architecture for package in packages} - {"all"}
    if len(found) != 1:
        raise InputError(f"The packages are for {sorted(found) or 'no architecture'} and not for one.")
    return found.pop()


def describe(wanted: Wanted, packages: Sequence[Package], made: str) -> Dict[str, object]:
    """The content of set.json."""
    return {
        "release": wanted.release,
        "architecture": architecture_of(packages),
        "key": wanted.key,
        "files_key": wanted.files_key,
        "made": made,
        "groups": {name: list(names) for name, names in sorted(wanted.groups.items())},
        "versions": {package.name: package.version for package in packages},
        "files": {package.name: package.file for package in packages},
        "bytes": sum(package.size for package in packages),
    }


def missing_from(wanted: Wanted, packages: Sequence[Package]) -> List[str]:
    return sorted(set(wanted.packages) - {package.name for package in packages})


def key_of(index: Optional[str], name: str = "key") -> str:
    """A key in a set.json; empty when there is none that can be read."""
    try:
        return str(json.loads(index or "")[name])
    except (ValueError, KeyError, TypeError):
        return ""
