# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore of a real event log: nothing of it can be read without the key, and no event is lost by either.

The tests build on each other, in the order in which they stand.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.helpers import survival
from tests.helpers.hunt import Forms, name, secret
from tests.helpers.places import files, hunt, watched
from tests.helpers.playbooks import Outcome, play
from tests.helpers.sample_writes import going
from tests.helpers.secrets_used import secrets_of
from tests.helpers.server import Server, eventually
from tests.integration.secure.conftest import Secure

BACKUP, RESTORE = "openmrs.event_log.backup", "openmrs.event_log.restore"
PLACE = "/var/backups/event-log"
DATA = "/var/lib/event-log"


@dataclass(frozen=True)
class Keys:
    """A pair of the control node's: where the private one lies, itself, and the public one."""

    file: Path
    private: str
    public: str


def new_keys(folder: Path) -> Keys:
    file = folder / "event-log-backup.key"
    subprocess.run(["age-keygen", "--output", str(file)], check=True, capture_output=True)
    lines = file.read_text(encoding="utf-8").splitlines()
    return Keys(file, lines[-1], next(line.split()[-1] for line in lines if "public key" in line))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    if shutil.which("age-keygen") is None:
        pytest.skip("age is not installed on this machine (apt-get install age)")
    return new_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def names(server: Server) -> Forms:
    """Names of the sample that are long enough to be told from chance."""
    rows = server.sql(
        "SELECT DISTINCT family_name FROM openmrs.person_name WHERE CHAR_LENGTH(family_name) > 6;"
    ).splitlines()
    assert len(rows) >= 5
    return Forms([name(f"family name {number}", text) for number, text in enumerate(rows[:20])])


def backups(server: Server) -> List[str]:
    return server.sh(f"ls {PLACE} 2>/dev/null || true").split()


def archive_of(server: Server) -> str:
    return f"{PLACE}/{[one for one in backups(server) if one.endswith('.age')][-1]}"


@pytest.fixture(scope="module")
def keyed(site: Secure, keys: Keys) -> Dict[str, Any]:
    """The inventory, with the public key."""
    return {**site.variables, "event_log_backup_recipient": keys.public}


@pytest.fixture(scope="module")
def before(server: Server) -> survival.Picture:
    """What there was before the first backup, and so what every backup holds."""
    return survival.take(server)


def backup(directory: Path, server: Server, keyed: Dict[str, Any], *words: str) -> Outcome:
    outcome = play(directory, server, keyed, *words, playbook=BACKUP)
    assert outcome.code == 0, outcome.output[-3000:]
    return outcome


def restore(directory: Path, server: Server, site: Secure, file: str, keys: Keys, *words: str) -> Outcome:
    given = ("-e", f"event_log_restore={file}", "-e", f"event_log_restore_identity={keys.file}")
    return play(directory, server, site.variables, *given, *words, playbook=RESTORE)


def started(server: Server) -> str:
    return server.sh("docker inspect -f '{{.State.StartedAt}}' event-log-broker event-log-connect")


def rights(server: Server) -> str:
    """Owners and modes of secrets and of the directories of data; files of data come and go with the broker."""
    shown = "-printf '%p %U:%G %m\\n'"
    return server.sh(f"{{ find /opt/event-log/secrets {shown}; find {DATA} -type d {shown}; }} | sort")


@pytest.mark.parametrize("kind", [pytest.param("unset", marks=pytest.mark.full), "private"])
def test_without_a_public_key_there_is_no_backup(
    server: Server, site: Secure, keys: Keys, tmp_path: Path, kind: str
) -> None:
    given = {} if kind == "unset" else {"event_log_backup_recipient": keys.private}
    before = (started(server), backups(server))
    outcome = play(tmp_path, server, {**site.variables, **given}, "-vvv", playbook=BACKUP)
    assert outcome.code != 0
    assert ("is not set" if kind == "unset" else "is a PRIVATE key") in outcome.messages
    assert "age-keygen -o" in outcome.messages
    assert Forms([secret("private key", keys.private)]).found("output", outcome.output) == []
    assert ((started(server), backups(server)), outcome.changed) == (before, [])


