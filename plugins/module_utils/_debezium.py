# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debezium connector's configuration, built from what a site says about its database.

Names and meanings: Debezium 3.6 documentation, "Debezium connector for MySQL" and "… for MariaDB".
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Iterable, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils import _patient_data
from ansible_collections.openmrs.event_log.plugins.module_utils._name_lists import literal
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import (
    NAMESPACE,
    Overrides,
    Scalar,
    merged,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._topic_expected import (
    DURABLE,
    schema_histories,
    worker_topics,
)

CLASSES = {
    "mysql": "io.debezium.connector.mysql.MySqlConnector",
    "mariadb": "io.debezium.connector.mariadb.MariaDbConnector",
}

#: The MariaDB connector has words of its own, and no attempt that falls back: whoever knows that the server offers TLS
#: asks for it (``_connector_source`` does); what only prefers it goes without.
MARIADB_SSL_MODES = {
    "disabled": "disable",
    "preferred": "disable",
    "required": "trust",
    "verify_ca": "verify-ca",
    "verify_identity": "verify-full",
}

#: Reading and writing the schema history are clients of their own, which do not have the worker's settings. How the
#: broker is spoken to stands in a file that every worker of the collection has, so that to switch logins on or off
#: changes no connector; the login itself is the section KafkaClient of the worker's JAAS file.
BROKER_FILE = "/run/event-log/secrets/broker.properties"
HISTORY_CLIENTS = {
    f"schema.history.internal.{client}.{key}": f"${{file:{BROKER_FILE}:{key}}}"
    for client in ("producer", "consumer")
    for key in ("security.protocol", "sasl.mechanism")
}

#: The image's own is Debezium's, but for a start: it takes no more than what lies before the position. Debezium 3.6
#: takes all of it from MySQL without GTIDs, also changes of tables that are still to be read (docs/reliability.md).
KAFKA_HISTORY = "io.debezium.storage.kafka.history.KafkaSchemaHistory"
ORDERED_HISTORY = "org.openmrs.eventlog.OrderedSchemaHistory"

#: Server ids are derived in this range: far from 1, 3, 184054, 223344 and the like, which people write by hand.
SERVER_ID_START, SERVER_ID_COUNT = 1_000_000_000, 1_000_000_000


@dataclass(frozen=True)
class Source:
    """One site's database and what to read of it."""

    site: str
    host: str
    port: int
    database: str
    user: str
    password_file: str
    tables: Sequence[str]
    flavour: str = "mysql"
    topic_prefix: str = "openmrs"
    bootstrap: str = "127.0.0.1:9092"
    server_id: int = 0
    ssl_mode: str = "preferred"
    truststore: str = ""
    heartbeat_ms: int = 10_000
    queue_bytes: int = 32 * 1024 * 1024
    queue_size: int = 2048
    batch_size: int = 512
    max_message_bytes: int = 8 * 1024 * 1024
    retention_bytes: int = -1
    overrides: Overrides = field(default_factory=dict)
    patient_data: str = _patient_data.FULL
    masked_columns: Sequence[str] = field(default_factory=list)
    clear_columns: Sequence[str] = field(default_factory=list)
    signal_table: str = ""
    guarded: bool = False

    @property
    def policy(self) -> _patient_data.Policy:
        return _patient_data.Policy(self.patient_data, self.masked_columns, self.clear_columns)


def server_id(site: str) -> int:
    """Return the replication client's id of a site, unique among sites with overwhelming probability."""
    return SERVER_ID_START + uuid.uuid5(NAMESPACE, f"server-id/{site}").int % SERVER_ID_COUNT


def schema_history_topic(topic_prefix: str) -> str:
    return f"schema-changes.{topic_prefix}"


def connector_config(source: Source) -> dict[str, Scalar]:
    """Return the whole desired configuration, without the connector's name.

    An override of ``None`` removes a key.
    """
    config: dict[str, Scalar] = {
        "connector.class": CLASSES[source.flavour],
        # One task by design: a binlog has one order.
        "tasks.max": 1,
        "database.hostname": source.host,
        "database.port": source.port,
        "database.user": source.user,
        "database.password": f"${{file:{source.password_file}:password}}",
        "database.server.id": source.server_id or server_id(source.site),
        "database.include.list": literal(source.database),
        "table.include.list": ",".join(literal(f"{source.database}.{table}") for table in source.tables),
        "topic.prefix": source.topic_prefix,
        "schema.history.internal": ORDERED_HISTORY,
        # History of the captured tables only: OpenMRS has some 200 others, with hundreds of DDLs in an upgrade.
        "schema.history.internal.store.only.captured.tables.ddl": True,
        "schema.history.internal.kafka.bootstrap.servers": source.bootstrap,
        "schema.history.internal.kafka.topic": schema_history_topic(source.topic_prefix),
        **HISTORY_CLIENTS,
        "include.schema.changes": False,
        "decimal.handling.mode": "double",
        # The stored position moves on although none of the captured tables is written; upstream's default is never.
        "heartbeat.interval.ms": source.heartbeat_ms,
        **_signals(source),
        **_guarded(source),
        # The queue is bounded by memory, not by rows: one row of text may be a thousand times another.
        "max.queue.size.in.bytes": source.queue_bytes,
        "max.queue.size": source.queue_size,
        "max.batch.size": source.batch_size,
        # How long a change may wait for others; upstream's 500 are most of what a consumer waits for. Each look
        # into the queue costs an idle worker some 0.1 % of a core in a second (docs/performance.md).
        "poll.interval.ms": 100,
        # Three headers that say in each event which connector it came from, which its topic says as well.
        "extended.headers.enabled": False,
        # Text that is larger than Kafka's 1 MB default must not stop the stream: request and topic limits go together.
        "producer.override.max.request.size": source.max_message_bytes,
        "producer.override.compression.type": "zstd",
        "producer.override.compression.zstd.level": 1,
        # Each batch is synced to the disk: of larger ones a snapshot makes fewer.
        "producer.override.batch.size": 512 * 1024,
        "producer.override.linger.ms": 10,
        "topic.creation.default.partitions": 1,
        "topic.creation.default.replication.factor": 1,
        "topic.creation.default.cleanup.policy": "delete",
        "topic.creation.default.retention.ms": -1,
        "topic.creation.default.retention.bytes": source.retention_bytes,
        "topic.creation.default.max.message.bytes": source.max_message_bytes,
        # Heartbeats are worth nothing an hour later; with the events' settings they would grow by 1 MB a day for ever.
        "topic.creation.groups": "heartbeat",
        "topic.creation.heartbeat.include": literal(f"__debezium-heartbeat.{source.topic_prefix}"),
        "topic.creation.heartbeat.partitions": 1,
        "topic.creation.heartbeat.replication.factor": 1,
        "topic.creation.heartbeat.cleanup.policy": "delete",
        "topic.creation.heartbeat.retention.ms": 3_600_000,
        "topic.creation.heartbeat.segment.bytes": 1024 * 1024,
    }
    if source.signal_table:
        config["topic.creation.groups"] = "heartbeat,signals"
    if source.flavour == "mysql":
        # caching_sha2_password without TLS; with TLS it is not used. (It seems to work without until the server's
        # cache of passwords is flushed.)
        config["driver.allowPublicKeyRetrieval"] = True
    words = MARIADB_SSL_MODES if source.flavour == "mariadb" else {}
    config["database.ssl.mode"] = words.get(source.ssl_mode, source.ssl_mode)
    if source.truststore:
        # For the queries and the binlog alike. It has no password, so there is none to hand over.
        config["database.ssl.truststore"] = source.truststore
    # Last: a site's own properties do not take away what hides credentials and, by profile, more.
    return merged(
        merged(config, source.overrides), _patient_data.settings(source.policy, source.overrides, source.signal_table)
    )


def _signals(source: Source) -> dict[str, Scalar]:
    """Return what lets a site ask for tables to be read again, by rows that somebody writes into a table."""
    if not source.signal_table:
        return {}
    own = source.signal_table.partition(".")[0]
    return {
        "signal.data.collection": source.signal_table,
        # Without its database here the table's structure is not kept in the schema history, and the first signal after
        # a restart ends the task ("... whose schema isn't known to this connector"): seen with Debezium 3.6.
        "database.include.list": ",".join(literal(name) for name in dict.fromkeys((source.database, own))),
        # What goes through that table is events, too, which nobody wants to keep.
        "topic.creation.signals.include": literal(f"{source.topic_prefix}.{source.signal_table}"),
        "topic.creation.signals.partitions": 1,
        "topic.creation.signals.replication.factor": 1,
        "topic.creation.signals.cleanup.policy": "delete",
        "topic.creation.signals.retention.ms": 3_600_000,
        "topic.creation.signals.segment.bytes": 1024 * 1024,
    }


def _guarded(source: Source) -> dict[str, Scalar]:
    """Return what leaves it to the guard to connect again, which first sees whether it is still the same database.

    Seen with Debezium 3.6, MySQL 8.0 and MariaDB 11.8: with these, a task whose connection was lost reads nothing more,
    whatever answers at the address, until it is restarted. It goes on being RUNNING; its metric Connected says so
    within a second.
    """
    if not source.guarded:
        return {}
    settings: dict[str, Scalar] = {"connect.keep.alive": False, "errors.max.retries": 0}
    if source.heartbeat_ms > 0:
        # The server says that it is there after 80 % of this, also when nobody writes; upstream's default is a minute.
        settings["connect.keep.alive.interval.ms"] = source.heartbeat_ms * 5 // 4
    return settings


def topic_expectations(
    source: Source, connect_topics: Iterable[str] = (), history_topics: Iterable[str] = ()
) -> list[dict[str, object]]:
    """Return what the topics' settings must be, in the form that ``topic_audit`` takes.

    A source without tables has no connector, so that nothing is expected of its topics.
    """
    own = [schema_history_topic(source.topic_prefix)] if source.tables else []
    tables: dict[str, object] = {
        "regex": "|".join(re.escape(f"{source.topic_prefix}.{source.database}.{table}") for table in source.tables),
        "partitions": 1,
        "configs": {"cleanup.policy": "delete", "retention.ms": "-1", **DURABLE},
        # To keep more than the site wants is safe: topics made under another profile stay as they are.
        "at_least": {"retention.bytes": str(source.retention_bytes)},
        "variable": "event_connector_retention_bytes",
    }
    return [
        *worker_topics(connect_topics),
        *schema_histories((*own, *history_topics)),
        *([tables] * bool(source.tables)),
    ]
