# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of an image as processes of this machine, without a container: a cut kills them within a millisecond.

Each has a root directory, mounts and process ids of its own; what one leaves behind ends with its first process.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from tests.faults.disk import run
from tests.helpers.records import ROOT

TREES = ROOT / ".cache" / "test" / "trees"


def tree(repository: str) -> Path:
    """The files of an image, unpacked once for each version of it."""
    listed = run("docker", "images", "--no-trunc", "--format", "{{.ID}}", repository).split()
    if not listed:
        raise LookupError(f"no image on this host (./test.sh images builds it): {repository}")
    made = TREES / listed[0].rpartition(":")[2][:16]
    if not made.exists():
        TREES.mkdir(parents=True, exist_ok=True)
        held = run("docker", "create", listed[0])
        unpacked = Path(tempfile.mkdtemp(dir=TREES))
        try:
            command = f"docker export {held} | tar -x -C {shlex.quote(str(unpacked))}"
            run("bash", "-o", "pipefail", "-c", command)
            for name in ("disk", "etc/event-log"):
                (unpacked / name).mkdir(exist_ok=True)
            unpacked.chmod(0o755)
            unpacked.rename(made)
        finally:
            run("docker", "rm", held)
            shutil.rmtree(unpacked, ignore_errors=True)
    return made


@dataclass
class Program:
    """One running program and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])

    @property
    def inside(self) -> list[int]:
        """The process id of the program itself, in a list; none when it has ended."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(child) for child in children.split()]

    def wait(self, seconds: float) -> None:
        if self.process.wait(seconds):
            raise AssertionError(f"{self.process.args!r} ended with {self.process.returncode}\n{self.said}")

    def signal(self, number: int) -> None:
        """Send a signal to the program itself, such as SIGSTOP: the process below the one that holds the mounts."""
        for child in self.inside:
            os.kill(child, number)

    def kill(self) -> None:
        # The outer process ends when the last one inside has; until then they hold the disk.
        for _ in range(60):
            if self.process.poll() is None:
                self.signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
                return
        raise AssertionError(f"{self.process.args!r} does not end")


def start(
    root: Path, user: str, command: str, *, mounts: Mapping[str, Path], log: Path, environment: Mapping[str, str]
) -> Program:
    """Start a shell command in a tree of files; ``mounts`` are directories and files that appear there."""
    at = shlex.quote(str(root))
    inside = [
        f"mount --bind /dev {at}/dev",
        f"mount -t tmpfs -o mode=1777 tmpfs {at}/tmp",
        f"mount -t proc proc {at}/proc",
    ]
    for target, source in mounts.items():
        if not source.is_dir():
            (root / target).touch()
        inside.append(f"mount --bind {shlex.quote(str(source))} {at}/{target}")
    # The first process of its namespace: with it everything ends.
    enter = f"exec chroot --userspec={user} {at} /bin/sh -c {shlex.quote('exec ' + command)}"
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", "; ".join([*inside, enter])]
    path = "/opt/java/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            words, env={"PATH": path, "LANG": "C.UTF-8", **environment}, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    return Program(process, log)
