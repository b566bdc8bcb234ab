# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out what _image.py describes, with the docker command alone: no Python package is needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import _image
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import EventLogError

Run = Callable[[Sequence[str], Mapping[str, str]], Tuple[int, str, str]]

# Appends the output as it comes, so that a person can follow a build of minutes.
LOGGED = ["/bin/sh", "-c", 'log=$1; shift; exec "$@" >> "$log" 2>&1', "sh"]
LOOK_SECONDS = 20
# What timeout(1) returns when it ended a command, and when it had to kill it.
TIMED_OUT = (124, 137)
BUILDKIT = {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}


class ImageError(EventLogError):
    """A command failed; the message carries the end of its output."""


def bounded(command: Sequence[str]) -> List[str]:
    """A question to the engine that ends in time: one that hangs takes it and never answers."""
    return ["timeout", "-k", "5", str(LOOK_SECONDS), *command] if shutil.which("timeout") else list(command)


def hangs(code: int) -> str:
    """What is wrong if a bounded question had no answer in time."""
    if code not in TIMED_OUT:
        return ""
    return (
        f"The Docker engine takes questions and did not answer one within {LOOK_SECONDS} s. Look what it does "
        f"(systemctl status docker, journalctl -u docker), restart it (systemctl restart docker), then run again."
    )


@dataclass(frozen=True)
class Workshop:
    """The machine that builds: how commands are run and where output and temporary files go."""

    run: Run
    log_path: Path
    cache_dir: Optional[Path]
    may_install: bool = False

    def image(self, reference: str, must_answer: bool) -> Optional[_image.Found]:
        """The image, if the engine has it. One that cannot be asked has none, or is an error."""
        if shutil.which("docker") is None:
            if must_answer:
                raise ImageError(
                    "There is no docker command here: install Docker (role docker_engine), then run again."
                )
            return None
        code, out, err = self.run(bounded(["docker", "image", "inspect", reference]), {})
        if hangs(code):
            raise ImageError(hangs(code))
        if code == 0:
            return _image.parse_inspect(out)
        if must_answer and not _image.is_missing(err):
            raise ImageError(f"The Docker engine does not answer: {err.strip()}. Start it, then run again.")
        return None

    def logged(self, command: Sequence[str], what: str, environment: Optional[Mapping[str, str]] = None) -> None:
        """Run a long command, its output appended to the log."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        start = self.log_path.stat().st_size if self.log_path.exists() else 0
        code, _out, err = self.run([*LOGGED, str(self.log_path), *command], environment or {})
        if code != 0:
            with self.log_path.open("rb") as log:
                log.seek(start)
                output = log.read().decode("utf-8", "replace")
            raise ImageError(
                f"{what} failed (exit code {code}, output in {self.log_path}). It ended with:\n"
                f"{_image.tail(output + err)}"
            )

    def build(self, inputs: _image.Inputs, context: Path, ca_file: Optional[Path]) -> None:
        command = _image.build_command(inputs, context, ca_file, os.environ)
        self.logged(command, f"Building {inputs.reference}", BUILDKIT)

    def make_base(self, base: str) -> str:
        """Make sure of the base image; says how: present, pulled or made."""
        if self.image(base, must_answer=True):
            return "present"
        code, out, err = self.run(["docker", "pull", "--quiet", base], {})
        if code == 0:
            return "pulled"
        suite = _image.suite_of(base)
        reason = _image.tail(err or out, 1)
        if suite is None:
            raise ImageError(f"The base image {base} is not here and cannot be pulled: {reason}. Load it by hand.")
        if shutil.which("debootstrap") is None:
            self._install_debootstrap(f"The base image {base} is not here and cannot be pulled ({reason})")
        self._bootstrap(base, suite)
        return "made"

    def _install_debootstrap(self, why: str) -> None:
        if not self.may_install or shutil.which("apt-get") is None:
            raise ImageError(
                f"{why}, and it cannot be made from Debian's packages, because debootstrap is missing: "
                f"apt-get install debootstrap, then run again."
            )
        install = [
            "apt-get",
            "-o",
            "DPkg::Lock::Timeout=300",
            "install",
            "-y",
            "--no-install-recommends",
            "debootstrap",
        ]
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            self.logged(install, "Installing debootstrap", quiet)
        except ImageError:  # lists that are missing or out of date
            self.logged(["apt-get", "update"], "Refreshing the package lists", quiet)
            self.logged(install, "Installing debootstrap", quiet)

    def _mirror(self) -> List[str]:
        """The mirror that this machine itself uses, if it is a Debian; else the one that debootstrap knows."""
        if shutil.which("apt-get") is None:
            return []
        fields = ["--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages", "Component: main"]
        code, out, _err = self.run(["apt-get", "indextargets", *fields], {})
        mirror = _image.mirror_of(out) if code == 0 else None
        return [mirror] if mirror else []

    def _bootstrap(self, base: str, suite: str) -> None:
        """A minimal Debian. It is imported only when it is complete."""
        with tempfile.TemporaryDirectory(prefix="base-", dir=self._temporary()) as directory:
            root = Path(directory) / "root"
            archive = Path(directory) / "base.tar"
            command = ["debootstrap", "--variant=minbase"]
            if self.cache_dir is not None:  # packages of an interrupted run are not fetched again
                packages = self.cache_dir.resolve() / f"debootstrap-{suite}"
                packages.mkdir(parents=True, exist_ok=True)
                command.append(f"--cache-dir={packages}")
            self.logged([*command, suite, str(root), *self._mirror()], f"Making the base image {base} with debootstrap")
            slim(root)
            self.logged(
                ["tar", "--numeric-owner", "--one-file-system", "-C", str(root), "-cf", str(archive), "."],
                f"Packing the base image {base}",
            )
            self.logged(
                ["docker", "import", "--change", 'CMD ["bash"]', str(archive), base], f"Importing the base image {base}"
            )

    def _temporary(self) -> Optional[str]:
        if self.cache_dir is None:
            return None
        self.cache_dir.mkdir(parents=True, exist_ok=True)
        return str(self.cache_dir)


def slim(root: Path) -> None:
    """Empty the directories that no container reads; licences stay."""
    emptied: List[Path] = [root / relative for relative in _image.SLIMMED]
    for directory in emptied:
        for path in sorted(directory.glob("*")) if directory.is_dir() else []:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for package in sorted((root / "usr/share/doc").glob("*")):
        if package.is_symlink():  # a package that shares another's directory
            continue
        for path in sorted(package.iterdir()):
            if path.name != "copyright" and (path.is_symlink() or path.is_file()):
                path.unlink()


def sha256(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()
