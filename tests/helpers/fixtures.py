"""Fixtures that other test directories take over: the servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers.playbooks import play, site_variables
from tests.helpers.records import ROOT
from tests.helpers.server import Server

CONVERGED = "eventlog-test-default"
BARE = "eventlog-test-bare"
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


@pytest.fixture(scope="session")
def bare() -> Iterator[Server]:
    """A server of its own that has an engine and the packages, and nothing of the event log."""
    playbook = str(ROOT / "molecule/shared/server.yml")
    run_quietly("ansible-playbook", "-i", "localhost,", playbook, "-e", f"server_name={BARE}")
    yield Server(BARE)
    run_quietly(
        "ansible-playbook", "-i", "localhost,", playbook, "-e", f"server_name={BARE}", "-e", "server_state=absent"
    )


@pytest.fixture(scope="session")
def prepared(bare: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The bare server once it has what may be installed before the checks: an engine and packages."""
    unreachable = {"event_log_sample": False, "event_log_database_port": 3399}
    outcome = play(tmp_path_factory.mktemp("prepared"), bare, {**site_variables(), **unreachable})
    assert outcome.code != 0
    bare.sh("docker info")
    return bare
