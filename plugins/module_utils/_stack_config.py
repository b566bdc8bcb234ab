# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of broker, worker and ZooKeeper as data. Only what differs from a default stands here, with its reason.

Names and meanings: Apache Kafka 4.3 documentation, "Broker Configs" and "Kafka Connect Configs"; with ZooKeeper those
of 3.9, and the ZooKeeper 3.8 Administrator's Guide, "Configuration Parameters".
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from typing import Mapping, Union

Scalar = Union[str, int, float, bool]
Settings = Mapping[str, Scalar]
Overrides = Mapping[str, Union[Scalar, None]]

#: How the broker keeps what it knows of the cluster: by itself, or in a ZooKeeper beside it.
KRAFT, ZOOKEEPER = "kraft", "zookeeper"

AUTHORIZERS = {
    KRAFT: "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    ZOOKEEPER: "kafka.security.authorizer.AclAuthorizer",
}

#: The service's own account, and the worker's: both may do everything at the broker.
SERVICE, WORKER = "event-log", "event-log-connect"
SCRAM, PLAIN = "SCRAM-SHA-512", "PLAIN"

#: Every process binds this and nothing else.
LOOPBACK = "127.0.0.1"

#: Root of the ids that belong to sites (an own UUID, so that no other system makes the same ones).
NAMESPACE = uuid.UUID("6f1d7c5e-3a52-5d0e-9f0c-6d8f0a4be7c1")


def cluster_id(site: str) -> str:
    """Return the KRaft cluster id of a site: 22 characters of URL-safe base64, the same at every run."""
    return base64.urlsafe_b64encode(uuid.uuid5(NAMESPACE, site).bytes).decode().rstrip("=")


@dataclass(frozen=True)
class Stack:
    """What the settings depend on. Ports are on loopback; ``log_dir`` is the path inside the broker's container."""

    mode: str = KRAFT
    kafka_port: int = 9092
    controller_port: int = 9093
    zookeeper_port: int = 2181
    connect_port: int = 8083
    admin_port: int = 9094
    #: Whether clients log in.
    logins: bool = False
    log_dir: str = "/var/lib/kafka/data/log"
    connect_group: str = "event-log-connect"
    configs_topic: str = "event-log-connect-configs"
    offsets_topic: str = "event-log-connect-offsets"
    status_topic: str = "event-log-connect-status"
    secrets_dir: str = "/run/event-log/secrets"

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.kafka_port}"

    @property
    def listeners(self) -> dict[str, str]:
        """The broker's listeners: of all clients, and of the service's own account."""
        found = {"BROKER": self.bootstrap}
        if self.mode == KRAFT:
            found["CONTROLLER"] = f"{LOOPBACK}:{self.controller_port}"
        if self.logins:
            found["ADMIN"] = f"{LOOPBACK}:{self.admin_port}"
        return found


def broker_properties(stack: Stack, overrides: Overrides) -> dict[str, Scalar]:
    """Return ``server.properties`` of one broker: a combined KRaft broker and controller, or one with ZooKeeper."""
    settings: dict[str, Scalar] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{stack.controller_port}",
        "controller.listener.names": "CONTROLLER",
        **_listeners(stack),
        # Below the mounted directory, so that lost+found of a disk of its own disturbs nobody.
        "log.dirs": stack.log_dir,
        # One broker: nothing can be replicated.
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Few partitions start fast after a power cut; one site has few consumer groups.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # A consumer whose line was down for a season goes on where it was, and the guard knows what it has not read.
        # Kafka forgets a group after 7 days otherwise.
        "offsets.retention.minutes": 366 * 24 * 60,
        # A topic that nobody planned has no retention that anybody chose.
        "auto.create.topics.enable": False,
        # No tool and no web page deletes a topic by one click.
        "delete.topic.enable": False,
        # What is acknowledged is on the disk, in every topic: one broker has no other copy. So no stored offset and no
        # schema of a table outlives a power cut that its events did not outlive, and a registration is there for good.
        "log.flush.interval.messages": 1,
        # Nothing is forgotten silently; each topic has its own budget in bytes.
        "log.retention.ms": -1,
        # Small files: little to read again after a power cut, and retention by bytes works in small steps.
        "log.segment.bytes": 128 * 1024 * 1024,
        # What is compacted are the worker's topics, some hundred keys. Upstream's 128 MiB are half of a clinic's heap.
        "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
    }
    return merged(_with_zookeeper(stack, settings) if stack.mode == ZOOKEEPER else settings, overrides)


def client_protocol(logins: bool) -> dict[str, str]:
    """Return how a client speaks to the broker; nothing of it is secret."""
    return {"security.protocol": "SASL_PLAINTEXT" if logins else "PLAINTEXT", "sasl.mechanism": SCRAM}


