# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the topics of a broker with what they must be; pure.

The broker's side is the text of ``org.apache.kafka.tools.TopicCommand --describe`` (Kafka 4.3): a line per topic with
tab-separated ``Name: value`` fields, then indented lines per partition. ``Configs`` names what differs from Kafka's
built-in defaults, as ``a=b,c=d``, where a value may itself hold commas (``cleanup.policy=compact,delete``).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

LONG_MAX = "9223372036854775807"

#: What a setting is when ``Configs`` does not name it (Kafka 4.3, topic-level configuration reference).
DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "delete.retention.ms": "86400000",
    "flush.messages": LONG_MAX,
    "flush.ms": LONG_MAX,
    "max.compaction.lag.ms": LONG_MAX,
    "max.message.bytes": "1048588",
    "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.5",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "1",
    "preallocate": "false",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "1073741824",
    "segment.ms": "604800000",
    "unclean.leader.election.enable": "false",
}

_NEXT_CONFIG = re.compile(r",(?=[a-z][a-z.]*=)")
_EXPECTATION_KEYS = {"topic", "regex", "partitions", "configs", "at_least", "required", "purpose", "variable"}


class ExpectationError(ValueError):
    """An expectation that makes no sense; the message names it."""


@dataclass(frozen=True)
class Topic:
    """A topic as the broker describes it."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True)
class Expectation:
    """What the topics of one name, or of all names that a pattern matches from end to end, must be."""

    topic: Optional[str] = None
    regex: Optional[str] = None
    partitions: Optional[int] = None
    configs: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, str] = field(default_factory=dict)
    required: bool = False
    purpose: str = ""
    variable: str = ""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a topic, and what repairs it."""

    topic: str
    what: str
    repair: str
    setting: str = ""  # where it is one: its name, what it is and what it must be, and what sets it back
    actual: str = ""
    wanted: str = ""
    command: str = ""

    def __str__(self) -> str:
        return f"{self.topic}: {self.what}. {self.repair}"


@dataclass(frozen=True)
class Broker:
    """How its tools are started, for the commands that are advised."""

    image: str = "IMAGE"
    bootstrap: str = "127.0.0.1:9092"
    client_dir: str = ""  # of the host, with the client.properties of an account that may change topics

    def command(self, main: str, *arguments: str) -> str:
        parts = ["docker", "run", "--rm", "--network", "host", "--read-only", "--tmpfs", "/tmp:exec,size=64m"]
        if self.client_dir:
            parts += ["--volume", f"{self.client_dir}:/run/event-log/secrets:ro"]
        parts += [self.image, "kafka-class", main, "--bootstrap-server", self.bootstrap]
        if self.client_dir:
            parts += ["--command-config", "/run/event-log/secrets/client.properties"]
        parts += arguments
        return "sudo " + " ".join(shlex.quote(part) for part in parts)


def as_text(value: Any) -> str:
    """A configuration value the way Kafka writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


def parse_configs(text: str) -> Dict[str, str]:
    """``a=b,c=d,e`` as ``{a: "b", c: "d,e"}``."""
    pairs = (part.partition("=") for part in _NEXT_CONFIG.split(text.strip()) if part)
    return {key: value for key, _, value in pairs}


def parse_description(text: str) -> List[Topic]:
    """Topics of the text; lines per partition and the tool's remarks are passed over."""
    topics = []
    for line in text.splitlines():
        if not line.startswith("Topic:"):
            continue
        fields = {name.strip(): value.strip() for name, _, value in (part.partition(":") for part in line.split("\t"))}
        if "PartitionCount" not in fields:
            continue
        topics.append(
            Topic(
                name=fields["Topic"],
                partitions=int(fields["PartitionCount"]),
                replication=int(fields.get("ReplicationFactor") or 0),
                configs=parse_configs(fields.get("Configs", "")),
            )
        )
    return topics


def parse_expectation(given: Mapping[str, Any]) -> Expectation:
    """Check one expectation as written in YAML."""
    unknown = sorted(set(given) - _EXPECTATION_KEYS)
    if unknown:
        raise ExpectationError(f"unknown keys {unknown} in the expectation {dict(given)!r}")
    if ("topic" in given) == ("regex" in given):
        raise ExpectationError(f"exactly one of topic and regex must be given: {dict(given)!r}")
    if "regex" in given:
        try:
            re.compile(str(given["regex"]))
        except re.error as error:
            raise ExpectationError(f"regex {given['regex']!r}: {error}") from None
    return Expectation(
        topic=str(given["topic"]) if "topic" in given else None,
        regex=str(given["regex"]) if "regex" in given else None,
        partitions=int(given["partitions"]) if given.get("partitions") is not None else None,
        configs={str(key): as_text(value) for key, value in (given.get("configs") or {}).items()},
        at_least={str(key): as_text(value) for key, value in (given.get("at_least") or {}).items()},
        # Topics of a pattern come into being with their first event; one that is named must be there.
        required=bool(given.get("required", "topic" in given)),
        purpose=str(given.get("purpose") or ""),
        variable=str(given.get("variable") or ""),
    )


