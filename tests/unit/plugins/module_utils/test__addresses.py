# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would open a listener to other hosts, or undo a login, is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _addresses as subject
from ansible_collections.openmrs.event_log.plugins.module_utils import _stack_config

BROKER, WORKER, ZOOKEEPER = (f"event_stack_{name}_settings" for name in ("broker", "worker", "zookeeper"))


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("event_log_bootstrap", "192.0.2.10:9092", ["'192.0.2.10:9092'", "127.0.0.1:9092", "SSH tunnel"]),
        ("event_log_bootstrap", "0.0.0.0:19092", ["127.0.0.1:19092", "docs/consuming.md"]),
        ("event_log_bootstrap", "kafka.example.org:9092", ["127.0.0.1:9092", "later version"]),
        ("event_log_bootstrap", "127.0.0.1:9092,192.0.2.10:9092", ["127.0.0.1:9092"]),
        ("event_log_bootstrap", "[::]:9092", ["127.0.0.1:9092", "SSH tunnel"]),
        ("event_log_bootstrap", "127.0.0.10:9092", ["127.0.0.1:9092", "SSH tunnel"]),
        ("event_log_bootstrap", "localhost:9092", ["a name may lead elsewhere", "Write 127.0.0.1:9092."]),
        ("event_log_bootstrap", "[::1]:9092", ["a name may lead elsewhere", "Write 127.0.0.1:9092."]),
        ("event_log_bootstrap", "127.0.0.1:0", ["cannot be used", "127.0.0.1:9092"]),
        ("event_log_bootstrap", "127.0.0.1:70000", ["127.0.0.1:9092"]),
        ("event_log_bootstrap", ":9092", ["127.0.0.1:9092"]),
        ("event_log_bootstrap", "9092", ["127.0.0.1:9092"]),
        ("event_log_connect_url", "http://192.0.2.10:8083", ["http://127.0.0.1:8083", "docs/uis.md"]),
        ("event_log_connect_url", "http://0.0.0.0:18083/", ["http://127.0.0.1:18083", "SSH tunnel"]),
        ("event_log_connect_url", "http://localhost:8083", ["Write http://127.0.0.1:8083."]),
        ("event_log_connect_url", "http://127.0.0.1.example.org:8083", ["http://127.0.0.1:8083", "SSH tunnel"]),
        ("event_log_connect_url", "127.0.0.1:8083", ["http://127.0.0.1:8083"]),
        ("event_log_connect_url", "http://127.0.0.1", ["http://127.0.0.1:8083"]),
        ("event_log_connect_url", "http://127.0.0.1:x", ["http://127.0.0.1:8083"]),
        ("event_log_connect_url", "http://127.0.0.1@192.0.2.10:8083", ["http://127.0.0.1:8083", "SSH tunnel"]),
        ("event_log_connect_url", "http://a:b@127.0.0.1:8083", ["//(not shown)@127.0.0.1:8083"]),
    ],
)
def test_another_address_is_refused(variable: str, value: str, words: list[str]) -> None:
    (told,) = subject.problems({variable: value}, logins=True)
    assert told.startswith(f"{variable} is ")
    assert [word for word in words if word not in told] == []
    assert "a:b" not in told


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("event_log_bootstrap", "127.0.0.1:9092"),
        ("event_log_bootstrap", "127.0.0.1:19092"),
        ("event_log_connect_url", "http://127.0.0.1:8083"),
        ("event_log_connect_url", "http://127.0.0.1:18083/"),
        ("event_log_connect_url", "https://127.0.0.1:8443"),
    ],
)
def test_another_port_is_not_refused(variable: str, value: str) -> None:
    assert subject.problems({variable: value}, logins=True) == []


