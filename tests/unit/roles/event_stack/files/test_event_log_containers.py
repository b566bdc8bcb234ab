# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kafka's tools in containers of their own: how they are started and log in, and the words for every refusal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import containers, login, settings
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.errors import EventLogError
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made

TOPIC = "openmrs.openmrs.person"
MOUNT = "--mount type=bind,source=/opt/event-log/secrets/command,target=/run/event-log/secrets,readonly"
# What Kafka 4.3 says.
WRONG = """\
ERROR [Consumer clientId=c] Connection to node -1 (x/127.0.0.1:9092) failed authentication due to: Authentication \
failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (org.apache.kafka.clients.x)
WARN [Consumer clientId=c] Bootstrap broker 127.0.0.1:9092 (id: -1 rack: null) disconnected (org.apache.kafka.clients.x)
ERROR Error processing message, terminating consumer process:  (org.apache.kafka.tools.consumer.ConsoleConsumer)
org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed during authentication due to \
invalid credentials with SASL mechanism SCRAM-SHA-512
"""
FORBIDDEN = """\
ERROR Error processing message, terminating consumer process:  (org.apache.kafka.tools.consumer.ConsoleConsumer)
org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [openmrs.openmrs.person]
"""
GROUPS = """

Error: Executing consumer group command failed due to %s
java.lang.RuntimeException: java.util.concurrent.ExecutionException: x
"""


@pytest.fixture
def person(host: Host) -> Host:
    host.topic(f"{TOPIC}-0", Made(0, 5))
    return host


def with_logins(host: Host) -> Host:
    """The host, with settings as they are since there are logins."""
    path = Path(host.environ["EVENT_LOG_SETTINGS"])
    written = {**json.loads(path.read_text()), "client_dir": "/opt/event-log/secrets/command", "logins": True}
    path.write_text(json.dumps(written))
    return Host(host.root, host.data_dir, host.environ, settings.load(host.environ))


def created(host: Host) -> str:
    return next(call for call in host.calls() if call.startswith("create "))


def said(words: str, code: int) -> str:
    return f"cat >&2 <<'END'\n{words}END\nexit {code}\n"


def test_container_is_hardened_and_logs_nothing(host: Host) -> None:
    command = containers.create_command(host.chosen, "n", ["Main", "--x"])
    line = " ".join(command)
    for part in (
        "--rm", "--pull never", "--name n", "--network host", "--user 1001:1002", "--read-only",
        "--tmpfs /tmp:exec,size=64m", "--cap-drop ALL", "--security-opt no-new-privileges", "--memory 256m",
        "--log-driver none",
    ):  # fmt: skip
        assert f" {part} " in line
    assert command[-4:] == ["openmrs-event-log:1", "kafka-class", "Main", "--x"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "systemctl start docker"),
        ("Error: No such image: i:1", "image i:1 is not on this host"),
        ('invalid mount config for type "bind": bind source path does not exist: /x', "login of this command is not"),
        ("something new", "something new"),
    ],
)
def test_words_of_docker_are_explained(said: str, words: str) -> None:
    assert words in containers.explain_docker(said, "i:1")


def test_no_docker_command_is_told(person: Host) -> None:
    os.unlink(person.root / "bin" / "docker")  # noqa: PTH108
    person.environ["PATH"] = str(person.root / "bin")
    done = person.run("groups")
    assert (done.returncode, "no docker command" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("bootstrap", "address"),
    [("127.0.0.1:9092", ("127.0.0.1", 9092)), ("[::1]:1,b:2", ("::1", 1)), ("kafka.local:9,x:1", ("kafka.local", 9))],
)
def test_first_address(bootstrap: str, address: tuple[str, int]) -> None:
    assert containers.first_address(bootstrap) == address


def test_address_without_a_port_is_refused() -> None:
    with pytest.raises(EventLogError, match="host:port"):
        containers.first_address("localhost")


def test_wrong_docker_or_image_is_told_with_the_remedy(person: Host) -> None:
    person.refuse_image("permission denied while trying to connect to the Docker daemon socket")
    done = person.run("tail", "person")
    assert done.returncode == 1
    assert "group docker" in done.stderr
    assert "sudo" in done.stderr


@pytest.mark.parametrize("command", [("tail", "person"), ("groups",)])
def test_every_tool_has_the_file_of_its_login_and_no_secret_on_its_command_line(
    person: Host, command: tuple[str, ...]
) -> None:
    with_logins(person).play("exit 0\n")
    done = person.run(*command)
    assert done.returncode == 0, done.stderr
    run = created(person)
    before, _, after = run.partition(" openmrs-event-log:1 kafka-class ")
    assert MOUNT in before
    assert " --command-config /run/event-log/secrets/client.properties " in after
    assert "--env" not in run
    assert "password" not in run


def test_the_tool_that_lists_topics_logs_in_too(person: Host) -> None:
    assert login.broker(with_logins(person).chosen)[2:] == ["--command-config", login.FILE]


def test_settings_of_an_older_version_have_no_login(person: Host) -> None:
    person.play("exit 0\n")
    assert person.run("groups").returncode == 0
    assert "--mount" not in created(person)
    assert "--command-config" not in created(person)


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    ("words", "told"), [(WRONG, "refused the login"), (FORBIDDEN, "may not read")], ids=["login", "right"]
)
def test_a_login_or_a_right_that_is_missing_is_told_with_the_remedy(
    person: Host, words: str, told: str, code: int
) -> None:
    with_logins(person).play(said(words, code))
    done = person.run("tail", "person")
    assert done.returncode == 1
    assert told in done.stderr
    assert "site.yml again" in done.stderr
    assert "Exception" not in done.stderr
    assert "does not answer" not in done.stderr


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed", "refused the login"),
        ("org.apache.kafka.common.errors.GroupAuthorizationException: x", "may not read"),
        ("java.lang.RuntimeException: Timed out waiting for a node", "failed: java.lang.RuntimeException: Timed out"),
    ],
)
def test_the_tool_for_groups_tells_a_failure_among_its_answers_and_ends_with_0(
    person: Host, reason: str, told: str
) -> None:
    with_logins(person).play(f"cat <<'END'\n{GROUPS % reason}END\nexit 0\n")
    done = person.run("groups")
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr


def test_words_about_a_login_in_an_event_are_no_failure(person: Host) -> None:
    record = 'CreateTime:0\\tPartition:0\\tOffset:0\\t{}\\t{"note":"SaslAuthenticationException"}\\n'
    with_logins(person).play(f"printf '{record}'\n")
    done = person.run("tail", "person")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done.stderr
