# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose project and the settings as the role writes them: rendered by the role itself, in check mode."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Dict, Iterable, Set

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles, _stack_config, _stack_logins

from tests.unit.plugins.module_utils.java_properties import read
from tests.unit.role_files import ROOT, roles
from tests.unit.roles.role_runs import Outcome, check

COMMAND = ROOT / "roles" / "event_stack" / "files" / "event_log"
PASSWORD = "kept-on-this-host-0123456789ab"
ACCOUNT = "broker-word-of"
GIVEN = "given-by-the-site:#=!"
LABEL = "org.openmrs.event-log.config"
SITE: Dict[str, Any] = {"event_log_site": "demo", "event_log_image": "some/image:1.2", "event_log_profile": "clinic"}
CASES: Dict[str, Dict[str, Any]] = {
    "plain": {},
    "other": {
        "event_log_uid": 1500,
        "event_log_gid": 1600,
        "event_log_project": "adopted",
        "event_log_data_dir": "/srv/kafka",
        "event_log_profile": "district",
        "event_log_bootstrap": "127.0.0.1:19092",
        "event_log_connect_url": "http://127.0.0.1:18083",
        "event_log_connect_user": "me",
        "event_log_connect_password": GIVEN,
        "event_log_database_name": "openmrs2",
        "event_log_topic_prefix": "kisumu",
        "event_stack_controller_port": 19093,
        "event_stack_broker_metrics_port": 19404,
        "event_stack_connect_metrics_port": 19405,
        "event_stack_connect_group": "debezium-connect",
        "event_stack_connect_topics": {"configs": "my_configs", "offsets": "my_offsets", "status": "my_statuses"},
    },
    "broker_setting": {"event_stack_broker_settings": {"num.io.threads": 9, "log.retention.ms": None}},
    "worker_setting": {"event_stack_worker_settings": {"offset.flush.interval.ms": 1}},
    "referral": {"event_log_profile": "referral"},
    "without": {"event_log_broker_logins": "none"},
    "guarded": {"event_log_guard": True},
    "memory": {
        "event_stack_memory": {
            "host_mb": 1, "broker_heap_mb": 2, "broker_limit_mb": 3, "connect_heap_mb": 4, "connect_limit_mb": 5
        }
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("event_stack")
    secrets = folder / "secrets"
    (secrets / "connect").mkdir(parents=True)
    (secrets / "connect" / ".version-key").write_bytes(b"k" * 32)
    (secrets / "connect_password").write_text(PASSWORD + "\n")
    (secrets / "broker_passwords").mkdir()
    for account in _stack_logins.accounts([]):
        (secrets / "broker_passwords" / account).write_text(f"{ACCOUNT}-{account}\n")
    places = {"home": "/nowhere/event-log", "data_dir": "/nowhere/data", "secrets_dir": str(secrets)}
    common = {**SITE, **{f"event_log_{name}": path for name, path in places.items()}}
    hosts = {
        name: {**common, "event_log_preflight": False, "path": os.environ["PATH"], **variables}
        for name, variables in CASES.items()
    }
    return check(folder, [{"ansible.builtin.include_role": {"name": "openmrs.event_log.event_stack"}}], hosts)


class Project:
    """The files of one case, read."""

    def __init__(self, outcome: Outcome) -> None:
        assert outcome.failure == ""
        self.secrets = next(path for path in outcome.files() if path.endswith("/connect/broker.properties"))[:-26]
        self.texts = {path.replace("/nowhere/event-log/", ""): text for path, text in outcome.files().items()}
        self.compose: Dict[str, Any] = yaml.safe_load(self.texts["compose.yaml"])
        self.broker: Dict[str, Any] = self.compose["services"]["broker"]
        self.connect: Dict[str, Any] = self.compose["services"]["connect"]
        self.services = (self.broker, self.connect)
        self.server = read(self.texts["config/broker/server.properties"])
        self.worker = read(self.texts["config/connect/connect-distributed.properties"])

    def label(self, service: str) -> str:
        return str(self.compose["services"][service]["labels"][LABEL])


@pytest.fixture
def plain(runs: Dict[str, Outcome]) -> Project:
    return Project(runs["plain"])


@pytest.fixture
def other(runs: Dict[str, Outcome]) -> Project:
    return Project(runs["other"])


def as_java(settings: Dict[str, Any]) -> Dict[str, str]:
    return {key: _stack_config.text(value) for key, value in settings.items()}


def test_what_check_mode_says_would_change(runs: Dict[str, Outcome]) -> None:
    assert runs["plain"].changed == [
        "Hand the logins to the containers",
        "Write the Compose project, its settings and the host command",
        "Format the broker's directory",
        "Remember that this host has the broker's data",
        "Bring the broker up",
        "Keep the accounts at the broker",
        "Bring the stack up",
    ]
    assert not Path("/nowhere").exists()


def test_containers_are_hardened(plain: Project) -> None:
    for service in plain.services:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges"]
        assert service["user"] == "1001:1001"
        assert service["pids_limit"] > 0
        assert service["ulimits"] == {"core": 0}
        assert service["tmpfs"] == ["/tmp:exec,size=64m,mode=1777"]
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}
        assert not {"privileged", "cap_add", "devices", "ports", "pid", "ipc", "secrets"} & set(service)


def test_every_port_is_on_loopback_of_the_host(plain: Project) -> None:
    for service in plain.services:
        assert service["network_mode"] == "host"
    addresses = set(re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", "\n".join(plain.texts.values())))
    assert addresses == {"127.0.0.1"}


def test_containers_run_the_image_and_come_back_after_a_failure(plain: Project) -> None:
    for name, service in plain.compose["services"].items():
        assert service["image"] == "some/image:1.2"
        assert service["restart"] == "on-failure"
        assert service["container_name"] == f"event-log-{name}"
        assert service["healthcheck"]["test"] == ["CMD", f"health-{name}"]
        assert service["command"][0] == "kafka-class"
    assert plain.compose["name"] == "event-log"


def test_with_a_guard_nobody_else_starts_the_worker(runs: Dict[str, Outcome], plain: Project) -> None:
    guarded = Project(runs["guarded"])
    assert [one["restart"] for one in (guarded.broker, guarded.connect)] == ["on-failure", "no"]
    assert [json.loads(each.texts["config/event-log.json"])["guarded"] for each in (plain, guarded)] == [False, True]


def mounts(service: Dict[str, Any]) -> Dict[str, Any]:
    return {mount["target"]: (mount["source"], mount.get("read_only", False)) for mount in service["volumes"]}


def test_only_the_brokers_data_can_be_written(plain: Project) -> None:
    data = {"/var/lib/kafka/data": ("/nowhere/data/kafka/data", False)}
    for name, service, more in (("broker", plain.broker, data), ("connect", plain.connect, {})):
        found = mounts(service)
        source, read_only = found.pop("/run/event-log/secrets")
        assert (source.endswith(f"/secrets/{name}"), read_only) == (True, True)
        assert found == {"/etc/event-log": (f"/nowhere/event-log/config/{name}", True), **more}


def test_the_configuration_that_is_started_is_the_one_that_is_written(plain: Project) -> None:
    for service, folder in ((plain.broker, "config/broker"), (plain.connect, "config/connect")):
        named = set(re.findall(r"/etc/event-log/([\w.-]+)", json.dumps([service["command"], service["environment"]])))
        written = {path.split("/")[-1] for path in plain.texts if path.startswith(f"{folder}/")}
        assert named == written


def test_settings_are_those_of_the_filters(plain: Project, other: Project) -> None:
    stack = _stack_config.Stack(logins=True)
    assert plain.server == as_java(_stack_config.broker_properties(stack, {}))
    assert plain.worker == as_java(_stack_config.worker_properties(stack, {}))
    stack = _stack_config.Stack(
        kafka_port=19092, controller_port=19093, connect_port=18083, connect_group="debezium-connect",
        configs_topic="my_configs", offsets_topic="my_offsets", status_topic="my_statuses", logins=True,
    )  # fmt: skip
    assert other.server == as_java(_stack_config.broker_properties(stack, {}))
    assert other.worker == as_java(_stack_config.worker_properties(stack, {}))


def test_a_sites_settings_arrive_and_null_removes_one(runs: Dict[str, Outcome]) -> None:
    server = Project(runs["broker_setting"]).server
    assert server["num.io.threads"] == "9"
    assert "log.retention.ms" not in server
    assert Project(runs["worker_setting"]).worker["offset.flush.interval.ms"] == "1"


def test_the_variables_of_a_site_reach_the_containers(other: Project) -> None:
    assert other.compose["name"] == "adopted"
    assert [service["container_name"] for service in other.services] == ["adopted-broker", "adopted-connect"]
    assert {service["user"] for service in other.services} == {"1500:1600"}
    assert mounts(other.broker)["/var/lib/kafka/data"] == ("/srv/kafka/kafka/data", False)
    assert other.broker["environment"]["KAFKA_PORT"] == "19092"
    assert other.connect["environment"]["REST_PORT"] == "18083"
    for service, port in ((other.broker, 19404), (other.connect, 19405)):
        assert f"jmx_prometheus_javaagent.jar=127.0.0.1:{port}:" in service["environment"]["KAFKA_OPTS"]


def test_the_login_is_a_file_that_jaas_and_health_check_find(plain: Project, runs: Dict[str, Outcome]) -> None:
    login = plain.connect["environment"]["REST_LOGIN_FILE"]
    assert re.fullmatch(r"/run/event-log/secrets/rest-[0-9a-f]{8}\.properties", login)
    options = plain.connect["environment"]["KAFKA_OPTS"]
    assert f"-D{_stack_logins.REST_LOGIN_PROPERTY}={login} " in options
    for service, name in ((plain.connect, "connect"), (plain.broker, "broker")):
        jaas = rf"login\.config=/run/event-log/secrets/jaas-{name}-[0-9a-f]{{8}}\.conf "
        assert re.search(jaas, service["environment"]["KAFKA_OPTS"])
    logins = {
        name: Project(runs[name]).connect["environment"]["REST_LOGIN_FILE"] for name in ("broker_setting", "other")
    }
    assert logins["broker_setting"] == login
    assert logins["other"] != login, "another login has another name"


def test_no_secret_is_in_anything_that_was_shown(runs: Dict[str, Outcome]) -> None:
    shown = json.dumps([outcome.results for outcome in runs.values()])
    for secret in (PASSWORD, ACCOUNT, GIVEN, "slash-word", "erbuch-word"):
        assert secret not in shown


def labels(runs: Dict[str, Outcome], case: str) -> Dict[str, str]:
    return {service: Project(runs[case]).label(service) for service in ("broker", "connect")}


def test_a_changed_setting_makes_a_new_container_of_its_own_service_only(runs: Dict[str, Outcome]) -> None:
    before = labels(runs, "plain")
    assert all(re.fullmatch(r"[0-9a-f]{64}", label) for label in before.values())
    broker, connect = labels(runs, "broker_setting"), labels(runs, "worker_setting")
    assert (broker["broker"] == before["broker"], broker["connect"] == before["connect"]) == (False, True)
    assert (connect["broker"] == before["broker"], connect["connect"] == before["connect"]) == (True, False)
    assert labels(runs, "referral") == before, "memory stands in the project itself"


def megabytes(text: str) -> int:
    return int(re.sub(r"m$", "", text))


@pytest.mark.parametrize(
    ("case", "heaps", "limits"),
    [
        ("plain", (256, 320), (640, 704)),
        ("other", (512, 768), (1024, 1280)),
        ("referral", (1024, 1536), (2048, 2304)),
        ("memory", (2, 4), (3, 5)),
    ],
)
def test_memory(runs: Dict[str, Outcome], case: str, heaps: Iterable[int], limits: Iterable[int]) -> None:
    services = Project(runs[case]).services
    assert tuple(megabytes(service["mem_limit"]) for service in services) == limits
    wanted = [f"-Xms{heap // 4}m -Xmx{heap}m" for heap in heaps]
    assert [service["environment"]["KAFKA_HEAP_OPTS"] for service in services] == wanted


def test_the_profiles_are_those_of_the_table() -> None:
    (role,) = [role for role in roles() if role.name == "event_stack"]
    assert role.options["event_stack_profile"]["choices"] == [_profiles.AUTO, *_profiles.NAMES]
    for profile in _profiles.PROFILES:
        assert set(profile.memory) == set(role.options["event_stack_memory"]["options"])


def test_the_host_command_and_its_settings(plain: Project, other: Project) -> None:
    assert json.loads(other.texts["config/event-log.json"]) == {
        "image": "some/image:1.2",
        "bootstrap": "127.0.0.1:19092",
        "data_dir": "/srv/kafka/kafka/data/log",
        "project": "adopted",
        "services": ["broker", "connect"],
        "uid": 1500,
        "gid": 1600,
        "database": "openmrs2",
        "topic_prefix": "kisumu",
        "internal_topics": ["my_configs", "my_offsets", "my_statuses"],
        "uis": [],
        "logins": True,
        "guarded": False,
        "language": "en",
        "client_dir": f"{other.secrets}/command",
    }
    command = plain.texts["/usr/local/bin/event-log"]
    assert command.startswith("#!/bin/sh\n")
    assert "/nowhere/event-log/lib" in command
    source = {path.name: path.read_text(encoding="utf-8") for path in COMMAND.glob("*.*")}
    assert {path[14:]: text for path, text in plain.texts.items() if path.startswith("lib/event_log/")} == source


def test_the_formatting_names_cluster_and_account(runs: Dict[str, Outcome]) -> None:
    argv = runs["other"].result("Format the broker's directory").get("cmd") or []
    words: Set[str] = set(argv if isinstance(argv, list) else str(argv).split())
    assert {
        f"--cluster-id={_stack_config.cluster_id('demo')}",
        "--user=1500:1600",
        "--network=none",
        "--read-only",
        "--volume=/srv/kafka/kafka/data:/var/lib/kafka/data",
    } <= words


def test_without_logins_nobody_has_one(runs: Dict[str, Outcome], plain: Project) -> None:
    project = Project(runs["without"])
    assert "sasl" not in json.dumps([project.server, project.worker]).lower()
    assert "/run/event-log/secrets" not in mounts(project.broker)
    assert "login.config" not in project.broker["environment"]["KAFKA_OPTS"]
    protocol = read(plain.texts[f"{plain.secrets}/connect/broker.properties"])
    assert protocol["security.protocol"] == "SASL_PLAINTEXT"
    admin = f"{plain.secrets}/admin/client.properties"
    assert [admin in files for files in (project.texts, plain.texts)] == [False, True]
    said = json.dumps(runs["without"].result("Say what to know about web pages and logins")["msg"])
    assert "event_log_broker_logins: required" in said
