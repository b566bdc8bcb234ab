# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topics that keep less: an error where the site set the number, and only told where the profile did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.unit.roles.role_runs import Outcome, check

SMALL = 1024**3
TOPICS = [
    *((f"event-log-connect-{name}", "cleanup.policy=compact") for name in ("configs", "offsets", "status")),
    ("schema-changes.openmrs", "cleanup.policy=delete,retention.ms=-1"),
    ("openmrs.openmrs.person", f"cleanup.policy=delete,retention.ms=-1,retention.bytes={SMALL}"),
]
SITE: Dict[str, Any] = {
    "event_log_site": "demo",
    "event_log_image": "some/image:1.2",
    "event_log_capture_password": "secret",
    "event_log_connect_password": "secret",
    "event_connector_topics_timeout": 1,
}
NOTE = "Say which topics keep less than the profile says"
CASES: Dict[str, Dict[str, Any]] = {
    "same profile": {"event_log_profile": "clinic"},
    "larger profile": {"event_log_profile": "district"},
    "set smaller": {"event_log_profile": "district", "event_connector_retention_bytes": SMALL},
    "set larger": {"event_log_profile": "clinic", "event_connector_retention_bytes": SMALL + 1},
    "set to that of the profile": {"event_log_profile": "district", "event_connector_retention_bytes": 4 * SMALL},
    "set to everything": {"event_log_profile": "clinic", "event_connector_retention_bytes": -1},
    "forgets": {"event_log_profile": "district", "forgets": True},
    "logins": {"event_log_profile": "clinic", "event_connector_retention_bytes": SMALL + 1, "logins": True},
}


def folder_of(where: Path, name: str, configs: str) -> str:
    """A folder with a docker command that describes such topics."""
    folder = where / name.replace(" ", "-")
    folder.mkdir()
    lines = [
        f"Topic: {topic}\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: {given},flush.messages=1"
        for topic, given in TOPICS
    ]
    text = "\n".join(lines).replace("retention.ms=-1,retention.bytes", configs)
    (folder / "docker").write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >'{folder}/asked'\ncat <<'END'\n{text}\nEND\n")
    (folder / "docker").chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture(scope="module")
def outcomes(where: Path) -> Dict[str, Outcome]:
    hosts = {}
    for name, given in CASES.items():
        configs = "retention.ms=7,retention.bytes" if given.get("forgets") else "retention.ms=-1,retention.bytes"
        path = f"{folder_of(where, name, configs)}:/usr/bin:/bin"
        home = where / f"{name}-home"
        (home / "config").mkdir(parents=True)
        settings = {"logins": bool(given.get("logins"))}
        (home / "config" / "event-log.json").write_text(json.dumps(settings))
        told = {key: value for key, value in given.items() if key not in ("forgets", "logins")}
        hosts[name] = {**SITE, "event_log_home": str(home), **told, "path": path}
    role = {"name": "openmrs.event_log.event_connector", "tasks_from": "verify"}
    return check(where, [{"ansible.builtin.import_role": role}], hosts, really=True)


def notes(outcome: Outcome) -> List[str]:
    return [str(result["msg"]) for name, result in outcome.results if name == NOTE]


@pytest.mark.parametrize("case", ["same profile", "set smaller"])
def test_what_keeps_enough_is_not_talked_about(outcomes: Dict[str, Outcome], case: str) -> None:
    assert (outcomes[case].failure, notes(outcomes[case])) == ("", [])


def test_a_profile_that_grew_is_told_and_no_error(outcomes: Dict[str, Outcome]) -> None:
    outcome = outcomes["larger profile"]
    assert outcome.failure == ""
    (note,) = notes(outcome)
    assert (
        f"openmrs.openmrs.person: retention.bytes is {SMALL}, the profile says {4 * SMALL}. To enlarge it: sudo" in note
    )
    assert f"--entity-name openmrs.openmrs.person --add-config retention.bytes={4 * SMALL}" in note
    assert "set event_connector_retention_bytes" in note


@pytest.mark.parametrize(
    ("case", "least"),
    [
        ("set larger", f"at least {SMALL + 1}"),
        ("set to that of the profile", f"at least {4 * SMALL}"),
        ("set to everything", "-1"),
    ],
)
def test_less_than_the_site_set_is_an_error(outcomes: Dict[str, Outcome], case: str, least: str) -> None:
    assert f"openmrs.openmrs.person: retention.bytes is {SMALL}, it must be {least}." in outcomes[case].failure
    assert notes(outcomes[case]) == []


def test_what_forgets_by_age_is_an_error_under_a_profile_too(outcomes: Dict[str, Outcome]) -> None:
    assert "openmrs.openmrs.person: retention.ms is 7, it must be -1." in outcomes["forgets"].failure
    assert "retention.bytes" not in outcomes["forgets"].failure


def test_the_broker_is_asked_with_the_login_of_the_host_command(outcomes: Dict[str, Outcome], where: Path) -> None:
    assert outcomes["same profile"].failure == ""
    words = (where / "same-profile" / "asked").read_text().splitlines()
    directory = where / "same profile-home" / "secrets" / "command"
    mount = f"--mount=type=bind,source={directory},target=/run/event-log/secrets,readonly"
    assert words.index(mount) < words.index("some/image:1.2")
    assert "--command-config=/run/event-log/secrets/client.properties" in words[words.index("kafka-class") :]


def test_the_advised_command_logs_in_where_there_are_logins_and_only_there(
    outcomes: Dict[str, Outcome], where: Path
) -> None:
    told = outcomes["logins"].failure
    assert "logins-home/secrets/admin:/run/event-log/secrets:ro" in told
    assert "--bootstrap-server 127.0.0.1:9094 --command-config /run/event-log/secrets/client.properties" in told
    assert "--command-config" not in outcomes["set larger"].failure
