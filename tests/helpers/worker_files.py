# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that the containers of the rig read: the settings that the collection ships, with the rig's ports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from ansible_collections.openmrs.event_log.plugins.module_utils._log_pattern import log_patterns
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import (
    Scalar,
    Stack,
    broker_properties,
    to_properties,
    worker_properties,
)
from jinja2 import Template

from tests.helpers.records import ROOT

KAFKA_PORT, CONTROLLER_PORT = 29092, 29093
SECRETS = "/run/event-log/secrets"
LOGIN = ("rig", "rig-password")
#: How the rig's broker is spoken to: what the connectors' schema history and Kafka's tools read. It has no logins.
BROKER_LOGIN = "security.protocol=PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
CLUSTER_ID = "eventlogrigeventlogriA"
#: What a developer waits for in a hospital, and a test does not.
QUICK: Mapping[str, Scalar] = {
    "scheduled.rebalance.max.delay.ms": 0,
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500,
    "offset.flush.interval.ms": 1000,
    "connector.client.config.override.policy": "All",
}
LOG4J1 = """\
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %p %m (%c)%n
log4j.logger.org.apache.kafka.common.config.AbstractConfig=WARN
log4j.logger.org.reflections=ERROR
"""


@dataclass(frozen=True)
class Member:
    """One worker as the rig starts it."""

    name: str
    port: int
    line: str  # release line of Connect: 4.3 or 3.9
    login: bool
    group: str

    @property
    def old(self) -> bool:
        return self.line == "3.9"


WORKER_A = Member("eventlog-rig-a", 28083, "4.3", True, "rig-4.3")
WORKER_B = Member("eventlog-rig-b", 28084, "4.3", True, "rig-4.3")
WORKER_OLD = Member("eventlog-rig-old", 28085, "3.9", False, "rig-3.9")
#: Started only where a test asks for them, for itself.
WORKER_OPEN = Member("eventlog-rig-open", 28086, "4.3", False, "rig-open")
WORKER_OLD_LOGIN = Member("eventlog-rig-old-login", 28087, "3.9", True, "rig-old-login")
MEMBERS = (WORKER_A, WORKER_B, WORKER_OLD)


def broker_files() -> dict[str, str]:
    stack = Stack(kafka_port=KAFKA_PORT, controller_port=CONTROLLER_PORT)
    settings = broker_properties(
        stack,
        {"log.segment.bytes": 1024 * 1024, "offsets.topic.num.partitions": 1, "delete.topic.enable": True},
    )
    return {"server.properties": to_properties(settings), "log4j2.properties": _log4j2()}


def worker_files(member: Member) -> dict[str, str]:
    """Settings of a worker that listens on its own port; Connect 3.9 knows them too."""
    stack = Stack(
        kafka_port=KAFKA_PORT,
        connect_port=member.port,
        connect_group=member.group,
        configs_topic=f"{member.group}-configs",
        offsets_topic=f"{member.group}-offsets",
        status_topic=f"{member.group}-status",
        secrets_dir=SECRETS,
    )
    changes: dict[str, Scalar | None] = {**QUICK, "offset.storage.partitions": 1, "status.storage.partitions": 1}
    if member.old:
        changes["plugin.path"] = None
    if not member.login:
        changes["rest.extension.classes"] = None
    jaas = (
        "KafkaConnect {\n  org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required\n"
        f'  file="{SECRETS}/rest-login.properties";\n}};\n'
    )
    return {
        "connect-distributed.properties": to_properties(worker_properties(stack, changes)),
        "connect-jaas.conf": jaas,
        "log4j2.properties": _log4j2(),
        "log4j.properties": LOG4J1,
    }


def _log4j2() -> str:
    template = ROOT / "roles" / "event_stack" / "templates" / "log4j2.properties.j2"
    return Template(template.read_text(encoding="utf-8")).render(__event_stack_log_patterns=log_patterns(False))


def write(directory: Path, files: Mapping[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
        (directory / name).chmod(0o644)
