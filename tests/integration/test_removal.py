# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook remove on the default server, which nobody needs after that: it says first, and takes only what is ours.

The tests build on each other, in the order in which they stand.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.helpers import survival
from tests.helpers.playbooks import Outcome, play, site_variables
from tests.helpers.server import Server
from tests.helpers.upgrade import await_verdict
from tests.integration.test_bad_input import state

REMOVE = "openmrs.event_log.remove"
NAMED = ("-e", "event_log_remove=test-clinic")
DATA = ("-e", "event_log_remove_data=true")
NOTES = "/var/lib/event-log/kafka/notes.txt"
SECRET = "/opt/event-log/secrets/connect_password"
# Keeps the secret open, and reads it once its name is gone.
WITNESS = f"exec 3< {SECRET}; timeout 300 sh -c 'until test ! -e {SECRET}; do sleep 0.2; done'; cat <&3 > /root/witness"


def removed(directory: Path, server: Server, *words: str) -> Outcome:
    outcome = play(directory, server, site_variables(), *words, playbook=REMOVE)
    assert outcome.code == 0, outcome.output[-3000:]
    return outcome


def there(server: Server, *paths: str) -> list[str]:
    return [path for path in paths if server.sh(f"test -e {path} && echo yes || true").strip()]


def test_it_only_says_what_would_go_unless_the_site_is_named(server: Server, tmp_path: Path) -> None:
    before = state(server)
    outcome = removed(tmp_path, server, *DATA)
    for word in (
        "test-clinic: this would go, and nothing was changed",
        "goes: units event-log.service",
        "goes: container event-log-connect (running)",
        "goes: container event-log-broker (running)",
        "goes: /usr/local/bin/event-log",
        "goes: /var/lib/event-log (",
        "topics, ",
        "goes: user kafka",
        "secrets",
        "stays: the Docker engine",
        "-e event_log_remove=test-clinic",
    ):
        assert word in outcome.output
    assert outcome.changed == []
    wrong = play(tmp_path, server, site_variables(), "-e", "event_log_remove=test-clinc", playbook=REMOVE)
    assert wrong.code != 0
    assert "test-clinc" in wrong.messages
    assert "The sites of this run are test-clinic" in wrong.messages
    assert state(server) == before


@pytest.mark.full
def test_what_was_taken_off_without_its_data_comes_back_with_all_of_it(server: Server, tmp_path: Path) -> None:
    before = survival.take(server)
    removed(tmp_path / "away", server, *NAMED)
    outcome = play(tmp_path / "back", server, site_variables())
    assert outcome.code == 0, outcome.output[-3000:]
    survival.assert_kept(server, before)
    survival.assert_goes_on(server, before)
    await_verdict(server, "ok", 60)


def test_it_takes_off_what_it_said_and_keeps_the_data(server: Server, tmp_path: Path) -> None:
    foretold = removed(tmp_path, server, *NAMED, "--check")
    assert "test-clinic: this would go" in foretold.output
    done = removed(tmp_path, server, *NAMED)
    assert done.changed == foretold.changed != []
    first = done.output.index("this goes now")
    assert first < done.output.index("TASK [openmrs.event_log.event_stack : Remove containers", first)
    assert server.sh("docker ps -aq") == ""
    assert server.sh("systemctl list-unit-files 'event-log*' --no-legend", check=False) == ""
    gone = ("/opt/event-log/compose.yaml", "/opt/event-log/config", "/usr/local/bin/event-log")
    kept = (
        "/opt/event-log/secrets/connect_password",
        "/opt/event-log/formatted",
        "/var/lib/event-log/kafka/data/log/meta.properties",
        "/var/lib/openmrs-sample/mysql",
    )
    assert there(server, *gone, *kept) == list(kept)
    assert removed(tmp_path, server, *NAMED).changed == []


def test_data_of_a_cluster_that_the_server_does_not_know_are_refused(server: Server, tmp_path: Path) -> None:
    server.sh("mv /opt/event-log/formatted /root/")
    try:
        outcome = play(tmp_path, server, site_variables(), *NAMED, *DATA, playbook=REMOVE)
    finally:
        server.sh("mv /root/formatted /opt/event-log/")
    assert outcome.code != 0
    assert "this host's own is not known" in outcome.messages
    assert outcome.changed == []


def test_the_data_go_and_what_is_not_ours_stays(server: Server, tmp_path: Path) -> None:
    server.sh(f"echo mine > {NOTES}")
    server.sh(f"systemd-run --unit=witness --collect sh -c {shlex.quote(WITNESS)}")
    foretold = removed(tmp_path, server, *NAMED, *DATA, "--check")
    done = removed(tmp_path, server, *NAMED, *DATA)
    assert done.changed == foretold.changed != []
    assert f"because of what is not ours in it: {NOTES}" in done.output
    assert "bytes, overwritten first)" in done.output
    # Whoever still had the secret open read zeros, and not the secret.
    server.sh("timeout 20 sh -c 'until test -s /root/witness; do sleep 0.2; done'")
    assert server.sh("tr -d '\\000' < /root/witness | wc -c; rm /root/witness").strip() == "0"
    assert server.sh("find /var/lib/event-log -type f").split() == [NOTES]
    assert there(server, "/opt/event-log", "/opt/openmrs-sample", "/var/lib/openmrs-sample") == []
    assert server.sh("getent passwd kafka; getent group kafka", check=False) == ""
    assert server.sh("docker images -q") != "", "images stay"
    again = removed(tmp_path, server, *NAMED, *DATA)
    assert again.changed == []
    assert "there is nothing of the event log to remove" in again.output
