# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host command and the example consumer at a real broker with logins: let in, refused, and without a right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.openmrs.event_log.docs.examples import consumer
from ansible_collections.openmrs.event_log.tests.integration.conftest import PACKAGE_PARENT, project_image

from tests.helpers.secured_broker import SecuredBroker, running

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed (requirements-dev.txt)")
admin = pytest.importorskip("confluent_kafka.admin")

TOPIC, OTHER = "logintest.openmrs.person", "logintest.openmrs.obs"
PASSWORD = "reads-and-writes-nothing-4711"
NAME = f"logintest-{os.getpid()}-broker"


def right(user: str, kind: Any, name: str, *operations: Any) -> list[Any]:
    return [
        admin.AclBinding(
            kind, name, admin.ResourcePatternType.LITERAL, f"User:{user}", "*", operation, admin.AclPermissionType.ALLOW
        )
        for operation in operations
    ]


@pytest.fixture(scope="module")
def broker() -> Iterator[SecuredBroker]:
    image = project_image()
    if image is None:
        pytest.skip("no image openmrs-event-log on this host (it is built by the role event_images)")
    with running(image, NAME) as made:
        client = admin.AdminClient(made.service())
        for one in client.create_topics([admin.NewTopic(name, 1) for name in (TOPIC, OTHER)]).values():
            one.result(30)
        read, describe = admin.AclOperation.READ, admin.AclOperation.DESCRIBE
        rights = [
            *right("event-log-command", admin.ResourceType.TOPIC, "*", read, describe),
            *right("event-log-command", admin.ResourceType.GROUP, "*", read, describe),
            *right("dashboard", admin.ResourceType.TOPIC, TOPIC, read, describe),
            *right("dashboard", admin.ResourceType.GROUP, "dashboard", read),
        ]
        for granted in client.create_acls(rights).values():
            granted.result(30)
        mechanism = admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_512, 4096)
        users = [
            admin.UserScramCredentialUpsertion(user, mechanism, PASSWORD.encode())
            for user in ("event-log-command", "dashboard")
        ]
        for written in client.alter_user_scram_credentials(users).values():
            written.result(30)
        producer = kafka.Producer(made.service())
        source = {"file": "binlog.000001", "pos": 1, "row": 0, "ts_ms": 1}
        for topic in (TOPIC, OTHER):
            value = {"op": "c", "before": None, "after": {"id": 1}, "source": source}
            producer.produce(topic, key='{"id":1}', value=json.dumps(value))
        assert producer.flush(30) == 0
        yield made


def event_log(
    broker: SecuredBroker, folder: Path, user: str, password: str, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run the host command with such a login. The broker's directory is not here, so that it asks the broker."""
    secrets = folder / "command"
    secrets.mkdir()
    login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{user}" password="{password}";'
    (secrets / "client.properties").write_text(
        f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={login}\n"
    )
    settings = folder / "config" / "event-log.json"
    settings.parent.mkdir()
    written = {
        "image": project_image(),
        "bootstrap": broker.bootstrap,
        "data_dir": str(folder / "nowhere"),
        "project": "logintest",
        "uid": 1001,
        "gid": 1001,
        "database": "openmrs",
        "client_dir": str(secrets),
        "logins": True,
    }
    settings.write_text(json.dumps(written))
    environ = {"EVENT_LOG_SETTINGS": str(settings), "PYTHONPATH": str(PACKAGE_PARENT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "event_log", *words],
        env={**os.environ, **environ}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_command_reads_with_its_account(broker: SecuredBroker, tmp_path: Path) -> None:
    done = event_log(broker, tmp_path, "event-log-command", PASSWORD, "tail", "person", "--from-start", "--max", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["key"] == {"id": 1}


@pytest.mark.parametrize("words", [("tail", TOPIC), ("groups",)], ids=["tail", "groups"])
def test_a_refused_login_of_the_command_is_told_with_the_remedy(
    broker: SecuredBroker, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = event_log(broker, tmp_path, "event-log-command", "another-password-4711", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "refused the login of this command. Run the playbook site.yml again" in done.stderr


def state(broker: SecuredBroker, folder: Path, topics: list[str], password: str = PASSWORD) -> int:
    """Run the example as the account dashboard; return how many events were news."""
    account = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "dashboard",
        "sasl.password": password,
    }
    path = str(folder / "state.db")
    news: int = consumer.run(topics, path=path, broker=broker.bootstrap, group="dashboard", idle=6, account=account)
    return news


def test_the_example_reads_its_topic_and_no_other(broker: SecuredBroker, tmp_path: Path) -> None:
    assert state(broker, tmp_path, ["^logintest[.].*"]) == 1
    with pytest.raises(kafka.KafkaException, match=r"(?i)authoriz"):
        state(broker, tmp_path, [OTHER])


def test_the_example_ends_when_its_login_is_refused(broker: SecuredBroker, tmp_path: Path) -> None:
    with pytest.raises(kafka.KafkaException, match=r"(?i)authentication"):
        state(broker, tmp_path, [TOPIC], password="another-password-4711")
