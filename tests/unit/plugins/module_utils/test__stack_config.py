# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of broker and worker, and the text that Java reads them from."""

from __future__ import annotations

import base64
import re
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_config as subject
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils.java_properties import read

OTHER = subject.Stack(
    kafka_port=19092,
    controller_port=19093,
    connect_port=18083,
    log_dir="/d/log",
    connect_group="debezium-connect",
    configs_topic="my_connect_configs",
    offsets_topic="my_connect_offsets",
    status_topic="my_connect_statuses",
    secrets_dir="/secrets",
)
# The whole of both: Kafka takes a misspelt name without a word, and a change here makes every site's containers anew.
BROKER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=BROKER://127.0.0.1:9092
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=/var/lib/kafka/data/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
offsets.retention.minutes=527040
auto.create.topics.enable=false
delete.topic.enable=false
log.flush.interval.messages=1
log.retention.ms=-1
log.segment.bytes=134217728
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
"""
WORKER = """\
bootstrap.servers=127.0.0.1:9092
group.id=event-log-connect
config.storage.topic=event-log-connect-configs
offset.storage.topic=event-log-connect-offsets
status.storage.topic=event-log-connect-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=4
status.storage.partitions=2
offset.flush.interval.ms=1000
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
listeners=http://127.0.0.1:8083
rest.advertised.host.name=127.0.0.1
rest.advertised.port=8083
rest.extension.classes=org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension
plugin.path=/opt/kafka/plugins
plugin.discovery=service_load
topic.creation.enable=true
config.providers=file
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.file.param.allowed.paths=/run/event-log/secrets
connector.client.config.override.policy=All
"""
# What 3.9 with ZooKeeper has in the place of the first eight lines.
WITH_ZOOKEEPER = """\
broker.id=1
zookeeper.connect=127.0.0.1:2181
zookeeper.connection.timeout.ms=60000
listeners=BROKER://127.0.0.1:9092
advertised.listeners=BROKER://127.0.0.1:9092
inter.broker.listener.name=BROKER
listener.security.protocol.map=BROKER:PLAINTEXT
"""
ZOOKEEPER = """\
dataDir=/var/lib/zookeeper/data
dataLogDir=/var/lib/zookeeper/txns
clientPort=2181
clientPortAddress=127.0.0.1
tickTime=2000
admin.enableServer=false
autopurge.snapRetainCount=3
autopurge.purgeInterval=24
"""
# What a broker with logins has in the place of the same lines, and after them.
LOGINS = """\
listeners=BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093,ADMIN://127.0.0.1:9094
advertised.listeners=BROKER://127.0.0.1:9092,ADMIN://127.0.0.1:9094
inter.broker.listener.name=ADMIN
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,ADMIN:SASL_PLAINTEXT
listener.name.broker.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.admin.sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:event-log;User:event-log-connect
"""
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def written(settings: Dict[str, Any]) -> Dict[str, str]:
    """What Java has after it read the text: Kafka's own files are decoded as ISO 8859-1."""
    return read(subject.to_properties(settings).encode().decode("latin-1"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a=b\nc = d\ne:f\ng h\n", {"a": "b", "c": "d", "e": "f", "g": "h"}),
        ("# a=b\n ! c=d\n\n  e=f  \n", {"e": "f  "}),
        ("a=b\\\n   c\\\\\nd=e", {"a": "bc\\", "d": "e"}),
        ("\\ a\\=\\:=\\ b\\u00e9\\n", {" a=:": " bé\n"}),
        ("a\\\\=b\nk==v", {"a\\": "b", "k": "=v"}),
        ("k=\\ud83d\\ude00", {"k": "😀"}),
    ],
)
def test_the_reader_reads_as_java_does(text: str, wanted: Dict[str, str]) -> None:
    assert read(text) == wanted


@given(st.dictionaries(TEXT, TEXT))
def test_java_reads_what_was_meant(settings: Dict[str, str]) -> None:
    assert written(settings) == settings


@pytest.mark.parametrize(
    "word",
    ["", " ", "  two", "end ", "\ttab", "\fform", "a\nb", "a\r\nb", "\\", "C:\\new", "a=b", "#a", "!a", "\\u0041",
     "é", "ÿ€", "😀", "\x00\x1c\x7f", "\x85\u2028", "${file:/x:password}", "'\"$#!"],
)  # fmt: skip
def test_awkward_words_as_value_and_as_key(word: str) -> None:
    assert written({"key": word, word: "value", "last": "1"}) == {"key": word, word: "value", "last": "1"}


def test_ordinary_settings_are_ordinary_lines_in_their_order() -> None:
    settings: Dict[str, Any] = {"b.c": "x:y=z #1", "a": True, "d": False, "e": -1, "f": 0.5}
    assert subject.to_properties(settings) == "b.c=x:y=z #1\na=true\nd=false\ne=-1\nf=0.5\n"


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, b"x"])
def test_what_is_no_scalar_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be the value of a property"):
        subject.to_properties({"a": value})


def test_cluster_ids_stay_what_they_are_for_ever() -> None:
    # Another id for a site that runs would be refused as another cluster's data.
    assert subject.cluster_id("demo") == "rKr2_Cb2XVCzOfRDoWvyaA"
    assert subject.cluster_id("kisumu-county") == "ZkGhHH-8Xsioj29LvMCKtg"


@given(TEXT)
def test_a_cluster_id_is_16_bytes_in_22_url_safe_characters(site: str) -> None:
    made = subject.cluster_id(site)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", made)
    assert len(base64.urlsafe_b64decode(made + "==")) == 16
    assert made != subject.cluster_id(site + "x")


