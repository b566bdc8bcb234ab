# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and rights on real brokers: made, left alone, changed and withdrawn, and tried out as themselves."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils._broker_access import Options, access
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.helpers import secured_broker
from tests.helpers.calls import call
from tests.helpers.secured_broker import PAGE, SERVICE, SecuredBroker, lets_in
from tests.helpers.workers import docker
from tests.integration.conftest import project_image

OBS, PERSON, CONFIGS = "hilltop.openmrs.obs", "hilltop.openmrs.person", "event-log-connect-configs"
# With all that a file of settings or JSON might trip over.
LAB = ("lab", "läb\\ \"Pw' 1;$x")
PHARMACY, COMMAND = ("pharmacy", "pharmacy-Pw-1"), ("event-log-command", "command-Pw-1")
NEW = "pharmacy-Pw-2"
SECRETS = (LAB[1], PHARMACY[1], COMMAND[1], NEW, SERVICE[1])
ENTRIES = [{"user": "lab", "tables": ["obs"]}, {"user": "pharmacy", "tables": ["*"], "groups": ["p"]}]


@dataclass(frozen=True)
class Site:
    """A broker, and the module for it."""

    broker: SecuredBroker
    image: str
    users: dict[str, str] = field(default_factory=lambda: dict([LAB, PHARMACY, COMMAND]))

    def act(self, check: bool = False, without: str = "", **options: Any) -> dict[str, Any]:
        users = {name: password for name, password in self.users.items() if name != without}
        listed = [{"name": name, "password": users[name]} for name in users if name != COMMAND[0]]
        entries = [entry for entry in ENTRIES if entry["user"] != without]
        wanted = access(listed, entries, Options("hilltop", "openmrs", ("obs", "person"), ("kowl",)))
        assert wanted["problems"] == []
        given = {
            "image": self.image, "bootstrap": self.broker.bootstrap, "admin_bootstrap": self.broker.admin_bootstrap,
            "client_dir": str(self.broker.client_dir), "uid": secured_broker.UID, "gid": secured_broker.UID,
            "users": users, "acls": wanted["acls"], **options,
        }  # fmt: skip
        result = call("broker_accounts", check, **given)
        told = json.dumps(result)
        assert not any(json.dumps(secret)[1:-1] in told for secret in (*SECRETS, *users.values()))
        return result

    def rehearsed(self) -> list[bool]:
        """Return whether check, run, check and run report a change."""
        return [self.act(check)["changed"] for check in (True, False, True, False)]


def second_image() -> str:
    listed = docker("images", "openmrs-event-log-zookeeper", "--format", "{{.Repository}}:{{.Tag}}").split()
    return listed[0] if listed else pytest.skip("no image openmrs-event-log-zookeeper on this host")


@contextlib.contextmanager
def standing(old: bool) -> Iterator[Site]:
    """A broker with three topics and an event in each; an old one is with ZooKeeper."""
    image = project_image() or pytest.skip("no image openmrs-event-log on this host (the role event_images builds it)")
    if os.geteuid() != 0:
        pytest.skip("needs root: the broker's files belong to another user")
    name = f"eventlog-accounts-{os.getpid()}-{'zookeeper' if old else 'kraft'}"
    with secured_broker.running(second_image() if old else image, name, old) as broker:
        client = AdminClient(broker.service())
        for made in client.create_topics([NewTopic(topic, 1, 1) for topic in (OBS, PERSON, CONFIGS)]).values():
            made.result(20)
        producer = Producer(broker.service())
        for topic in (OBS, PERSON, CONFIGS):
            producer.produce(topic, b"event")
        assert producer.flush(20) == 0
        yield Site(broker, image)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with standing(old=False) as found:
        yield found


@pytest.fixture(scope="module")
def made(site: Site) -> list[bool]:
    """The first four runs, for the tests that look at what they made."""
    return site.rehearsed()


def test_new_users_are_foretold_made_and_then_left_alone(made: list[bool]) -> None:
    assert made == [True, True, False, False]


def consume(settings: dict[str, Any], topic: str, group: str) -> Any:
    """Return the first record's value, or the code of the error that came instead."""
    own = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    consumer: Any = Consumer({**settings, **own})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(20)
        assert message is not None, "neither a record nor an error"
        if message.error():
            return message.error().code()
        consumer.commit(message, asynchronous=False)
        return message.value()
    except KafkaException as error:
        return error.args[0].code()
    finally:
        consumer.close()


def test_a_consumer_reads_its_topic_with_its_group_and_nothing_else(site: Site, made: list[bool]) -> None:
    lab = site.broker.login(*LAB)
    assert consume(lab, OBS, "lab") == b"event"
    assert consume(lab, PERSON, "lab") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert consume(lab, CONFIGS, "lab") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert consume(lab, OBS, "p") == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert set(AdminClient(lab).list_topics(timeout=20).topics) == {OBS}


def test_all_tables_are_tables_only(site: Site, made: list[bool]) -> None:
    pharmacy = site.broker.login(*PHARMACY)
    assert consume(pharmacy, PERSON, "p") == b"event"
    assert consume(pharmacy, CONFIGS, "p") == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize("who", ["consumer", "command", "page"])
