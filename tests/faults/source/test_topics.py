# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody changes topics' settings by hand while events flow: what guard and next run say, and what repairs it.

That a run makes this look at all is in tests/unit/roles/event_connector; what it finds in text, beside the filter.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from confluent_kafka import admin
from event_guard import loop, topic_settings

from tests.helpers.fault_home import Home
from tests.helpers.fault_load import Load
from tests.helpers.fault_site import STACK, TABLES, Site
from tests.helpers.on_site import OnSite, on_site
from tests.helpers.playbooks import Outcome, play_all
from tests.helpers.worker_rig import images

#: What a hand changes, and whom it hits: a table's topic, the schema history, the worker's positions.
CHANGES = {
    "retention.ms": ("{name}.openmrs.person", "86400000"),
    "cleanup.policy": ("{name}.openmrs.patient", "compact"),
    "retention.bytes": ("{name}.openmrs.patient", "104857600"),
    "flush.messages": (STACK.offsets_topic, "10000"),
    "min.insync.replicas": ("schema-changes.{name}", "2"),
}


def change(topic: str, setting: str, value: str) -> None:
    """What a hand does with any of Kafka's tools."""
    entry = admin.ConfigEntry(setting, value, incremental_operation=admin.AlterConfigOpType.SET)
    resource = admin.ConfigResource(admin.ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    client = admin.AdminClient({"bootstrap.servers": STACK.bootstrap})
    for future in client.incremental_alter_configs([resource]).values():
        future.result(30)


def verified(site: Site, name: str, directory: Path) -> Outcome:
    """What a run of site.yml does at its end, for the topics of this connector."""
    directory.mkdir()
    home = Home(site, name, directory)
    role = {"name": "openmrs.event_log.event_connector", "tasks_from": "verify"}
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.import_role": role}]}]
    (directory / "verify.yml").write_text(yaml.safe_dump(plays), encoding="utf-8")
    variables: Dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "event_log_site": "broken",
        "event_log_home": str(home.directory / "home"),
        "event_log_profile": "clinic",
        "event_log_image": images()["event log"],
        "event_connector_bootstrap": STACK.bootstrap,
        "event_log_connector_name": name,
        "event_log_topic_prefix": name,
        "event_log_tables": list(TABLES),
        "event_connector_retention_bytes": -1,
        "event_connector_topics_timeout": 3,
    }
    return play_all(directory / "run", {"broken": variables}, playbook=str(directory / "verify.yml"))


def repairs(said: str) -> List[List[str]]:
    """The commands that it advises, without the sudo."""
    lines = [line.partition("Repair: sudo ")[2] for line in said.splitlines() if "Repair: sudo " in line]
    return [shlex.split(line.partition(" If ")[0]) for line in lines]


def guard_of(site: Site, name: str, root: Path, patch: pytest.MonkeyPatch) -> OnSite:
    """One that asks Kafka in each round, in the place of every six hours."""
    root.mkdir()
    patch.setattr(topic_settings, "_TURN", {})
    patch.setattr(topic_settings, "AGAIN", 0.0)
    patch.setattr(topic_settings, "EVERY", 0.0)
    guard = on_site(site, name, root, patch)
    guard.rounds = loop.Rounds(guard.settings, guard.guard, (("topic_settings", topic_settings.step),))
    return guard


def test_the_guard_tells_of_a_changed_setting_with_the_command_that_takes_it_back(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "by-hand-guarded"
    topic, setting, value = f"{name}.openmrs.person", "retention.ms", "86400000"
    site.sql("INSERT INTO openmrs.person VALUES (2, 'F', 'b')")
    site.register(name)
    guard = guard_of(site, name, tmp_path / "guard", monkeypatch)
    guard.round()
    assert guard.memory().get("topic_settings")["wrong"] == []
    change(topic, setting, value)
    guard.round()
    told = guard.verdict()
    print(told.sentence)
    assert f"The topic {topic} has a setting under which something may be lost" in told.sentence
    assert f"{setting} is {value}, it must be -1" in told.sentence
    assert [one["about"] for one in guard.recent() if one["act"] == "topic_settings"] == [topic]
    command = shlex.split(told.sentence.partition("Set it back: sudo ")[2].partition(" Also: ")[0])
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    guard.round()
    assert setting not in guard.verdict().sentence
    site.rest("DELETE", f"/connectors/{name}")


@pytest.mark.full
def test_every_setting_that_was_changed_is_named_and_the_advised_commands_take_it_back(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "by-hand"
    site.sql("INSERT INTO openmrs.person VALUES (1, 'F', 'a'); INSERT INTO openmrs.patient VALUES (1, 1)")
    site.register(name)
    with Load(6, pause=0.05) as load:
        for setting, (topic, value) in CHANGES.items():
            change(topic.format(name=name), setting, value)
        guard = guard_of(site, name, tmp_path / "guard", monkeypatch)
        guard.round()
        seen = {(one["topic"], one["setting"]): one["actual"] for one in guard.memory().get("topic_settings")["wrong"]}
        assert seen == {(topic.format(name=name), setting): value for setting, (topic, value) in CHANGES.items()}
        found = verified(site, name, tmp_path / "first")
        try:
            assert found.code != 0
            for setting, (topic, value) in CHANGES.items():
                assert f"{topic.format(name=name)}: {setting} is {value}, it must be" in found.messages, found.messages
        finally:
            done = [subprocess.run(one, capture_output=True, text=True, check=False) for one in repairs(found.messages)]
        assert [one.returncode for one in done] == [0] * len(CHANGES), [one.stderr for one in done]
        again = verified(site, name, tmp_path / "again")
        assert again.code == 0, again.messages
        guard.round()
        assert guard.memory().get("topic_settings")["wrong"] == []
    print(found.messages)
    assert load.writes