def _listeners(stack: Stack) -> dict[str, Scalar]:
    """Where the broker listens, and who may come in there."""
    advertised = {name: address for name, address in stack.listeners.items() if name != "CONTROLLER"}
    protocol = client_protocol(stack.logins)["security.protocol"]
    settings: dict[str, Scalar] = {
        "listeners": ",".join(f"{name}://{address}" for name, address in stack.listeners.items()),
        "advertised.listeners": ",".join(f"{name}://{address}" for name, address in advertised.items()),
        "inter.broker.listener.name": "ADMIN" if stack.logins else "BROKER",
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name in stack.listeners),
    }
    if not stack.logins:
        return settings
    own = {"sasl.mechanism.inter.broker.protocol": PLAIN}
    if stack.mode == KRAFT:
        own["sasl.mechanism.controller.protocol"] = PLAIN
        own["listener.name.controller.sasl.enabled.mechanisms"] = PLAIN
    return {
        **settings,
        # The passwords stand in a JAAS file that only the broker reads.
        # The second is for Kowl's account alone, which cannot do the first.
        "listener.name.broker.sasl.enabled.mechanisms": f"{SCRAM},{PLAIN}",
        "listener.name.admin.sasl.enabled.mechanisms": PLAIN,
        **own,
        # Who has logged in may do what an ACL says, and nothing else.
        "authorizer.class.name": AUTHORIZERS[stack.mode],
        "super.users": f"User:{SERVICE};User:{WORKER}",
    }


def _with_zookeeper(stack: Stack, settings: Settings) -> dict[str, Scalar]:
    """The same broker as a client of ZooKeeper: no controller of its own, and nothing that 3.9 does not know."""
    alone = ("process.roles", "node.id", "controller.", "share.coordinator.")
    return {
        "broker.id": 1,
        "zookeeper.connect": f"{LOOPBACK}:{stack.zookeeper_port}",
        # Both start at once, and a slow server takes its time.
        "zookeeper.connection.timeout.ms": 60000,
        **{key: value for key, value in settings.items() if not key.startswith(alone)},
    }


def zookeeper_properties(stack: Stack, overrides: Overrides) -> dict[str, Scalar]:
    """Return ``zookeeper.properties`` of one server alone."""
    settings: dict[str, Scalar] = {
        "dataDir": "/var/lib/zookeeper/data",
        "dataLogDir": "/var/lib/zookeeper/txns",
        "clientPort": stack.zookeeper_port,
        "clientPortAddress": LOOPBACK,
        "tickTime": 2000,
        # A web server on all addresses.
        "admin.enableServer": False,
        # Old snapshots and transaction logs stay for ever otherwise.
        "autopurge.snapRetainCount": 3,
        "autopurge.purgeInterval": 24,
    }
    if stack.logins:
        # Who can write here could give itself every right at the broker.
        settings["authProvider.sasl"] = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
        settings["sessionRequireClientSASLAuth"] = True
    return merged(settings, overrides)


def worker_properties(stack: Stack, overrides: Overrides) -> dict[str, Scalar]:
    """Return ``connect-distributed.properties`` of the one worker."""
    settings: dict[str, Scalar] = {
        "bootstrap.servers": stack.bootstrap,
        "group.id": stack.connect_group,
        "config.storage.topic": stack.configs_topic,
        "offset.storage.topic": stack.offsets_topic,
        "status.storage.topic": stack.status_topic,
        "config.storage.replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        # One connector per site: 25 partitions would only be 25 more files to open.
        "offset.storage.partitions": 4,
        "status.storage.partitions": 2,
        # Few events are sent twice after a power cut. That it is safe is the broker's doing: a stored offset never goes
        # to the disk before the events that it stands for.
        "offset.flush.interval.ms": 1000,
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": False,
        "value.converter.schemas.enable": False,
        "listeners": f"http://{LOOPBACK}:{stack.connect_port}",
        "rest.advertised.host.name": LOOPBACK,
        "rest.advertised.port": stack.connect_port,
        # Any process of the host could otherwise register a connector.
        "rest.extension.classes": "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
        "plugin.path": "/opt/kafka/plugins",
        # Every plugin of the image has its service manifest, which the build checks: no scan of all classes at start.
        "plugin.discovery": "service_load",
        # Retention and compression of event topics stand in the connector's configuration.
        "topic.creation.enable": True,
        # Secrets are files; a reference can reach this directory and no other.
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": stack.secrets_dir,
        # A connector may set its own batch, compression and request sizes.
        "connector.client.config.override.policy": "All",
    }
    if stack.logins:
        # Its own clients and those that it makes for connectors; the login itself stands in its JAAS file.
        for client in ("", "producer.", "consumer.", "admin."):
            settings.update({f"{client}{key}": value for key, value in client_protocol(stack.logins).items()})
    return merged(settings, overrides)


def merged(settings: Settings, overrides: Overrides) -> dict[str, Scalar]:
    """Lay a site's settings over the others; ``None`` removes one."""
    return {key: value for key, value in {**settings, **overrides}.items() if value is not None}


def to_properties(settings: Settings) -> str:
    """Render Java properties, one per line in the given order.

    Escapes what ``java.util.Properties`` would read differently: backslashes, line ends, leading white space, and all
    beyond ASCII, for Kafka reads its own files as ISO 8859-1 and secrets as UTF-8.
    """
    return "".join(f"{_escape_key(key)}={_escape_value(text(value))}\n" for key, value in settings.items())


def text(value: Scalar) -> str:
    """Return a scalar the way Java writes it."""
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"{value!r} cannot be the value of a property: give text, a number or a truth value")
    return str(value).lower() if isinstance(value, bool) else str(value)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def _escape(raw: str, also: str = "") -> str:
    return "".join("\\" + c if c in also else _ESCAPES.get(c) or (c if c.isascii() else _utf16(c)) for c in raw)


def _utf16(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _escape_value(value: str) -> str:
    escaped = _escape(value)
    return "\\" + escaped if escaped.startswith(" ") else escaped


def _escape_key(key: str) -> str:
    return _escape(key, "=: #!")