@pytest.mark.usefixtures("before")
def test_a_backup_under_load_loses_nothing_and_shows_nothing(
    server: Server, keyed: Dict[str, Any], names: Forms, tmp_path: Path
) -> None:
    foretold = backup(tmp_path / "check", server, keyed, "--check")
    load = going(server)
    load.more(3)
    outcome = backup(tmp_path / "run", server, keyed)
    load.more(3)
    assert load.wait(120) > 6
    assert outcome.changed == foretold.changed
    assert "stands still for" in outcome.output
    assert "the event log stood still for" in outcome.output
    assert server.sh("event-log status").startswith("Running: ")
    archive = archive_of(server)
    assert server.sh(f"stat -c '%a %U' {PLACE} {archive}").splitlines() == ["700 root", "600 root"]
    server.sh(f"cd {PLACE} && sha256sum --check --status *.sha256")
    assert [one for one in backups(server) if not one.endswith((".age", ".sha256"))] == []
    content = subprocess.run(["docker", "exec", server.name, "cat", archive], check=True, capture_output=True).stdout
    assert len(content) > 10000
    assert names.found("archive", content.decode("latin-1")) == []
    # The sample's own program has the names too; it lies elsewhere.
    (passing,) = [place for place in files() if place.name == "temporary files and logs"]
    assert hunt(server, names, [passing]) == []


def test_the_archive_opens_with_its_key_and_no_other(server: Server, keys: Keys, tmp_path: Path) -> None:
    content = subprocess.run(
        ["docker", "exec", server.name, "cat", archive_of(server)], check=True, capture_output=True
    )
    other = new_keys(tmp_path)

    def opened(key: Keys) -> subprocess.CompletedProcess[bytes]:
        command = f"age --decrypt --identity {key.file} | zstd --decompress --stdout"
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], input=content.stdout, capture_output=True, check=False
        )

    assert opened(other).returncode != 0
    inside = opened(keys)
    assert inside.returncode == 0, inside.stderr
    # Events are compressed in the broker's files; passwords lie there as they are.
    found = Forms(secrets_of(server)).found("what is inside", inside.stdout.decode("latin-1"))
    assert len({find.label for find in found}) > 5
    assert Forms(secrets_of(server)).found("the archive", content.stdout.decode("latin-1")) == []


@pytest.mark.full
def test_a_restore_over_what_is_there_is_refused(server: Server, site: Secure, keys: Keys, tmp_path: Path) -> None:
    refused = restore(tmp_path, server, site, archive_of(server), keys)
    assert "-e event_log_restore_over=" in refused.messages
    assert refused.changed == []


def test_what_was_lost_comes_back_and_goes_on(
    server: Server, site: Secure, keys: Keys, before: survival.Picture, tmp_path: Path
) -> None:
    archive, owners = archive_of(server), rights(server)
    server.sh(f"systemctl stop event-log && rm -rf {DATA}/kafka/data/*")
    foretold = restore(tmp_path / "check", server, site, archive, keys, "--check")
    with watched(server) as seen:
        outcome = restore(tmp_path / "run", server, site, archive, keys, "-vvv")
    assert outcome.code == 0, outcome.output[-3000:]
    assert outcome.changed == foretold.changed != []
    assert "binary log must still hold" in outcome.output
    private = Forms([secret("private key", keys.private)])
    assert private.found("output", outcome.output) == []
    assert hunt(server, private, [seen, *files()]) == []
    assert server.sh(f"find {DATA} /opt/event-log -name '.restore*' -o -name hold -o -name restore.json") == ""
    survival.assert_kept(server, before)
    survival.assert_goes_on(server, before)
    assert rights(server) == owners


@pytest.mark.full
def test_a_second_restore_has_nothing_to_do(server: Server, site: Secure, keys: Keys, tmp_path: Path) -> None:
    again = restore(tmp_path, server, site, archive_of(server), keys)
    assert (again.code, again.changed) == (0, []), again.output[-3000:]


@pytest.mark.full
def test_a_copy_that_is_killed_leaves_the_event_log_running(
    server: Server, keyed: Dict[str, Any], tmp_path: Path
) -> None:
    before = backups(server)
    # Enough to be at it for a while; as soon as the copy begins, what makes it is killed.
    server.sh("head -c 300000000 /dev/urandom > /opt/event-log/config/filler")
    killer = "timeout 60 sh -c 'until pgrep -x tar; do sleep 0.02; done' && kill -9 $(ps -o ppid= -C tar | head -n 1)"
    server.sh("cat > /run/killer", stdin=killer)
    server.sh("systemd-run --quiet --collect --unit=killer sh /run/killer")
    outcome = play(tmp_path, server, keyed, playbook=BACKUP)
    server.sh("systemctl stop killer 2>/dev/null || true; rm /opt/event-log/config/filler")
    assert outcome.code != 0
    eventually(lambda: server.sh("event-log status").startswith("Running: "), 120, "the event log runs again")
    backup(tmp_path / "next", server, keyed)
    assert [one for one in backups(server) if one.endswith(".part")] == []
    assert len(backups(server)) >= len(before)
