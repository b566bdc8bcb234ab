"""Accounts, directories, files and containers of a converged server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.hunt import Forms
from tests.helpers.one_truth import by_command, by_module
from tests.helpers.secrets_used import secrets_of
from tests.helpers.server import Server, eventually
from tests.helpers.stack_mode import CONTAINERS, OWN, WITH_ZOOKEEPER

DATA = "/var/lib/event-log"
HOME = "/opt/event-log"


@pytest.fixture(scope="module")
def server(host: Any) -> Server:
    return Server(host.backend.name)


@pytest.fixture(scope="module")
def inspected(host: Any) -> dict[str, dict[str, Any]]:
    """The containers of the inner engine, as Docker describes them."""
    answer = json.loads(host.check_output("docker inspect $(docker ps -aq)"))
    return {container["Name"].lstrip("/"): container for container in answer}


def test_the_kafka_account_cannot_log_in(host: Any) -> None:
    user = host.user("kafka")
    assert (user.uid, user.gid, user.group) == (1001, 1001, "kafka")
    assert user.shell == "/usr/sbin/nologin"
    assert host.group("kafka").gid == 1001
    assert not host.file(user.home).exists
    assert host.check_output("getent shadow kafka").split(":")[1].startswith(("!", "*"))


def test_the_broker_owns_its_data(host: Any) -> None:
    owns_its_data(host, "kafka/data")


def owns_its_data(host: Any, directory: str) -> None:
    data = host.file(f"{DATA}/{directory}")
    assert data.is_directory
    assert (data.uid, data.gid, data.mode) == (1001, 1001, 0o750)
    foreign = host.check_output(f"find {DATA}/{directory} ! -user 1001")
    assert foreign == ""


@pytest.mark.parametrize("path", [DATA, f"{DATA}/kafka", HOME])
def test_parents_belong_to_root(host: Any, path: str) -> None:
    directory = host.file(path)
    assert directory.is_directory
    assert (directory.user, directory.group) == ("root", "root")
    assert directory.mode & 0o022 == 0


def test_zookeeper_has_directories_only_where_it_is_used(host: Any) -> None:
    assert host.file(f"{DATA}/zookeeper").exists == WITH_ZOOKEEPER
    for directory in ("zookeeper/data", "zookeeper/txns") if WITH_ZOOKEEPER else ():
        owns_its_data(host, directory)
        assert host.check_output(f"ls -A {DATA}/{directory}/version-2"), "nothing was written there"


def test_nobody_else_can_read_a_secret(host: Any) -> None:
    listed = host.check_output(rf"find {HOME}/secrets -printf '%y %m %U %p\n'").splitlines()
    files = [line.split() for line in listed if line.startswith("f")]
    assert len(files) >= 2, listed
    for kind, mode, owner, path in (line.split() for line in listed):
        assert int(mode, 8) & 0o077 == 0 or (kind == "d" and path == f"{HOME}/secrets"), f"{path}: {mode}"
        assert owner in ("0", "1001"), path


def test_configuration_cannot_be_written_by_the_service(host: Any) -> None:
    writable = host.check_output(f"find {HOME} -not -path '{HOME}/secrets*' \\( -perm /022 -o -user 1001 \\) ! -type l")
    assert writable == ""


def test_no_secret_is_in_the_configuration_or_the_containers(
    host: Any, server: Server, inspected: dict[str, dict[str, Any]]
) -> None:
    exposed = json.dumps(inspected) + host.check_output(
        f"find {HOME} -not -path '{HOME}/secrets*' -type f -exec cat {{}} +"
    )
    assert Forms(secrets_of(server)).found("configuration and containers", exposed) == []


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_healthy(inspected: dict[str, dict[str, Any]], name: str) -> None:
    state = inspected[name]["State"]
    assert (state["Status"], state.get("Health", {}).get("Status")) == ("running", "healthy")
    assert not state["OOMKilled"]
    assert inspected[name]["RestartCount"] == 0


def test_memory_stays_within_what_the_profile_promises(host: Any, inspected: dict[str, dict[str, Any]]) -> None:
    for name in OWN:
        used = int(host.check_output(f"docker exec {name} cat /proc/1/status").split("VmRSS:")[1].split()[0]) * 1024
        assert 0 < used < inspected[name]["HostConfig"]["Memory"]


def test_the_stack_comes_back_after_a_boot(host: Any, inspected: dict[str, dict[str, Any]]) -> None:
    service = host.service("event-log.service")
    if service.exists:
        assert service.is_enabled
        assert service.is_running
    else:
        assert host.service("docker.service").is_enabled
        policies = {name: inspected[name]["HostConfig"]["RestartPolicy"]["Name"] for name in CONTAINERS}
        assert set(policies.values()) <= {"on-failure", "unless-stopped", "always"}, policies


def test_no_unit_has_failed(host: Any) -> None:
    assert host.check_output("systemctl --failed --no-legend") == ""


def test_the_connector_runs(server: Server) -> None:
    code, status = server.request("GET", "/connectors/openmrs-connector/status")
    assert code == 200, status
    assert status["connector"]["state"] == "RUNNING"
    assert [task["state"] for task in status["tasks"]] == ["RUNNING"]


def test_the_command_and_connector_info_tell_the_same(host: Any, server: Server) -> None:
    def told() -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(host.check_output("event-log status --json"))
        return answer

    # A worker that is asked twice may change in between.
    eventually(lambda: by_command(told()) == by_module(server.request), 60, "both tell the same")
    assert by_command(told())["openmrs-connector"] == ("RUNNING", ["RUNNING"], True)
    assert told()["verdict"] == "ok", told()["sentence"]


def test_the_worker_lets_in_only_who_logs_in(server: Server) -> None:
    assert server.request("GET", "/connectors", login="")[0] == 401
    assert server.request("GET", "/connectors", login="event-log=wrong")[0] == 401
    assert server.request("GET", "/connectors")[0] == 200
