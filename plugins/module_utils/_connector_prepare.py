# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From connectors' files to what is registered: translated, with what the site adds, and without secrets. Pure.

What a file says always stays. Added is what the connector needs here to run and to lose nothing; what shapes events
(which tables, which types, which topics) is the file's alone.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils import (
    _debezium,
    _debezium1,
    _patient_check,
    _patient_data,
)
from ansible_collections.openmrs.event_log.plugins.module_utils._connector_file import VARIABLE, Definition, parse
from ansible_collections.openmrs.event_log.plugins.module_utils._debezium1 import HISTORY
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import text

SECRETS_DIR = "/run/event-log/secrets"
PREFIX, SERVER_ID = "topic.prefix", "database.server.id"
IN_KAFKA = (_debezium.ORDERED_HISTORY, _debezium.KAFKA_HISTORY)
HISTORY_TOPIC, HISTORY_SERVERS = f"{HISTORY}.kafka.topic", f"{HISTORY}.kafka.bootstrap.servers"
PASSWORD = "database.password"  # noqa: S105 - the name of a property
CREATION, HEARTBEAT = "topic.creation.default.", "topic.creation.heartbeat."
#: Added wherever the file does not have them.
ALWAYS = {
    SERVER_ID,
    "heartbeat.interval.ms",
    "max.queue.size.in.bytes",
    "poll.interval.ms",
    "producer.override.max.request.size",
    # The broker syncs each batch.
    "producer.override.batch.size",
    "producer.override.linger.ms",
}


@dataclass(frozen=True)
class Prepared:
    """A connector as it is registered, once its secrets have a file. ``secrets`` are values by property of the file."""

    name: str
    where: str
    config: Mapping[str, str]
    stem: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    changes: Tuple[str, ...] = ()
    added: Tuple[str, ...] = ()
    warnings: Tuple[str, ...] = ()
    debezium: bool = False


@dataclass(frozen=True)
class Outcome:
    """All connectors of the files, or everything that is wrong with them."""

    connectors: Tuple[Prepared, ...] = ()
    problems: Tuple[str, ...] = ()

    @property
    def history_topics(self) -> List[str]:
        return [one.config[HISTORY_TOPIC] for one in self.connectors if HISTORY_TOPIC in one.config]


def registered(config: Mapping[str, str], references: Mapping[str, str], filename: str) -> Dict[str, str]:
    """Return the configuration with references to the file of the secrets, by their names in it."""
    path = f"{SECRETS_DIR}/{filename}"
    return {**config, **{key: f"${{file:{path}:{name}}}" for key, name in references.items()}}


def prepare_all(files: Iterable[Mapping[str, str]], source: _debezium.Source, own: str) -> Outcome:
    """Prepare the files, each with ``path``, ``text`` and ``problem``; ``own`` is the variables' connector, or ""."""
    connectors: List[Prepared] = []
    problems: List[str] = []
    for file in files:
        if file["problem"]:
            problems.append(f"{VARIABLE}: {file['path']} {file['problem']}")
            continue
        try:
            connectors.append(prepare(parse(file["path"], file["text"]), source))
        except InputError as error:
            problems.append(str(error))
    if not (own or connectors or problems):
        problems.append(
            f"event_connector_from_variables is false and {VARIABLE} is empty, so that no connector is left. List a"
            " file, or remove event_connector_from_variables."
        )
    return Outcome(tuple(connectors), (*problems, *_clashes(connectors, source, own)))


def prepare(definition: Definition, source: _debezium.Source) -> Prepared:
    """Translate, add and detach; what keeps the file from being used is told all at once."""
    translated = _debezium1.translate(definition.config)
    config: Dict[str, str] = dict(translated.config)
    kind = _debezium1.flavour(config["connector.class"])
    problems = list(translated.problems)
    if kind and not config.get(PREFIX, "").strip():
        problems.append(f"it has no {PREFIX}, the first part of its topics' names. Add it.")
    problems += _patient_check.file_problems(config, source.database) if kind else []
    if problems:
        raise InputError("\n".join(f"{definition.where}: {problem}" for problem in problems))
    added = _additions(config, kind, definition.name, source) if kind else {}
    if kind and _patient_data.INCLUDE not in config:
        listed = config.get(_patient_data.EXCLUDE, "")
        added[_patient_data.EXCLUDE] = _patient_data.appended(listed, _patient_data.credentials())
    config.update(added)
    secrets = {key: value for key, value in config.items() if _is_detached(key, value)}
    # The site's own password goes by this name too, and it is the one that people look for.
    names = {key: "password" if key == PASSWORD else key for key in secrets}
    return Prepared(
        name=definition.name,
        where=f"{definition.path}, connector {definition.name}",
        config={key: value for key, value in config.items() if key not in secrets},
        stem=_stem(definition.name),
        secrets={names[key]: value for key, value in secrets.items()},
        references=names,
        changes=translated.changes,
        added=tuple(f"{key}={value}" for key, value in added.items()),
        warnings=tuple(_warnings(config, source)) if kind else (),
        debezium=bool(kind),
    )


def _is_detached(key: str, value: str) -> bool:
    """Whether the value must not stand in Connect's own topic. A part of it cannot be taken out: references stay."""
    secrets = Secrets()
    return secrets.key_is_secret(key) and secrets.holds_secret(key, value) and "${" not in value


