"""Runs the collection's playbooks against test servers and reads what they did."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

import yaml

from tests.helpers.records import ROOT, Event, Run, load
from tests.helpers.server import Server

SITE = "openmrs.event_log.site"
LIMIT = 900  # seconds after which a run is taken for hanging
GROUP_VARS = ROOT / "molecule/shared/inventory/group_vars/all.yml"
CAPTURE_FILE = ROOT / "molecule/shared/capture_password"
CAPTURE_PASSWORD = CAPTURE_FILE.read_text(encoding="utf-8").strip()
#: As an inventory must have it: a secret in plain text is refused.
CAPTURE_LOOKUP = f"{{{{ lookup('ansible.builtin.file', '{CAPTURE_FILE}') }}}}"


@dataclass(frozen=True)
class Outcome:
    """A finished run of ansible-playbook."""

    code: int
    output: str
    run: Run

    @property
    def messages(self) -> str:
        """What the failed tasks said."""
        return "\n".join(failure.message for failure in self.run.failures)

    @property
    def changed(self) -> list[tuple[str, str]]:
        return sorted(self.run.changed)


def site_variables() -> dict[str, Any]:
    """The inventory of the test server, as its own dictionary."""
    loaded: dict[str, Any] = yaml.safe_load(GROUP_VARS.read_text(encoding="utf-8"))
    return {**loaded, "event_log_capture_password": CAPTURE_LOOKUP}


def write_inventory(directory: Path, hosts: Mapping[str, Mapping[str, Any]]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    inventory = {"all": {"hosts": {name: dict(variables) for name, variables in hosts.items()}}}
    path = directory / "hosts.yml"
    path.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
    return path


def play(
    directory: Path,
    server: Server,
    variables: Mapping[str, Any],
    *words: str,
    playbook: str = SITE,
    collections: Path | None = None,
) -> Outcome:
    """Run a playbook with these variables as the whole inventory of the server."""
    return play_all(directory, {server.name: variables}, *words, playbook=playbook, collections=collections)


def play_all(
    directory: Path,
    hosts: Mapping[str, Mapping[str, Any]],
    *words: str,
    playbook: str = SITE,
    collections: Path | None = None,
    recorded: bool = True,
) -> Outcome:
    """Run a playbook for several servers, each with its variables.

    With `collections` it runs as for a user who installed the collection there: without the checkout's settings.
    Without `recorded` nobody watches it, as for any user, and what it did is not known.
    """
    inventory = write_inventory(directory, hosts)
    records = directory / "records"
    known = set(records.glob("*.jsonl"))
    own_settings = directory / "ansible.cfg"
    own_settings.write_text("[defaults]\n", encoding="utf-8")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))},
        "ANSIBLE_CONFIG": str(own_settings if collections else ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections or ROOT / ".cache"),
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "molecule/shared/callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "record,openmrs.event_log.preload,openmrs.event_log.site_summary",
        "ANSIBLE_FORCE_COLOR": "0",
        "EVENT_LOG_TEST_RECORD": str(records),
    }
    if not recorded:
        del environment["ANSIBLE_CALLBACKS_ENABLED"]
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), playbook, *words]
    done = subprocess.run(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    new = sorted(set(records.glob("*.jsonl")) - known)
    empty = Run(records / "none", "run", playbook, tuple[Event, ...]())
    return Outcome(done.returncode, done.stdout, load(new[0]) if new else empty)
