# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bundle is made of: collections as archives, and Python packages for the server's Python."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, List, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._command import Run
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError, InputError

#: What a run needs of a collection. Tests, scenarios, inventories and build results stay behind; so do variables that
#: lie beside playbooks, for they may be other sites': what this site needs of them is in its inventory.
NEEDED = (
    "galaxy.yml",
    "MANIFEST.json",
    "FILES.json",
    "LICENSE",
    "COPYING",
    "LICENSES",
    "README.md",
    "ansible.cfg",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "images",
)
LEFT_OUT = re.compile(r"(^|/)(__pycache__|\.[^/]*|tests?|group_vars|host_vars)(/|$)|\.pyc$")
#: Of glibc 2.36 (Debian 12) and later, newest first; pip takes only what it is told.
GLIBC = ("manylinux_2_35", "manylinux_2_34", "manylinux_2_31", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
COMPLETE = "complete"


@dataclass(frozen=True)
class Collection:
    """A collection as it lies on the control node, whole or only some of its directories."""

    name: str
    path: Path
    only: Tuple[str, ...] = ()

    @property
    def version(self) -> str:
        manifest, galaxy = self.path / "MANIFEST.json", self.path / "galaxy.yml"
        if manifest.is_file():
            return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
        found = re.search(r"^version:\s*['\"]?([\w.+-]+)", galaxy.read_text(encoding="utf-8"), re.MULTILINE)
        if not found:
            raise InputError(f"{galaxy} names no version.")
        return found[1]

    @property
    def archive_name(self) -> str:
        return f"{self.name.replace('.', '-')}-{self.version}.tar.gz"

    def files(self) -> List[Tuple[str, Path]]:
        roots = NEEDED if not self.only else ("MANIFEST.json", "LICENSE", "COPYING", "LICENSES", "meta", *self.only)
        found = []
        for root in (self.path / name for name in roots):
            leaves = [root] if root.is_file() else sorted(root.rglob("*"))
            for path in leaves:
                name = path.relative_to(self.path).as_posix()
                if path.is_file() and not LEFT_OUT.search(name):
                    found.append((name, path))
        return sorted(found)


def packed(collection: Collection) -> bytes:
    """The collection as an archive; equal files give equal bytes."""
    prefix = f"ansible_collections/{collection.name.replace('.', '/')}"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in collection.files():
            entry = tarfile.TarInfo(f"{prefix}/{name}")
            content = path.read_bytes()
            entry.size = len(content)
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(archive.getvalue(), compresslevel=9, mtime=0)


def unpacked_size(archives: Iterable[bytes], wheels: Iterable[Path]) -> int:
    """How much room the server needs for a run, in bytes: everything unpacked, in blocks of 4 KB."""
    sizes: List[int] = []
    for archive in archives:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            sizes += [member.size for member in tar.getmembers()]
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            sizes += [member.file_size for member in opened.infolist()]
    return sum(-(-size // 4096) * 4096 for size in sizes)


@dataclass(frozen=True)
class Wheels:
    """Python packages, exactly as the list says, for one Python on one kind of machine."""

    requirements: Path
    python: str
    architecture: str
    cache: Path

    @property
    def directory(self) -> Path:
        inputs = f"{self.requirements.read_text(encoding='utf-8')}\n{self.python}\n{self.architecture}"
        return self.cache / f"wheels-{self.python}-{hashlib.sha256(inputs.encode()).hexdigest()[:12]}"

    @property
    def present(self) -> bool:
        return (self.directory / COMPLETE).is_file()

    def files(self) -> List[Path]:
        return sorted(self.directory.glob("*.whl"))

    def command(self, pip: Sequence[str], directory: Path) -> List[str]:
        machine = MACHINES[self.architecture]
        platforms = [word for glibc in GLIBC for word in ("--platform", f"{glibc}_{machine}")]
        exact = ["--no-deps", "--only-binary", ":all:", "--implementation", "cp", "--python-version", self.python]
        quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
        return [*pip, "download", *quiet, *exact, *platforms, "--dest", str(directory), "-r", str(self.requirements)]

    def fetch(self, pip: Sequence[str], run: Run) -> None:
        """Fetch into a directory that gets its name only when everything is there."""
        self.cache.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=str(self.cache), prefix=".wheels-"))
        try:
            code, out, err = run(self.command(pip, directory))
            if code:
                words = (err or out).strip().splitlines()[-6:]
                raise EventLogError("Python packages for the bundle could not be fetched: " + "\n".join(words))
            (directory / COMPLETE).write_text("", encoding="utf-8")
            with contextlib.suppress(OSError):  # another run was faster with the same
                directory.rename(self.directory)
            if not self.present:
                raise EventLogError(f"{self.directory} is not what an earlier run wrote. Remove it, and run again.")
        finally:
            shutil.rmtree(str(directory), ignore_errors=True)
