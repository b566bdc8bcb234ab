"""How the tool for accounts is started, what goes to it, and what is said when it fails."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _broker_accounts_run as run
from ansible_collections.openmrs.event_log.plugins.module_utils._broker_accounts import MECHANISM, Acl
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

PASSWORD = "Pw-secret-4711"
PARAMS: dict[str, Any] = {
    "image": "openmrs-event-log:1", "bootstrap": "127.0.0.1:9092", "admin_bootstrap": "127.0.0.1:9094",
    "client_dir": "/opt/event-log/secrets/admin", "uid": 1001, "gid": 1002, "users": {"lab": PASSWORD},
    "acls": [
        {"user": "lab", "resource_type": "group", "resource": "lab", "pattern": "literal", "operations": ["READ"]}
    ],
    "predicted": False, "timeout": 60,
}  # fmt: skip
THERE = {
    "users": {"lab": [MECHANISM]},
    "acls": [Acl("User:lab", "GROUP", "lab", "LITERAL", "READ").as_json()],
    "logins": {"lab": True},
}


class Docker:
    """Stands for subprocess.run: answers each start of the tool with the next of its answers."""

    def __init__(self, *answers: Any, err: str = "") -> None:
        self.answers = list(answers)
        self.err = err
        self.calls: list[tuple[list[str], dict[str, Any]]] = []

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append((command, options))
        if command[1] == "rm":
            return subprocess.CompletedProcess(command, 0, "", "")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        out = answer if isinstance(answer, str) else json.dumps(answer)
        return subprocess.CompletedProcess(command, 0, out, self.err)

    @property
    def starts(self) -> list[tuple[list[str], dict[str, Any]]]:
        return [call for call in self.calls if call[0][1] == "run"]


def ensure(docker: Docker, check_mode: bool = False, **changed: Any) -> dict[str, Any]:
    def make(place: run.Place, passwords: dict[str, str], seconds: float) -> run.Tool:
        return run.Tool(place, passwords, seconds, start=docker)

    return run.ensure({**PARAMS, **changed}, check_mode, make)


def test_a_run_with_nothing_to_do_starts_the_tool_once() -> None:
    docker = Docker(THERE)
    result = ensure(docker)
    assert (result["changed"], result["actions"]) == (False, [])
    assert result["diff"]["before"] == result["diff"]["after"]
    assert len(docker.starts) == 1


def test_changes_are_applied_by_a_second_start() -> None:
    docker = Docker({"logins": {}}, {"done": 2})
    result = ensure(docker)
    assert result["actions"] == ["allow lab READ on group lab", "add the user lab"]
    assert result["changed"] is True
    (look, looked), (apply, done) = docker.starts
    assert (look[-1], apply[-1]) == ("look", "apply")
    asked = json.loads(looked["input"])
    assert asked["passwords"] == {"lab": PASSWORD}
    assert asked["operations"] == []
    assert [one["do"] for one in json.loads(done["input"])["operations"]] == ["create_acl", "set_password"]


def test_check_mode_looks_and_applies_nothing() -> None:
    docker = Docker({"logins": {}})
    assert ensure(docker, check_mode=True)["changed"] is True
    assert [command[-1] for command, _ in docker.starts] == ["look"]


def test_check_mode_before_there_are_logins_foresees_everything_and_asks_nobody() -> None:
    docker = Docker()
    result = ensure(docker, check_mode=True, predicted=True)
    assert result["actions"] == ["allow lab READ on group lab", "add the user lab"]
    assert docker.calls == []
    assert ensure(docker, check_mode=True, predicted=True, users={}, acls=[])["changed"] is False


def test_a_real_run_looks_whatever_was_predicted() -> None:
    assert ensure(Docker(THERE), predicted=True)["changed"] is False


def test_no_secret_leaves_but_by_standard_input() -> None:
    docker = Docker({"logins": {}}, {"done": 2})
    result = ensure(docker)
    assert PASSWORD not in json.dumps(result)
    for command, options in docker.calls:
        assert PASSWORD not in " ".join(command)
        assert "env" not in options


def test_the_container_has_no_rights() -> None:
    docker = Docker(THERE)
    ensure(docker)
    words = " ".join(docker.starts[0][0])
    for wanted in (
        "--rm --interactive --pull never --name event-log-accounts-", "--network host", "--user 1001:1002",
        "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--memory 256m", "--log-driver none",
        "--volume /opt/event-log/secrets/admin:/run/event-log/secrets:ro",
    ):  # fmt: skip
        assert wanted in words


def test_a_tool_that_hangs_is_ended_and_its_container_removed() -> None:
    docker = Docker(subprocess.TimeoutExpired(["docker"], 80))
    with pytest.raises(run.AccountsError, match="no answer within 80 s"):
        ensure(docker)
    (command, _), (removal, _) = docker.calls
    assert removal == ["docker", "rm", "--force", command[command.index("--name") + 1]]


def test_all_calls_together_have_the_time() -> None:
    now = [0.0]
    docker = Docker(THERE, {"done": 0})
    tool = run.Tool(
        run.Place("i", "b", "a", "d", 1, 1), {}, 60, clock=lambda: now[0], start=docker
    )  # fmt: skip
    tool.look()
    now[0] = 45.0
    tool.apply([])
    assert [json.loads(options["input"])["seconds"] for _, options in docker.starts] == [60, 15]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (("unreachable", "127.0.0.1:9094"), "does not answer at its admin listener 127.0.0.1:9094 within 60 s"),
        (("unreachable", "127.0.0.1:9092"), "does not answer at its client listener 127.0.0.1:9092"),
        (("refused", "127.0.0.1:9094"), "refuses the service's own login .*/secrets/admin/client.properties"),
        (("no_login", "127.0.0.1:9092"), "client listener 127.0.0.1:9092 takes no login of this kind: words"),
        (("no_authorizer", "127.0.0.1:9094"), "without an authorizer"),
        (("settings", "/run"), "client.properties cannot be used .*readable for uid 1001"),
        (("not_seen", "127.0.0.1:9092"), "does not go by them within 60 s"),
        (("other", ""), "failed at its start: words"),
    ],
)
def test_what_is_wrong_is_said(answer: tuple[str, str], words: str) -> None:
    docker = Docker({"error": answer[0], "where": answer[1], "said": "words"})
    with pytest.raises(run.AccountsError, match=words):
        ensure(docker)


@pytest.mark.parametrize(
    ("err", "words"),
    [
        ("docker: Error response from daemon: No such image: openmrs-event-log:1\n", "is not on this host"),
        (f"Caused by: java.lang.ClassNotFoundException: {run.MAIN}\n", "images older than the broker's logins"),
        ("one\nCannot connect to the Docker daemon\n", "gave no answer: Cannot connect to the Docker daemon"),
        ("", "gave no answer: it said nothing"),
    ],
)
def test_a_tool_that_says_nothing_is_explained(err: str, words: str) -> None:
    with pytest.raises(run.AccountsError, match=words):
        ensure(Docker("", err=err))


def missing(images: str) -> Docker:
    """A host that lacks the image, and has these."""

    class Upgrading(Docker):
        def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            if command[1] == "images":
                self.calls.append((command, options))
                return subprocess.CompletedProcess(command, 0, images, "")
            self.err = "No such image: x" if "openmrs-event-log:1" in command else ""
            return super().__call__(command, **options)

    return Upgrading("", THERE)


def test_a_rehearsal_of_an_upgrade_looks_with_the_image_of_before() -> None:
    docker = missing("openmrs-event-log:<none>\nopenmrs-event-log:0\n")
    assert ensure(docker, check_mode=True)["changed"] is False
    assert [command[-4] for command, _ in docker.starts] == ["openmrs-event-log:1", "openmrs-event-log:0"]


@pytest.mark.parametrize(("images", "check_mode"), [("", True), ("openmrs-event-log:0\n", False)])
def test_a_missing_image_is_told_where_no_other_will_do(images: str, check_mode: bool) -> None:
    with pytest.raises(run.MissingImageError, match="openmrs-event-log:1 is not on this host"):
        ensure(missing(images), check_mode=check_mode)


def test_a_host_without_docker_is_told() -> None:
    with pytest.raises(run.AccountsError, match="The host needs Docker"):
        ensure(Docker(FileNotFoundError(2, "No such file or directory")))


@pytest.mark.parametrize("password", ["", None, 5])
def test_a_user_needs_a_password(password: Any) -> None:
    docker = Docker()
    with pytest.raises(InputError, match="users: lab has no password"):
        ensure(docker, users={"lab": password})
    assert docker.calls == []


def test_a_right_needs_operations() -> None:
    with pytest.raises(InputError, match="entry of lab for lab has no operations"):
        ensure(Docker(), acls=[{**PARAMS["acls"][0], "operations": []}])