def test_nobody_who_reads_can_change_anything(site: Site, made: list[bool], who: str) -> None:
    broker = site.broker
    settings = {
        "consumer": broker.login(*LAB),
        "command": broker.login(*COMMAND),
        "page": broker.login(*PAGE, mechanism="PLAIN"),
    }[who]
    client = AdminClient(settings)
    for answer in (
        client.delete_topics([OBS])[OBS],
        client.create_topics([NewTopic("hilltop.openmrs.new", 1, 1)])["hilltop.openmrs.new"],
        client.delete_consumer_groups(["lab"])["lab"],
    ):
        with pytest.raises(KafkaException, match=r"(?i)authorization"):
            answer.result(20)
    told: list[Any] = []
    producer = Producer(settings)
    producer.produce(OBS, b"forged", on_delivery=lambda error, _message: told.append(error))
    assert producer.flush(20) == 0
    assert [error.code() for error in told] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_the_command_and_a_page_see_all_topics_and_groups(site: Site, made: list[bool]) -> None:
    for settings in (site.broker.login(*COMMAND), site.broker.login(*PAGE, mechanism="PLAIN")):
        client = AdminClient(settings)
        assert {OBS, PERSON, CONFIGS} <= set(client.list_topics(timeout=20).topics)
        assert client.list_consumer_groups(request_timeout=20).result().errors == []
    assert consume(site.broker.login(*COMMAND), PERSON, "console-consumer-4711") == b"event"


def test_without_a_login_nothing_answers(site: Site, made: list[bool]) -> None:
    broker = site.broker
    refused = {
        "plain": broker.plain(),
        "plain at the admin listener": broker.plain(admin=True),
        "wrong password": broker.login("lab", "wrong"),
        "unknown user": broker.login("nobody", "wrong"),
        "consumer at the admin listener": broker.login(*LAB, mechanism="PLAIN", admin=True),
        "service at the client listener": broker.login(*SERVICE, mechanism="PLAIN"),
        "page by a wrong password": broker.login(PAGE[0], "wrong", mechanism="PLAIN"),
    }
    assert [what for what, settings in refused.items() if lets_in(settings)] == []
    assert lets_in(broker.login(*LAB))


def test_a_run_with_nothing_to_do_starts_one_java_and_leaves_no_container(site: Site, made: list[bool]) -> None:
    since = time.time()
    assert site.act()["changed"] is False
    started = docker(
        "events", "--since", f"{since:.3f}", "--until", f"{time.time():.3f}", "--filter", "event=start",
        "--format", "{{.Actor.Attributes.name}}",
    ).split()  # fmt: skip
    own = [name for name in started if name.startswith(f"event-log-accounts-{os.getpid()}-")]
    assert len(own) == 1
    assert docker("ps", "--all", "--filter", f"name={own[0]}", "--format", "{{.Names}}") == ""


def test_a_changed_password_is_found_by_logging_in(site: Site, made: list[bool]) -> None:
    site.users["pharmacy"] = NEW
    foretold, done = site.act(check=True), site.act()
    assert foretold["actions"] == done["actions"] == ["give pharmacy its new password"]
    assert done["diff"]["before"]["users"]["pharmacy"]["password"] == "another"
    assert done["diff"]["after"]["users"]["pharmacy"]["password"] == "as wanted"
    assert lets_in(site.broker.login("pharmacy", NEW))
    assert not lets_in(site.broker.login(*PHARMACY))


def test_access_is_withdrawn_with_the_user(site: Site, made: list[bool]) -> None:
    site.act()
    session = AdminClient(site.broker.login("pharmacy", site.users["pharmacy"]))
    assert set(session.list_topics(timeout=20).topics) == {OBS, PERSON}
    done = site.act(without="pharmacy")
    assert set(session.list_topics(timeout=20).topics) == set(), "a connection that is open keeps its rights"
    assert done["actions"][-3:] == [
        "withdraw from pharmacy: READ on group p",
        "withdraw from pharmacy: DESCRIBE, DESCRIBE_CONFIGS, READ on topic hilltop.openmrs.*",
        "remove the user pharmacy",
    ]
    assert not lets_in(site.broker.login(*PHARMACY))
    assert not lets_in(site.broker.login("pharmacy", NEW))
    assert lets_in(site.broker.login(*LAB))


def test_what_is_wrong_is_said_in_words(site: Site, tmp_path: Path) -> None:
    closed = f"127.0.0.1:{secured_broker.free_ports(1)[0]}"
    silent = site.act(admin_bootstrap=closed, timeout=2)
    assert f"The broker does not answer at its admin listener {closed} within 2 s" in silent["msg"]
    assert "has no tool for accounts" in site.act(image=second_image())["msg"]
    assert "is not on this host" in site.act(image="openmrs-event-log:never-built")["msg"]
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    assert "client.properties cannot be used" in site.act(client_dir=str(tmp_path))["msg"]
    settings = tmp_path / "client.properties"
    settings.write_text(secured_broker.CLIENT.replace(SERVICE[1], "former-Pw-4711"), encoding="utf-8")
    said = site.act(client_dir=str(tmp_path))["msg"]
    assert "refuses the service's own login at its admin listener" in said
    assert "former-Pw-4711" not in said


@pytest.mark.full
def test_the_broker_with_zookeeper_takes_the_same() -> None:
    with standing(old=True) as site:
        assert [site.act()["changed"], site.act()["changed"]] == [True, False]
        lab = site.broker.login(*LAB)
        assert consume(lab, OBS, "lab") == b"event"
        assert consume(lab, PERSON, "lab") == KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert not lets_in(site.broker.plain())
        site.users["lab"] = NEW
        done = site.act(without="pharmacy")
        assert done["actions"][0] == "give lab its new password"
        assert done["actions"][-1] == "remove the user pharmacy"
        assert (lets_in(site.broker.login("lab", NEW)), lets_in(lab)) == (True, False)
        assert not lets_in(site.broker.login(*PHARMACY))
