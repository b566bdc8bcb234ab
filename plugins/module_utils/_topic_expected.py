# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What topics must be so that no event, no table's schema and no position is lost; pure, for ``_topic_audit``.

Playbooks go by a site's variables, the guard by what each connector's own configuration says.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Mapping, Optional

Expected = Dict[str, Any]

#: What the broker's settings say of every topic, unless somebody set it otherwise for one. If more copies must be in
#: sync than there are brokers, nothing is taken any more, and the worker tries for ever and goes on saying RUNNING.
DURABLE = {"flush.messages": "1", "min.insync.replicas": "1"}

#: Of Debezium 3, and of 1.
_PREFIX = ("topic.prefix", "database.server.name")
_HISTORY = ("schema.history.internal.kafka.topic", "database.history.kafka.topic")
_DEFAULT = "topic.creation.default."


def worker_topics(names: Iterable[str]) -> List[Expected]:
    """Of the worker's configurations, positions and states: the newest of each is never deleted."""
    return [{"topic": name, "configs": {"cleanup.policy": "compact", **DURABLE}} for name in names]


def schema_histories(names: Iterable[str]) -> List[Expected]:
    """Everything stays, for every change of a table since the beginning is needed at each start."""
    kept = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    return [{"topic": name, "partitions": 1, "configs": {**kept, **DURABLE}} for name in names]


def of_connector(config: Mapping[str, str]) -> List[Expected]:
    """What the topics of a running connector must be at least: they were made by its own ``topic.creation`` settings.

    A limit in bytes is not compared: topics keep the one that they were made with when a site's profile changes.
    """
    prefix = _first(config, _PREFIX)
    if not prefix:
        return []
    history = _first(config, _HISTORY)
    policy, kept = config.get(f"{_DEFAULT}cleanup.policy"), config.get(f"{_DEFAULT}retention.ms")
    unlimited = config.get(f"{_DEFAULT}retention.bytes") == "-1"
    tables: Expected = {
        "regex": _but_for_groups(config) + re.escape(prefix) + r"\..+",
        "configs": {**({"cleanup.policy": policy} if policy else {}), **DURABLE},
        "at_least": {
            **({"retention.ms": kept} if kept else {}),
            **({"retention.bytes": "-1"} if unlimited else {}),
        },
    }
    return [*schema_histories([history] if history else []), tables]


def _but_for_groups(config: Mapping[str, str]) -> str:
    """Topics that a group of ``topic.creation.groups`` names have settings of their own, such as signals."""
    included: List[str] = []
    for group in config.get("topic.creation.groups", "").split(","):
        for one in config.get(f"topic.creation.{group.strip()}.include", "").split(","):
            try:
                re.compile(one)
            except re.error:  # Java's expressions have a few words that Python's lack
                continue
            included += [f"(?:{one})"] if one.strip() else []
    return f"(?!(?:{'|'.join(included)})$)" if included else ""


def _first(config: Mapping[str, str], names: Iterable[str]) -> Optional[str]:
    return next((config[name] for name in names if config.get(name)), None)
