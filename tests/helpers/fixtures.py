"""Fixtures that other test directories take over: the servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers.records import ROOT
from tests.helpers.server import Server

CONVERGED = "eventlog-test-default"
BARE = "eventlog-test-bare"
PREPARED = "eventlog-test-prepared"
BIN = Path(sys.executable).parent


def run_quietly(*command: str) -> None:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
    }
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-2000:]}")


@pytest.fixture(scope="session")
def server() -> Server:
    """The converged server of molecule's default scenario; made here if the scenario has not run."""
    found = Server(CONVERGED)
    if not found.exists:
        run_quietly(
            "molecule", "destroy", "-s", "default", "--no-command-borders"
        )  # what molecule remembers of one that is gone
    if not found.exists or found.sh("docker inspect event-log-connect 2>/dev/null || true") in ("", "[]\n"):
        run_quietly("molecule", "converge", "-s", "default", "--no-command-borders")
    return found


def started(name: str, *more: str) -> Iterator[Server]:
    """A server of its own for as long as it is needed."""
    playbook = ("ansible-playbook", "-i", "localhost,", str(ROOT / "molecule/shared/server.yml"))
    run_quietly(*playbook, "-e", f"server_name={name}", *more)
    yield Server(name)
    run_quietly(*playbook, "-e", f"server_name={name}", "-e", "server_state=absent")


@pytest.fixture(scope="session")
def bare() -> Iterator[Server]:
    """A server without an engine, as an administrator hands it over."""
    yield from started(BARE)


@pytest.fixture(scope="session")
def prepared() -> Iterator[Server]:
    """A server that has an engine and the packages, and nothing of the event log."""
    run_quietly("ansible-playbook", "-i", "localhost,", str(ROOT / "tests/run/databases.yml"), "-e", "only=none")
    for made in started(PREPARED, "-e", "server_image=eventlog-test-database:none"):
        made.sh("docker info")
        yield made
