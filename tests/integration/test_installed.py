# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as a user gets it: built, installed somewhere else, and run from there."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.helpers.documents import readme_variables
from tests.helpers.playbooks import play, site_variables
from tests.helpers.records import ROOT
from tests.helpers.server import Server

GALAXY = str(Path(sys.executable).parent / "ansible-galaxy")


def galaxy(*words: str) -> None:
    done = subprocess.run([GALAXY, "collection", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("artefact")
    galaxy("build", "--output-path", str(place), ".")
    (built,) = place.glob("openmrs-event_log-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("collections")
    # By force, for galaxy takes the checkout for an installation and would do nothing.
    galaxy("install", str(artefact), "-p", str(place), "--no-deps", "--offline", "--force")
    return place


def test_the_artefact_holds_what_the_repository_holds_and_nothing_else(artefact: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    repository = set(listed.split("\0")) - {""}
    with tarfile.open(artefact) as archive:
        inside = {member.name.removeprefix("./") for member in archive.getmembers() if not member.isdir()}
    assert inside - repository - {"MANIFEST.json", "FILES.json"} == set()
    needed = {name for name in repository if name.split("/")[0] in ("plugins", "roles", "playbooks", "images", "meta")}
    assert {name for name in needed if (ROOT / name).is_file()} - inside == set()


@pytest.fixture(scope="module")
def finished(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server as the checkout makes it: other tests have looked at it before, and changed things on it."""
    outcome = play(tmp_path_factory.mktemp("finished"), server, site_variables())
    assert outcome.code == 0, outcome.output[-3000:]
    return server


def test_an_installed_collection_finds_a_finished_server_as_it_wants_it(
    finished: Server, installed: Path, tmp_path: Path
) -> None:
    """Also by the inventory that the README prints, which says what the server was made with."""
    here = site_variables()
    own = ("event_log_site", "event_log_database_port", "event_log_capture_password")
    written = {**here, **readme_variables(), **{name: here[name] for name in own}}
    outcome = play(tmp_path, finished, written, collections=installed)
    assert outcome.code == 0, outcome.output[-3000:]
    assert outcome.run.executed
    assert outcome.changed == []


def test_the_installed_playbook_that_only_looks_runs(server: Server, installed: Path, tmp_path: Path) -> None:
    outcome = play(tmp_path, server, site_variables(), playbook="openmrs.event_log.status", collections=installed)
    assert outcome.code == 0, outcome.output[-3000:]
    assert outcome.changed == []
    assert "openmrs-connector" in outcome.output


@pytest.mark.full
def test_the_inventory_of_the_readme_makes_a_running_event_log_under_another_uid_too(
    bare: Server, installed: Path, tmp_path: Path
) -> None:
    """What the README prints, with a sample database in the place of the hospital's, and 1001 taken by somebody."""
    bare.sh("useradd --uid 1001 --no-create-home nurse")
    here = site_variables()
    written = {**here, **readme_variables(), "event_log_uid": 1717, "event_log_gid": 1717}
    for name in ("event_log_database_port", "event_log_capture_password"):
        written[name] = here[name]
    first = play(tmp_path / "first", bare, written, collections=installed)
    assert first.code == 0, first.output[-3000:]
    assert first.changed
    owners = bare.sh("stat -c %u:%g /var/lib/event-log/kafka/data /var/lib/event-log/kafka/data/log").split()
    assert owners == ["1717:1717"] * 2
    users = bare.sh("docker inspect -f '{{.Config.User}}' event-log-broker event-log-connect").split()
    assert users == ["1717:1717"] * 2
    assert "openmrs.openmrs.person_name" in bare.sh("event-log topics --json")
    again = play(tmp_path / "again", bare, written, collections=installed)
    assert again.code == 0, again.output[-3000:]
    assert again.changed == []
