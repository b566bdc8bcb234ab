# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that no control node reaches: made from a stick, by one command on the server itself."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Iterator

import pytest

from tests.helpers.fixtures import run_quietly
from tests.helpers.hospital import CARRIED, CLINIC, DISTRICT, OFFLINE, Site
from tests.helpers.playbooks import CAPTURE_PASSWORD, play
from tests.helpers.server import eventually
from tests.integration.hospital.conftest import made

# The same packages and images come over SSH in every run, to servers that have no internet either.
pytestmark = pytest.mark.full

STICK = CARRIED / "stick"
PASSWORD = CARRIED / "hospital" / "bundle-password"
INSTALL = "sudo sh /media/stick/test-offline/install.sh --vault-password-file /run/password"


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the bundle of this site, as the playbook writes it from the inventory."""
    PASSWORD.parent.mkdir(parents=True, exist_ok=True)
    if not PASSWORD.exists():
        PASSWORD.write_text(secrets.token_urlsafe(16) + "\n", encoding="utf-8")
    needed = [f"{CARRIED}/images/{name}" for name in archives()]
    given = {
        "site_bundle_dir": str(STICK),
        "site_bundle_release": "debian-13",
        "site_bundle_images": needed,
        "site_bundle_vault_password_file": str(PASSWORD),
    }
    # Nobody on the control node knows how to reach it.
    inventory = {name: value for name, value in OFFLINE.variables.items() if not name.startswith("ansible_")}
    outcome = play(
        tmp_path_factory.mktemp("bundle"), OFFLINE, inventory, "-e", json.dumps(given),
        playbook="openmrs.event_log.bundle",
    )  # fmt: skip
    assert outcome.code == 0, outcome.output[-4000:]
    return STICK


def archives() -> list[str]:
    """What this site needs: the event log's image, and the sample database's."""
    wanted = ("openmrs-event-log-[0-9]*.tar.zst", "openmrs-sample-db-*.tar.zst")
    found = sorted(path.name for pattern in wanted for path in (CARRIED / "images").glob(pattern))
    assert len(found) == 2, found
    return found


@pytest.fixture(scope="module")
def offline(stick: Path) -> Iterator[Site]:
    others = [site.name for site in (CLINIC, DISTRICT) if site.exists]
    if others:
        run_quietly("docker", "pause", *others)  # two cores are few for three event logs
    try:
        for site in made(OFFLINE, "-e", f"server_stick={stick}"):
            site.sh("umask 077; cat > /run/password", stdin=PASSWORD.read_text(encoding="utf-8"))
            yield site
    finally:
        if others:
            run_quietly("docker", "unpause", *others)


def test_the_bundle_holds_no_secret_in_the_clear(stick: Path) -> None:
    secret = CAPTURE_PASSWORD.encode()
    for path in (stick / "test-offline" / "inventory").rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path
    assert (stick / "test-offline/inventory/group_vars/all/vault.yml").read_bytes().startswith(b"$ANSIBLE_VAULT")


def test_one_command_sets_the_server_up(offline: Site) -> None:
    assert offline.sh("command -v docker ansible || true") == ""
    first = offline.ssh(*INSTALL.split(), timeout=600)
    assert "failed=0" in first, first[-3000:]
    eventually(
        lambda: json.loads(offline.ssh("sudo", "event-log", "status", "--json"))["verdict"] == "ok", 60, "it streams"
    )


# In the default run the other two servers show that a second run changes nothing.
@pytest.mark.full
def test_the_next_run_changes_nothing(offline: Site) -> None:
    second = offline.ssh(*INSTALL.split(), timeout=300)
    recap = re.findall(r"ok=\d+ +changed=(\d+) .*failed=(\d+)", second)
    assert recap == [("0", "0")], second[-3000:]


def test_an_event_arrives_there(offline: Site) -> None:
    offline.sql("UPDATE openmrs.person SET gender = 'F' WHERE person_id = 1;")
    eventually(lambda: offline.consume("openmrs.openmrs.person", 4), 60, "events of the table person")


def test_nothing_is_left_behind(offline: Site) -> None:
    assert offline.sh("ls -d /var/tmp/event-log-install.* /run/event-log-install.* 2>/dev/null || true") == ""
    assert offline.sh("command -v ansible-playbook || true") == ""


def test_a_damaged_stick_is_refused_before_anything_changes(offline: Site) -> None:
    """A copy of the bundle, for the stick is read-only, without the packages' own checks being reached."""
    offline.sh(
        "mkdir /srv/copy && cp -r /media/stick/test-offline/. /srv/copy/ && truncate -s -1 /srv/copy/images/*.zst"
    )
    before = offline.listing(("/etc", "/opt", "/usr/local"))
    done = offline.sh("sh /srv/copy/install.sh --vault-password-file /run/password 2>&1; echo code $?", check=False)
    offline.sh("rm -r /srv/copy")
    assert "code 3" in done
    assert "nothing on it was changed" in done
    assert "damaged or missing" in done
    assert ".tar.zst" in done
    assert offline.listing(("/etc", "/opt", "/usr/local")) == before
