# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A made-up server with a made-up bundle in it, for what install.sh does with either.

Ansible is a stand-in, packed as a wheel like the real one, that prints how it was called.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List

from tests.unit.role_files import ROOT

FILES = ROOT / "roles/site_bundle/files"
PASSWORD = "correct horse"
COLLECTION = "ansible_collections/openmrs/event_log"
PLAYBOOK = """
import json, os, sys
def main(args):
    called = {"args": args[1:], "cwd": os.getcwd(), "path": sys.path[0]}
    called["environment"] = {name: value for name, value in os.environ.items() if name.startswith("ANSIBLE_")}
    for word in args:
        if word.startswith("@"):
            called["variables"] = json.load(open(word[1:]))
        if word.endswith("/password"):
            called["password"] = open(word).read()
            called["password_mode"] = oct(os.stat(word).st_mode & 0o777)
        if word.endswith("hosts.yml"):
            called["inventory_mode"] = oct(os.stat(word).st_mode & 0o777)
    print("CALLED " + json.dumps(called))
    sys.exit(4 if "--fail" in args else 0)
"""
VAULT = """
class VaultSecret:
    def __init__(self, secret): self.secret = secret
class VaultLib:
    def __init__(self, secrets): self.secret = secrets[0][1].secret
    def decrypt(self, content):
        from ansible.errors import AnsibleError
        if self.secret != content.strip(): raise AnsibleError("no")
"""


def wheel(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("", "cli/", "parsing/"):
            archive.writestr(f"ansible/{name}__init__.py", "")
        archive.writestr("ansible/cli/playbook.py", PLAYBOOK)
        archive.writestr("ansible/errors.py", "class AnsibleError(Exception): pass\n")
        archive.writestr("ansible/parsing/vault.py", VAULT)


@dataclass
class Server:
    """A server as install.sh sees it: what its commands answer, and the stick in it."""

    root: Path
    stick: Path
    answers: Dict[str, str] = field(default_factory=dict)
    more: Dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers = {"id": "echo 0", "dpkg": "echo amd64"}
        self.work.mkdir()
        (self.root / "os-release").write_text('ID=debian\nVERSION_ID="13"\n')

    @property
    def work(self) -> Path:
        return self.root / "work"

    def put(self, name: str, content: bytes) -> None:
        path = self.stick / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def seal(self) -> None:
        files = [path for path in sorted(self.stick.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
        lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(self.stick)}\n" for file in files]
        self.put("SHA256SUMS", "".join(lines).encode())

    def command(self, *words: str) -> List[str]:
        return ["sh", str(self.stick / "install.sh"), "--work", str(self.work), *words]

    def environment(self) -> Dict[str, str]:
        commands = self.root / "commands"
        commands.mkdir(exist_ok=True)
        for name, answer in self.answers.items():
            (commands / name).write_text(f"#!/bin/sh\n{answer}\n")
            (commands / name).chmod(0o755)
        return {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "EVENT_LOG_OS_RELEASE": str(self.root / "os-release"),
            "PYTHONPATH": "/nowhere",
            **self.more,
        }

    def install(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    def refused(self, *words: str, altered: str = "nothing on it was changed") -> str:
        result = self.install(*words)
        assert result.returncode == 3, result
        assert f"This server was not set up, and {altered}." in result.stderr
        assert "CALLED" not in result.stdout
        assert list(self.work.iterdir()) == [], "something was left behind"
        return result.stderr


def called(output: str) -> Dict[str, Any]:
    (line,) = [line for line in output.splitlines() if line.startswith("CALLED ")]
    loaded: Dict[str, Any] = json.loads(line.removeprefix("CALLED "))
    return loaded


def make(tmp_path: Path) -> Server:
    made = Server(tmp_path, tmp_path / "my stick")
    has = subprocess.run(
        ["/usr/bin/python3", "-c", 'import sys; print("%d.%d" % sys.version_info[:2])'],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    conf = f"architecture=amd64\npython={has}\nrelease=debian-13\nroom_kb=1000\nsite=hilltop\n"
    made.put("bundle.conf", conf.encode())
    for name in ("install.sh", "start.py"):
        made.put(name, (FILES / name).read_bytes())
    made.put("wheels/x", b"")
    (made.stick / "wheels/x").unlink()
    wheel(made.stick / "wheels/ansible_core-1-py3-none-any.whl")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in ("site", "status"):
            tar.addfile(tarfile.TarInfo(f"{COLLECTION}/playbooks/{name}.yml"))
    made.put("collections/openmrs-event_log-0.1.0.tar.gz", archive.getvalue())
    made.put("inventory/hosts.yml", b"all: {}\n")
    made.put("inventory/group_vars/all/vault.yml", PASSWORD.encode())
    (made.stick / "inventory/hosts.yml").chmod(0o755)
    made.put("packages/debian-13/Packages", b"")
    made.put("images/i.tar.zst", b"image")
    made.seal()
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return made
