# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker with logins and rights, of the tests' own, and clients that log in to it. All on 127.0.0.1.

Listener BROKER takes SCRAM-SHA-512, and PLAIN for the one account PAGE; ADMIN takes PLAIN for SERVICE alone. Its data
are gone with its container. Ports are free ones, so that it runs beside everything else.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.helpers import one_broker
from tests.helpers.workers import docker, wait_for

UID = 1001
SERVICE = ("event-log", "service-Pw-4711-x")
PAGE = ("event-log-kowl", "page-Pw-4711-x")
CLUSTER_ID = "c2VjdXJlZGJyb2tlcnRlcw"
LISTENERS = """
inter.broker.listener.name=ADMIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.broker.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.admin.sasl.enabled.mechanisms=PLAIN
super.users=User:event-log;User:event-log-connect
"""
KRAFT = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{other}
controller.listener.names=CONTROLLER
listeners=BROKER://127.0.0.1:{port},ADMIN://127.0.0.1:{admin},CONTROLLER://127.0.0.1:{other}
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,ADMIN:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.mechanism.controller.protocol=PLAIN
listener.name.controller.sasl.enabled.mechanisms=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
"""
WITH_ZOOKEEPER = """
broker.id=1
zookeeper.connect=127.0.0.1:{other}
listeners=BROKER://127.0.0.1:{port},ADMIN://127.0.0.1:{admin}
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,ADMIN:SASL_PLAINTEXT
authorizer.class.name=kafka.security.authorizer.AclAuthorizer
"""
ZOOKEEPER = """
dataDir=/var/lib/kafka/data/zookeeper
clientPort={other}
clientPortAddress=127.0.0.1
admin.enableServer=false
"""
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SERVICE_SECTION = f'{_PLAIN} username="{SERVICE[0]}" password="{SERVICE[1]}" user_{SERVICE[0]}="{SERVICE[1]}";'
JAAS = f"""
broker.KafkaServer {{
  org.apache.kafka.common.security.scram.ScramLoginModule required;
  {_PLAIN} user_{PAGE[0]}="{PAGE[1]}";
}};
admin.KafkaServer {{ {_SERVICE_SECTION} }};
controller.KafkaServer {{ {_SERVICE_SECTION} }};
"""
CLIENT = (
    "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n"
    f'sasl.jaas.config={_PLAIN} username="{SERVICE[0]}" password="{SERVICE[1]}";\n'
)
_RUN = "exec kafka-class kafka.Kafka /etc/event-log/server.properties"
START_KRAFT = (
    f"kafka-class kafka.tools.StorageTool format --ignore-formatted --cluster-id={CLUSTER_ID}"
    f" --config /etc/event-log/server.properties && {_RUN}"
)
START_ZOOKEEPER = (
    "KAFKA_OPTS= kafka-class org.apache.zookeeper.server.quorum.QuorumPeerMain /etc/event-log/zookeeper.properties &"
    f" {_RUN}"
)


@dataclass(frozen=True)
class SecuredBroker:
    """A running broker, and how to log in."""

    name: str
    port: int
    admin_port: int
    client_dir: Path

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def admin_bootstrap(self) -> str:
        return f"127.0.0.1:{self.admin_port}"

    def login(self, user: str, password: str, mechanism: str = "SCRAM-SHA-512", admin: bool = False) -> dict[str, Any]:
        """Return the settings of a client of librdkafka that logs in."""
        return {
            "bootstrap.servers": self.admin_bootstrap if admin else self.bootstrap,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": password,
            "socket.timeout.ms": 5000,
            "log_level": 0,
        }

    def service(self) -> dict[str, Any]:
        return self.login(*SERVICE, mechanism="PLAIN", admin=True)

    def plain(self, admin: bool = False) -> dict[str, Any]:
        """Return the settings of a client that does not log in."""
        return {"bootstrap.servers": self.admin_bootstrap if admin else self.bootstrap, "log_level": 0}

    def kafka(self, main: str, *words: str, check: bool = True) -> str:
        """Run one of Kafka's own tools in the broker's container, as the service."""
        return docker(
            "exec", "--env", "KAFKA_HEAP_OPTS=", "--env", "KAFKA_OPTS=", self.name, "kafka-class", main,
            "--bootstrap-server", self.admin_bootstrap,
            "--command-config", "/run/event-log/secrets/client.properties", *words, check=check,
        )  # fmt: skip


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def running(
    image: str, name: str, zookeeper: bool = False, *, data: Path | None = None, extra: str = ""
) -> Iterator[SecuredBroker]:
    """Yield a broker that takes logins; ``image`` is the second one of the project where it is with ZooKeeper.

    ``data``: a directory of the host, with which the broker is started again after a failure; else all is in memory.
    """
    port, admin, other = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="secured-broker-") as made:
        root = Path(made)
        root.chmod(0o755)
        broker = SecuredBroker(name, port, admin, root / "admin")
        place = ["--tmpfs", f"/var/lib/kafka/data:uid={UID},gid={UID},size=256m"]
        if data is not None:
            os.chown(data, UID, UID)
            place = ["--volume", f"{data}:/var/lib/kafka/data", "--restart", "on-failure"]
        settings = one_broker.SETTINGS + extra + LISTENERS + (WITH_ZOOKEEPER if zookeeper else KRAFT)
        texts = {
            "etc/server.properties": settings.format(port=port, admin=admin, other=other),
            "etc/zookeeper.properties": ZOOKEEPER.format(other=other),
            "etc/jaas.conf": JAAS,
            "admin/client.properties": CLIENT,
        }
        for path, text in texts.items():
            target = root / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
            os.chown(target, UID, UID)
            target.chmod(0o400)
        docker("rm", "--force", "--volumes", name, check=False)
        docker(
            "run", "--detach", "--name", name, "--network", "host", "--user", f"{UID}:{UID}", "--read-only",
            "--tmpfs", "/tmp:exec,size=64m,mode=1777",
            *place,
            "--volume", f"{root / 'etc'}:/etc/event-log:ro",
            "--volume", f"{broker.client_dir}:/run/event-log/secrets:ro",
            "--env", "KAFKA_HEAP_OPTS=-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            "--env", "KAFKA_OPTS=-Djava.security.auth.login.config=/etc/event-log/jaas.conf",
            image, "bash", "-c", START_ZOOKEEPER if zookeeper else START_KRAFT,
        )  # fmt: skip
        try:
            wait_for("the broker listens", lambda: _serves(broker), 60, name)
            yield broker
        finally:
            docker("rm", "--force", "--volumes", name)


def lets_in(settings: dict[str, Any]) -> bool:
    """Say whether the broker answers such a client; an error of the connection is a no."""
    errors: list[KafkaError] = []
    told: dict[str, Any] = {**settings, "error_cb": errors.append}
    client = AdminClient(told)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with contextlib.suppress(KafkaException):
            return bool(client.list_topics(timeout=0.5).brokers)
        client.poll(0)
        if errors:
            return False
    raise AssertionError("neither an answer nor an error")


def _serves(broker: SecuredBroker) -> bool:
    with socket.create_connection(("127.0.0.1", broker.admin_port), timeout=1):
        pass
    return lets_in(broker.service())