@pytest.mark.parametrize(
    ("variable", "name", "value"),
    [
        (BROKER, "listeners", "BROKER://0.0.0.0:9092"),
        (BROKER, "listeners", None),
        (BROKER, "advertised.listeners", "BROKER://kafka.example.org:9092"),
        (BROKER, "listener.security.protocol.map", "BROKER:PLAINTEXT"),
        (BROKER, "listener.name.broker.ssl.keystore.location", "/x"),
        (BROKER, "controller.listener.names", "X"),
        (BROKER, "controller.quorum.voters", "1@192.0.2.10:9093"),
        (BROKER, "controller.quorum.bootstrap.servers", "192.0.2.10:9093"),
        (BROKER, "inter.broker.listener.name", "BROKER"),
        (BROKER, "security.inter.broker.protocol", "PLAINTEXT"),
        (BROKER, "early.start.listeners", "X"),
        (BROKER, "control.plane.listener.name", "X"),
        (BROKER, "host.name", "192.0.2.10"),
        (BROKER, "zookeeper.connect", "192.0.2.10:2181"),
        (WORKER, "listeners", "http://0.0.0.0:8083"),
        (WORKER, "admin.listeners", "http://:9000"),
        (WORKER, "listeners.https.ssl.client.auth", "none"),
        (WORKER, "rest.advertised.host.name", "192.0.2.10"),
        (WORKER, "rest.host.name", "192.0.2.10"),
        (WORKER, "rest.extension.classes", None),
        (WORKER, "bootstrap.servers", "192.0.2.10:9092"),
        (WORKER, "producer.bootstrap.servers", "192.0.2.10:9092"),
        (WORKER, "config.providers.file.param.allowed.paths", "/"),
        (ZOOKEEPER, "clientPortAddress", None),
        (ZOOKEEPER, "clientPort", 2182),
        (ZOOKEEPER, "secureClientPort", 2281),
        (ZOOKEEPER, "secureClientPortAddress", "192.0.2.10"),
        (ZOOKEEPER, "admin.enableServer", True),
        (ZOOKEEPER, "admin.serverAddress", "192.0.2.10"),
        (ZOOKEEPER, "4lw.commands.whitelist", "*"),
        (ZOOKEEPER, "metricsProvider.httpPort", 7000),
        (ZOOKEEPER, "server.1", "192.0.2.10:2888:3888"),
    ],
)
@pytest.mark.parametrize("logins", [True, False])
def test_a_setting_that_moves_a_listener_is_refused(variable: str, name: str, value: Any, logins: bool) -> None:
    (told,) = subject.problems({variable: {name: value}}, logins)
    assert told.startswith(f"{variable} has {name}: '{value}', which decides who can reach it")
    assert "Remove it; ports are set by event_" in told
    assert "SSH tunnel" in told


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        (BROKER, "authorizer.class.name"),
        (BROKER, "super.users"),
        (BROKER, "allow.everyone.if.no.acl.found"),
        (BROKER, "sasl.enabled.mechanisms"),
        (BROKER, "security.providers"),
        (BROKER, "principal.builder.class"),
        (BROKER, "zookeeper.set.acl"),
        (WORKER, "sasl.jaas.config"),
        (WORKER, "security.protocol"),
        (WORKER, "producer.security.protocol"),
        (WORKER, "consumer.sasl.mechanism"),
        (WORKER, "admin.sasl.jaas.config"),
        (ZOOKEEPER, "authProvider.1"),
        (ZOOKEEPER, "requireClientAuthScheme"),
        (ZOOKEEPER, "enforce.auth.enabled"),
        (ZOOKEEPER, "skipACL"),
    ],
)
def test_a_setting_that_undoes_the_logins_is_refused_where_there_are_logins(variable: str, name: str) -> None:
    (told,) = subject.problems({variable: {name: "zebra"}}, logins=True)
    assert told.startswith(f"{variable} has {name} (its value is not shown)")
    assert "zebra" not in told
    assert "event_log_kafka_users" in told
    assert subject.problems({variable: {name: "zebra"}}, logins=False) == []


def test_a_login_among_the_settings_of_a_listener_is_not_shown() -> None:
    name = "listener.name.broker.plain.sasl.jaas.config"
    (told,) = subject.problems({BROKER: {name: "x password=zebra"}}, logins=False)
    assert name in told
    assert "zebra" not in told


def test_everything_is_told_at_once() -> None:
    told = subject.problems(
        {
            "event_log_bootstrap": "192.0.2.10:9092",
            BROKER: {"listeners": "x", "super.users": "User:me", "num.io.threads": 9},
            WORKER: {"offset.flush.interval.ms": 1, "producer.linger.ms": 5},
            ZOOKEEPER: {"snapCount": 10000, "tickTime": None},
        },
        logins=True,
    )
    assert len(told) == 3


def test_what_the_collection_itself_sets_for_a_listener_is_kept_from_the_site() -> None:
    """A setting with an address in it that is added to the stack is refused as well."""
    stack = _stack_config.Stack()
    zookeeper = _stack_config.Stack(mode=_stack_config.ZOOKEEPER)
    made = {
        BROKER: {**_stack_config.broker_properties(stack, {}), **_stack_config.broker_properties(zookeeper, {})},
        WORKER: _stack_config.worker_properties(stack, {}),
        ZOOKEEPER: _stack_config.zookeeper_properties(stack, {}),
    }
    for variable, settings in made.items():
        bound = {name: value for name, value in settings.items() if subject.LOOPBACK in str(value)}
        assert bound, variable
        assert len(subject.problems({variable: bound}, logins=False)) == len(bound), bound


@pytest.mark.parametrize("mode", [_stack_config.KRAFT, _stack_config.ZOOKEEPER])
def test_what_the_collection_itself_sets_for_logins_is_kept_from_the_site(mode: str) -> None:
    """A setting that is added to the logins is refused as well."""
    makers = {
        BROKER: _stack_config.broker_properties,
        WORKER: _stack_config.worker_properties,
        ZOOKEEPER: _stack_config.zookeeper_properties,
    }
    for variable, made in makers.items():
        without = made(_stack_config.Stack(mode=mode), {})
        having = made(_stack_config.Stack(mode=mode, logins=True), {})
        added = {name: value for name, value in having.items() if without.get(name) != value}
        assert added, variable
        told = subject.problems({variable: added}, logins=True)
        assert [name for name in added if not any(f" has {name}" in one for one in told)] == []