def _comparable(key: str, value: str) -> Any:
    if key == "cleanup.policy":
        return frozenset(part.strip() for part in value.split(",") if part.strip())
    if key == "retention.ms" and value == LONG_MAX:  # Debezium writes it where it means "for ever"
        return -1
    try:
        return int(value)
    except ValueError:
        return value


def same(key: str, one: str, other: str) -> bool:
    """Whether two values of a setting mean the same."""
    return bool(_comparable(key, one) == _comparable(key, other))


def enough(actual: str, wanted: str) -> bool:
    """Whether a limit is not below another; a negative one is no limit at all."""
    limits = [float("inf") if int(value) < 0 else float(int(value)) for value in (actual, wanted)]
    return limits[0] >= limits[1]


def _config_problem(
    topic: Topic, key: str, wanted: str, expectation: Expectation, broker: Broker, *, at_least: bool = False
) -> Optional[Problem]:
    actual = topic.configs.get(key, DEFAULTS.get(key))
    if actual is not None and (same(key, actual, wanted) or (at_least and enough(actual, wanted))):
        return None
    shown = "not set" if actual is None else actual
    origin = "" if key in topic.configs or actual is None else " (Kafka's default)"
    purpose = f" ({expectation.purpose})" if expectation.purpose else ""
    must = f"at least {wanted}" if at_least and not wanted.startswith("-") else wanted
    value = f"[{wanted}]" if "," in wanted else wanted
    command = broker.command(
        "kafka.admin.ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name", topic.name,
        "--add-config", f"{key}={value}",
    )  # fmt: skip
    instead = f" If {shown} is what this site wants, set {expectation.variable}." if expectation.variable else ""
    what = f"{key} is {shown}{origin}, it must be {must}{purpose}"
    return Problem(topic.name, what, f"Repair: {command}{instead}", key, shown, must, command)


def _partitions_problem(topic: Topic, expectation: Expectation, broker: Broker) -> Optional[Problem]:
    wanted = expectation.partitions
    if wanted is None or topic.partitions == wanted:
        return None
    purpose = f" ({expectation.purpose})" if expectation.purpose else ""
    what = f"it has {topic.partitions} partition{'s' * (topic.partitions != 1)}, it must have {wanted}{purpose}"
    if topic.partitions < wanted:
        command = broker.command(
            "org.apache.kafka.tools.TopicCommand", "--alter", "--topic", topic.name, "--partitions", str(wanted)
        )
        return Problem(topic.name, what, f"Repair: {command}")
    instead = f", or set {expectation.variable}" if expectation.variable else ""
    return Problem(
        topic.name, what, f"Kafka cannot take partitions away: use a topic of another name, made anew{instead}."
    )


def _missing(name: str, expectation: Expectation) -> Problem:
    purpose = f" ({expectation.purpose})" if expectation.purpose else ""
    return Problem(
        name,
        f"no such topic{purpose}",
        "It is made when the worker and the connector start: run the playbook site.yml again, and if it stays away "
        "look at the worker's log (sudo docker logs event-log-connect).",
    )


def audit(text: str, expectations: Sequence[Mapping[str, Any]], broker: Optional[Broker] = None) -> List[Problem]:
    """Every problem at once, in the order of the expectations; each topic is judged by all that name it."""
    chosen = broker or Broker()
    topics = {topic.name: topic for topic in parse_description(text)}
    if not topics:
        said = text.strip()[:300] or "nothing"
        return [Problem("all topics", f"the broker described none; its tool said: {said}", "See whether Kafka runs.")]
    problems: List[Problem] = []
    for expectation in [parse_expectation(given) for given in expectations]:
        names: Tuple[str, ...]
        if expectation.topic is not None:
            names = (expectation.topic,) if expectation.topic in topics else ()
        else:
            names = tuple(name for name in sorted(topics) if re.fullmatch(expectation.regex or "", name))
        if not names and expectation.required:
            problems.append(_missing(expectation.topic or f"topics like {expectation.regex}", expectation))
        for name in names:
            found = [_partitions_problem(topics[name], expectation, chosen)]
            found += [
                _config_problem(topics[name], key, wanted, expectation, chosen)
                for key, wanted in expectation.configs.items()
            ]
            found += [
                _config_problem(topics[name], key, wanted, expectation, chosen, at_least=True)
                for key, wanted in expectation.at_least.items()
            ]
            problems += [problem for problem in found if problem is not None]
    return problems
