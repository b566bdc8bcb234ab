# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that are compared: the first version's, a trap, and those that the collection ships."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Mapping, Sequence

from ansible_collections.openmrs.event_log.plugins.module_utils._debezium import Source, connector_config
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import (
    Overrides,
    Scalar,
    Stack,
    broker_properties,
    text,
    to_properties,
    worker_properties,
)

from tests.faults.load import DATABASE, TABLES

KAFKA_PORT, CONTROLLER_PORT, CONNECT_PORT, DATABASE_PORT = 39092, 39093, 38083, 33306
BOOTSTRAP = f"127.0.0.1:{KAFKA_PORT}"
PREFIX, CONNECTOR = "fault", "fault"
OFFSETS, CONFIGS = "fault-offsets", "fault-configs"
USER, PASSWORD = "capture", "only-for-the-faults-7"
#: For the tests: no waiting that a hospital would not notice either, and no secrets' files.
QUICK: Overrides = {
    "scheduled.rebalance.max.delay.ms": 0,
    "rest.extension.classes": None,
    "config.providers": None,
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500,
}


@dataclass(frozen=True)
class Variant:
    """The collection's settings, and what of them is otherwise; ``None`` is the product's default."""

    name: str
    what: str
    broker: Mapping[str, Scalar | None] = field(default_factory=dict)
    worker: Mapping[str, Scalar | None] = field(default_factory=dict)
    changed: Mapping[str, Scalar | None] = field(default_factory=dict)
    tables: Sequence[str] = TABLES
    #: Options of a program's JVM, in the place of small ones.
    java: Mapping[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, str]:
        stack = Stack(
            kafka_port=KAFKA_PORT, controller_port=CONTROLLER_PORT, connect_port=CONNECT_PORT,
            log_dir="/disk/kafka/log", connect_group="fault", configs_topic=CONFIGS, offsets_topic=OFFSETS,
            status_topic="fault-status",
        )  # fmt: skip
        return {
            "broker.properties": to_properties(broker_properties(stack, self.broker)),
            "worker.properties": to_properties(worker_properties(stack, {**QUICK, **self.worker})),
        }

    def connector(self) -> dict[str, str]:
        source = Source(
            site="faults", host="127.0.0.1", port=DATABASE_PORT, database=DATABASE, user=USER, password_file="none",
            tables=list(self.tables), topic_prefix=PREFIX, bootstrap=BOOTSTRAP,
            # The guard restarts what has failed; the tests have none.
            overrides={
                "database.password": PASSWORD,
                **{
                    f"schema.history.internal.{client}.{key}": None
                    for client in ("producer", "consumer")
                    for key in ("security.protocol", "sasl.mechanism")
                },
                **self.changed,
            },
        )  # fmt: skip
        return {key: text(value) for key, value in connector_config(source).items()}


def retaining(variant: Variant) -> Variant:
    """The same with files of a second, so that each second one is deleted and the worker's topics are compacted."""
    busy: Overrides = {
        "log.roll.ms": 1000,
        "log.retention.check.interval.ms": 500,
        "log.segment.delete.delay.ms": 1000,
        "log.cleaner.backoff.ms": 500,
        "log.cleaner.min.cleanable.ratio": 0.01,
    }
    few: Overrides = {"topic.creation.default.retention.bytes": 200_000}
    return replace(variant, broker={**variant.broker, **busy}, changed={**variant.changed, **few})


#: What the collection sets for durability, taken away again.
_UNSAFE_BROKER: Overrides = {"log.flush.interval.messages": None}
_FIRST_CONNECTOR: Overrides = {
    "producer.override.batch.size": None,
    "producer.override.linger.ms": None,
    "producer.override.compression.type": None,
    "producer.override.compression.zstd.level": None,
    "max.queue.size.in.bytes": None,
    "max.queue.size": None,
    "max.batch.size": None,
    "poll.interval.ms": None,
    "extended.headers.enabled": None,
    "heartbeat.interval.ms": None,
}

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("ours", "what the collection ships"),
        Variant(
            "small",
            "what the collection ships, with Kafka's small batches: what they cost where each is synced",
            changed={"producer.override.batch.size": None, "producer.override.linger.ms": None},
        ),
        Variant(
            "first",
            "the first version: every default of Kafka, Connect and Debezium, an offset a minute",
            broker=_UNSAFE_BROKER,
            worker={"offset.flush.interval.ms": None},
            changed=_FIRST_CONNECTOR,
        ),
        Variant(
            "short",
            "the first version with an offset a second",
            broker=_UNSAFE_BROKER,
            worker={"offset.flush.interval.ms": 1000},
            changed=_FIRST_CONNECTOR,
        ),
    )
}