def test_the_whole_settings_of_a_site_that_changes_nothing() -> None:
    assert subject.to_properties(subject.broker_properties(subject.Stack(), {})) == BROKER
    assert subject.to_properties(subject.worker_properties(subject.Stack(), {})) == WORKER


def test_the_whole_settings_of_a_site_with_zookeeper() -> None:
    stack = subject.Stack(mode="zookeeper")
    others = "".join(line for line in BROKER.splitlines(True)[8:] if not line.startswith("share."))
    assert subject.to_properties(subject.broker_properties(stack, {})) == WITH_ZOOKEEPER + others
    assert subject.to_properties(subject.zookeeper_properties(stack, {})) == ZOOKEEPER
    assert subject.to_properties(subject.worker_properties(stack, {})) == WORKER


def test_zookeeper_is_where_the_broker_looks_for_it() -> None:
    stack = subject.Stack(mode="zookeeper", zookeeper_port=12181)
    settings = subject.zookeeper_properties(stack, {"snapCount": 10, "tickTime": None})
    address = f"{settings['clientPortAddress']}:{settings['clientPort']}"
    assert subject.broker_properties(stack, {})["zookeeper.connect"] == address == "127.0.0.1:12181"
    assert settings["snapCount"] == 10
    assert "tickTime" not in settings


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("listeners", "BROKER://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093"),
        ("advertised.listeners", "BROKER://127.0.0.1:19092"),
        ("controller.quorum.voters", "1@127.0.0.1:19093"),
        ("log.dirs", "/d/log"),
    ],
)
def test_where_the_stack_stands_in_the_brokers_settings(key: str, value: Any) -> None:
    assert subject.broker_properties(OTHER, {})[key] == value


def test_the_listeners_have_the_names_that_the_other_settings_call_them() -> None:
    settings = {key: str(value) for key, value in subject.broker_properties(subject.Stack(), {}).items()}
    names = [listener.split("://")[0] for listener in settings["listeners"].split(",")]
    assert names == [settings["inter.broker.listener.name"], settings["controller.listener.names"]]
    assert settings["listener.security.protocol.map"] == ",".join(f"{name}:PLAINTEXT" for name in names)
    assert settings["controller.quorum.voters"].startswith(f"{settings['node.id']}@")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bootstrap.servers", "127.0.0.1:19092"),
        ("listeners", "http://127.0.0.1:18083"),
        ("rest.advertised.port", 18083),
        ("group.id", "debezium-connect"),
        ("config.storage.topic", "my_connect_configs"),
        ("offset.storage.topic", "my_connect_offsets"),
        ("status.storage.topic", "my_connect_statuses"),
        ("config.providers.file.param.allowed.paths", "/secrets"),
    ],
)
def test_where_the_stack_stands_in_the_workers_settings(key: str, value: Any) -> None:
    assert subject.worker_properties(OTHER, {})[key] == value


def test_the_worker_asks_for_a_login_and_its_provider_reads_files() -> None:
    settings = subject.worker_properties(subject.Stack(), {})
    assert str(settings["rest.extension.classes"]).endswith(".BasicAuthSecurityRestExtension")
    provider = settings["config.providers"]
    assert str(settings[f"config.providers.{provider}.class"]).endswith(".FileConfigProvider")


@pytest.mark.parametrize("make", [subject.broker_properties, subject.worker_properties])
def test_every_address_is_on_loopback(make: Any) -> None:
    text = subject.to_properties(make(subject.Stack(), {}))
    addresses = re.findall(r"//([^:,\n]*):|@([^:]*):|(?:servers|host\.name)=([^:\n]*)", text)
    found = {address for group in addresses for address in group if address}
    assert found == {"127.0.0.1"}


@pytest.mark.parametrize("make", [subject.broker_properties, subject.worker_properties])
def test_a_site_lays_its_settings_over_the_others(make: Any) -> None:
    before = make(subject.Stack(), {})
    after = make(subject.Stack(), {"listeners": "other", "new.one": 7})
    assert after == {**before, "listeners": "other", "new.one": 7}
    assert "listeners" not in make(subject.Stack(), {"listeners": None, "never.there": None})
    assert make(subject.Stack(), {}) == before


def lines(settings: Dict[str, Any]) -> set[str]:
    return set(subject.to_properties(settings).splitlines())


def test_a_broker_with_logins() -> None:
    found = subject.broker_properties(subject.Stack(logins=True), {})
    listeners = BROKER.splitlines()[4:8]
    assert lines(found) == set(BROKER.splitlines()) - set(listeners) | set(LOGINS.splitlines())


def test_a_broker_with_logins_and_zookeeper_has_no_controller() -> None:
    found = subject.broker_properties(subject.Stack(mode="zookeeper", logins=True), {})
    assert not [key for key, value in found.items() if "controller" in f"{key}={value}".lower()]
    assert found["authorizer.class.name"] == "kafka.security.authorizer.AclAuthorizer"
    assert found["listeners"] == "BROKER://127.0.0.1:9092,ADMIN://127.0.0.1:9094"


def test_every_client_of_the_worker_logs_in() -> None:
    more = lines(subject.worker_properties(subject.Stack(logins=True), {})) - set(WORKER.splitlines())
    wanted = ("security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-512")
    assert more == {f"{client}{word}" for client in ("", "producer.", "consumer.", "admin.") for word in wanted}


def test_zookeeper_lets_in_who_logs_in() -> None:
    more = lines(subject.zookeeper_properties(subject.Stack(logins=True), {})) - set(ZOOKEEPER.splitlines())
    assert more == {
        "authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
        "sessionRequireClientSASLAuth=true",
    }