def _stem(name: str) -> str:
    """Return the first part of the name of the file of the secrets, unlike that of every other connector."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60]
    same = "" if plain == name else f"-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return f"connector-{plain}{same}"


def _additions(config: Mapping[str, str], kind: str, name: str, source: _debezium.Source) -> Dict[str, str]:
    """Return what the site's own connector has and this one lacks, as far as it is not the file's business."""
    site = _debezium.connector_config(
        replace(
            source,
            flavour=kind,
            topic_prefix=config[PREFIX],
            server_id=_debezium.server_id(f"{source.site}/{name}"),
            overrides={},
        )
    )
    beats = config.get("topic.heartbeat.prefix", "__debezium-heartbeat")
    site[f"{HEARTBEAT}include"] = _debezium.literal(f"{beats}.{config[PREFIX]}")
    wanted = ALWAYS | {key for key in site if key.startswith(CREATION)} | _address_and_login(config, source)
    if config.get(HISTORY, _debezium.ORDERED_HISTORY) in IN_KAFKA:
        wanted |= {HISTORY, HISTORY_SERVERS, HISTORY_TOPIC}
        if _is_own_broker(config, source):
            wanted |= set(_debezium.HISTORY_CLIENTS)
    if not {"max.queue.size", "max.batch.size"} & set(config):
        wanted |= {"max.queue.size", "max.batch.size"}  # one must be larger than the other
    if f"{CREATION}compression.type" not in config:
        wanted |= {"producer.override.compression.type", "producer.override.compression.zstd.level"}
    if "topic.creation.groups" not in config:
        wanted |= {key for key in site if key.startswith(HEARTBEAT)} | {"topic.creation.groups"}
    return {key: text(value) for key, value in site.items() if key in wanted and key not in config}


def _address_and_login(config: Mapping[str, str], source: _debezium.Source) -> set[str]:
    """Return the properties of the connection that the site knows: of its own database and account only."""
    wanted = set()
    if "database.hostname" not in config:
        wanted |= {"database.hostname", "database.port"}
    if config.get("database.user", source.user) == source.user:
        wanted |= {"database.user", PASSWORD}
    host = _address(config.get("database.hostname", source.host), config.get("database.port", str(source.port)))
    if host == _address(source.host, str(source.port)):
        wanted.add("driver.allowPublicKeyRetrieval")
        if not any(key.startswith("database.ssl.") for key in config):
            wanted |= {"database.ssl.mode", "database.ssl.truststore"}
    return wanted


def _address(host: str, port: str) -> str:
    return f"{'127.0.0.1' if host.strip().lower() == 'localhost' else host.strip().lower()}:{port.strip()}"


def _is_own_broker(config: Mapping[str, str], source: _debezium.Source) -> bool:
    """Whether the history is kept by the event log's broker: it is where the file names none."""
    servers = [_address(*(one.rpartition(":")[::2])) for one in config.get(HISTORY_SERVERS, "").split(",") if one]
    return not servers or _address(*source.bootstrap.rpartition(":")[::2]) in servers


def _warnings(config: Mapping[str, str], source: _debezium.Source) -> Iterable[str]:
    history = config.get(HISTORY, _debezium.ORDERED_HISTORY)
    if history == _debezium.KAFKA_HISTORY:
        yield (
            f"{HISTORY} is {history}: with MySQL without GTIDs a restart soon after a change of a table may end such a"
            f" connector for good. Leave it out, to have {_debezium.ORDERED_HISTORY}."
        )
    if history not in IN_KAFKA:
        yield (
            f"{HISTORY} is {history}: the worker keeps nothing on its own disk, so that the history of the tables'"
            f" structure would be lost with its container. Leave it out, to keep the history in Kafka."
        )
    if not _is_own_broker(config, source):
        yield (
            f"{HISTORY_SERVERS} is {config[HISTORY_SERVERS]}, and the event log's broker is {source.bootstrap}. If that"
            " is an address of the former installation, leave it out: then the broker's is taken."
        )


def _clashes(connectors: Sequence[Prepared], source: _debezium.Source, own: str) -> List[str]:
    """What two connectors must not have in common, in words."""
    everyone = list(connectors)
    if own:
        config = {key: text(value) for key, value in _debezium.connector_config(source).items()}
        everyone.insert(0, Prepared(own, f"the connector {own} of the site's variables", config))
    rules: Tuple[Tuple[Callable[[Prepared], Optional[str]], str, str], ...] = (
        (
            lambda one: one.name,
            "the name",
            "Give one of them another name (that of the variables' connector is event_connector_name), or remove one"
            " from the list. If a file is to be the site's only connector, set event_connector_from_variables to"
            " false.",
        ),
        (
            lambda one: one.config.get(PREFIX),
            PREFIX,
            "Both would write into the same topics. Give one of them another; that of the variables' connector is"
            " event_log_topic_prefix.",
        ),
        (
            lambda one: one.config.get(SERVER_ID),
            SERVER_ID,
            "The database knows its readers by it and throws one of the two out. Give one another, or leave it out:"
            " then one is made up that nobody else has. That of the variables' connector is event_log_server_id.",
        ),
        (
            lambda one: one.config.get(HISTORY_TOPIC),
            HISTORY_TOPIC,
            "A history of tables' structure has one writer. Give one of them another, or leave it out.",
        ),
    )
    found: List[str] = []
    for value_of, what, remedy in rules:
        by_value: Dict[str, List[Prepared]] = {}
        for one in everyone:
            value = value_of(one)
            if value:
                by_value.setdefault(value.strip(), []).append(one)
        for value, sharing in by_value.items():
            if len(sharing) > 1:
                who = " and ".join(one.where for one in sharing)
                found.append(f"{VARIABLE}: {what} is {value} in {who}. {remedy}")
    return found
