# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`ansible-test integration`, as another developer runs it: in the installed collection, on a worker that he names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.records import ROOT
from tests.helpers.workers import Rig, Worker

BIN = Path(sys.executable).parent
TARGETS = ("connector", "connector_info", "connector_offsets")
TEMPLATE = "tests/integration/integration_config.yml.template"
LIMIT = 400  # seconds after which a run is taken for hanging


def environment() -> dict[str, str]:
    """Nothing of this checkout's settings, and Python and Ansible of the running tests."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))}
    return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}"}


def run(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=directory, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, installed from its artefact; outside the checkout, where ansible-test finds no git."""
    place = tmp_path_factory.mktemp("targets")
    for words in (("build", "--output-path", str(place), str(ROOT)), ("install", "-p", str(place), "--no-deps")):
        built = [str(path) for path in place.glob("*.tar.gz")]
        options = ("--offline", *built) if built else ()
        done = run(place, "ansible-galaxy", "collection", *words, "--force", *options)
        assert done.returncode == 0, done.stdout
    return place / "ansible_collections" / "openmrs" / "event_log"


def write_config(installed: Path, worker: Worker) -> None:
    """What the template tells a developer to do: his worker in the place of the one that is printed there."""
    config: dict[str, Any] = yaml.safe_load((installed / TEMPLATE).read_text(encoding="utf-8"))
    login = {f"connect_{key.removeprefix('url_')}": value for key, value in worker.options.items()}
    config = {key: value for key, value in config.items() if key not in ("connect_username", "connect_password")}
    path = installed / TEMPLATE.removesuffix(".template")
    path.write_text(yaml.safe_dump({**config, **login}), encoding="utf-8")


def integration(installed: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    return run(installed, "ansible-test", "integration", "--local", "--color", "no", *targets)


def assert_passed(done: subprocess.CompletedProcess[str], *targets: str) -> None:
    assert done.returncode == 0, done.stdout
    assert re.findall(r"^Running (\w+) integration test role$", done.stdout, re.MULTILINE) == list(targets)
    recaps = re.findall(r"^testhost +: ok=(\d+) .* failed=0 .* ignored=0", done.stdout, re.MULTILINE)
    assert len(recaps) == len(targets)
    assert all(int(count) > 10 for count in recaps), done.stdout
    assert "[WARNING]" not in done.stdout, done.stdout
    assert "[DEPRECATION" not in done.stdout, done.stdout


def test_every_module_for_connect_has_a_target(installed: Path) -> None:
    groups = yaml.safe_load((installed / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    # They need a database beside the worker: test_reading_again.py, tests/faults/source.
    elsewhere = {"connector_caught_up", "connector_snapshot", "connector_tables", "source_repair"}
    assert set(groups["connect"]) == set(TARGETS) | elsewhere
    listed = integration(installed, "--list-targets")
    assert set(TARGETS) <= set(listed.stdout.split()), listed.stdout


def test_the_targets_pass_on_a_worker_with_a_login(rig: Rig, installed: Path) -> None:
    write_config(installed, rig.a)
    assert_passed(integration(installed, *TARGETS), *TARGETS)
    assert [name for name in rig.a.get("/connectors") if name.startswith("ansible-test")] == []


@pytest.mark.full
def test_the_targets_pass_on_a_worker_3_9_without_a_login(rig: Rig, installed: Path) -> None:
    write_config(installed, rig.old)
    assert_passed(integration(installed, *TARGETS), *TARGETS)
    assert [name for name in rig.old.get("/connectors") if name.startswith("ansible-test")] == []


@pytest.mark.full
def test_without_a_worker_the_targets_say_what_to_do(installed: Path) -> None:
    (installed / TEMPLATE.removesuffix(".template")).unlink(missing_ok=True)
    done = integration(installed, "connector_info")
    assert done.returncode != 0
    assert "Copy tests/integration/integration_config.yml.template" in done.stdout
