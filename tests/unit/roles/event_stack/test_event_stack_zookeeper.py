# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project with a ZooKeeper, beside that without one."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles, _stack_config

from tests.unit.plugins.module_utils.java_properties import read
from tests.unit.roles.role_runs import Outcome, check

SITE = {
    "event_log_site": "demo",
    "event_log_image": "some/image:1.2",
    "event_log_zookeeper_image": "other/image:3.4",
    "event_log_profile": "clinic",
    "event_log_preflight": False,
}
CASES: Dict[str, Dict[str, Any]] = {
    "kraft": {},
    "plain": {"event_stack_mode": "zookeeper"},
    "other": {
        "event_stack_mode": "zookeeper",
        "event_stack_zookeeper_port": 12181,
        "event_stack_zookeeper_settings": {"snapCount": 10000, "tickTime": None},
        "event_stack_zookeeper_memory": {"heap_mb": 1, "limit_mb": 2},
        "event_log_data_dir": "/srv",
        "event_log_project": "adopted",
    },
    "odd_mode": {"event_stack_mode": "raft"},
    "no_image": {"event_stack_mode": "zookeeper", "event_log_zookeeper_image": "", "event_log_preflight": True},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("event_stack")
    (folder / "secrets" / "connect").mkdir(parents=True)
    (folder / "secrets" / "connect" / ".version-key").write_bytes(b"k" * 32)
    (folder / "secrets" / "connect_password").write_text("kept-on-this-host-0123456789ab\n")
    places = {"home": "/nowhere/event-log", "data_dir": "/nowhere/data", "secrets_dir": str(folder / "secrets")}
    common = {**SITE, **{f"event_log_{name}": path for name, path in places.items()}, "path": os.environ["PATH"]}
    hosts = {name: {**common, **variables} for name, variables in CASES.items()}
    return check(folder, [{"ansible.builtin.include_role": {"name": "openmrs.event_log.event_stack"}}], hosts)


def files(outcome: Outcome) -> Dict[str, str]:
    assert outcome.failure == ""
    return {path.replace("/nowhere/event-log/", ""): text for path, text in outcome.files().items()}


def services(outcome: Outcome) -> Dict[str, Dict[str, Any]]:
    found: Dict[str, Dict[str, Any]] = yaml.safe_load(files(outcome)["compose.yaml"])["services"]
    return found


def mounts(service: Dict[str, Any]) -> Dict[str, Any]:
    return {mount["target"]: (mount["source"], mount.get("read_only", False)) for mount in service["volumes"]}


def test_zookeeper_and_its_broker_run_the_second_image_and_the_worker_the_first(runs: Dict[str, Outcome]) -> None:
    found = services(runs["plain"])
    assert list(found) == ["zookeeper", "broker", "connect"]
    assert [service["image"] for service in found.values()] == ["other/image:3.4", "other/image:3.4", "some/image:1.2"]
    assert list(services(runs["kraft"])) == ["broker", "connect"]


def test_it_is_hardened_and_watched_like_the_others(runs: Dict[str, Outcome]) -> None:
    found = services(runs["plain"])
    kept = (
        "user",
        "network_mode",
        "read_only",
        "cap_drop",
        "security_opt",
        "pids_limit",
        "tmpfs",
        "logging",
        "restart",
    )
    for key in kept:
        assert found["zookeeper"][key] == found["broker"][key] == found["connect"][key], key
    assert found["zookeeper"]["healthcheck"]["test"] == ["CMD", "health-zookeeper"]
    assert found["zookeeper"]["container_name"] == "event-log-zookeeper"


def test_the_broker_is_stopped_before_it(runs: Dict[str, Outcome]) -> None:
    found = services(runs["plain"])
    assert found["broker"]["depends_on"] == {"zookeeper": {"condition": "service_started"}}
    assert "depends_on" not in services(runs["kraft"])["broker"]


def test_its_data_are_two_directories_of_the_host(runs: Dict[str, Outcome]) -> None:
    found = mounts(services(runs["other"])["zookeeper"])
    assert found.pop("/run/event-log/secrets")[0].endswith("/secrets/zookeeper")
    assert found == {
        "/etc/event-log": ("/nowhere/event-log/config/zookeeper", True),
        "/var/lib/zookeeper/data": ("/srv/zookeeper/data", False),
        "/var/lib/zookeeper/txns": ("/srv/zookeeper/txns", False),
    }


def test_settings_are_those_of_the_filters(runs: Dict[str, Outcome]) -> None:
    stack = _stack_config.Stack(mode="zookeeper", zookeeper_port=12181, logins=True)
    texts = files(runs["other"])
    for path, settings in {
        "config/broker/server.properties": _stack_config.broker_properties(stack, {}),
        "config/zookeeper/zookeeper.properties": _stack_config.zookeeper_properties(
            stack, {"snapCount": 10000, "tickTime": None}
        ),
        "config/connect/connect-distributed.properties": _stack_config.worker_properties(stack, {}),
    }.items():
        assert read(texts[path]) == {key: _stack_config.text(value) for key, value in settings.items()}


def test_each_container_is_started_with_what_is_written_for_it(runs: Dict[str, Outcome]) -> None:
    texts = files(runs["plain"])
    for name, service in services(runs["plain"]).items():
        named = set(re.findall(r"/etc/event-log/([\w.-]+)", json.dumps([service["command"], service["environment"]])))
        written = {path.split("/")[-1] for path in texts if path.startswith(f"config/{name}/")}
        assert named == written, name
    assert not [path for path in files(runs["kraft"]) if "zookeeper" in path or path.endswith("/log4j.properties")]


def test_its_port_and_memory_are_a_sites_own(runs: Dict[str, Outcome]) -> None:
    found = services(runs["other"])["zookeeper"]
    assert found["environment"]["ZOOKEEPER_PORT"] == "12181"
    assert (found["mem_limit"], found["environment"]["KAFKA_HEAP_OPTS"]) == ("2m", "-Xms1m -Xmx1m")
    clinic = _profiles.PROFILES[0]
    assert services(runs["plain"])["zookeeper"]["mem_limit"] == f"{clinic.zookeeper_limit_mb}m"


def test_a_changed_setting_makes_only_its_container_anew(runs: Dict[str, Outcome]) -> None:
    label = "org.openmrs.event-log.config"
    plain, other = (services(runs[case]) for case in ("plain", "other"))
    assert plain["zookeeper"]["labels"][label] != other["zookeeper"]["labels"][label]
    assert plain["connect"]["labels"][label] == other["connect"]["labels"][label]


def test_the_host_command_knows_three_containers(runs: Dict[str, Outcome]) -> None:
    written = json.loads(files(runs["other"])["config/event-log.json"])
    assert written["services"] == ["zookeeper", "broker", "connect"]
    assert written["image"] == "some/image:1.2", "its tools are those of the worker's image"


def test_nothing_is_formatted_and_the_data_are_remembered_once_they_are_there(runs: Dict[str, Outcome]) -> None:
    steps = runs["plain"].changed
    assert "Format the broker's directory" not in steps
    assert steps.index("Bring the stack up") < steps.index("Remember that this host has the broker's data")


def test_bad_input_is_refused_by_name(runs: Dict[str, Outcome]) -> None:
    odd = runs["odd_mode"].failure
    assert "value of event_stack_mode must be one of: kraft, zookeeper, got: raft" in odd
    assert "event_log_zookeeper_image is not set" in runs["no_image"].failure
    for case in ("odd_mode", "no_image"):
        assert runs[case].changed == []
