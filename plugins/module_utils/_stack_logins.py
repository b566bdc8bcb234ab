# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who logs in where, as the files that broker, worker, ZooKeeper, tools and web pages read. Pure.

Sources: Apache Kafka 4.3 documentation, "Authentication using SASL"; ZooKeeper 3.8 Administrator's Guide,
"Authentication & Authorization Options"; Java's documentation of JAAS login configuration files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping

from ansible_collections.openmrs.event_log.plugins.module_utils._stack_config import (
    PLAIN,
    SERVICE,
    WORKER,
    ZOOKEEPER,
    client_protocol,
    to_properties,
)

#: The accounts that the collection makes beside the two that may do everything.
COMMAND, KAFDROP, KOWL = "event-log-command", "event-log-kafdrop", "event-log-kowl"
#: Those whose passwords stand in the broker's own file; all others are kept by the broker, salted and hashed.
PLAIN_ACCOUNTS = (SERVICE, KOWL)

_SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
_DIGEST_MODULE = "org.apache.zookeeper.server.auth.DigestLoginModule"
_REST_MODULE = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
#: A system property of the worker names the file of the REST login: that name changes with each password.
REST_LOGIN_PROPERTY = "event.log.rest.login"


@dataclass(frozen=True)
class Logins:
    """What the files depend on. ``passwords`` are by account; there are none where the broker has no logins."""

    mode: str = "kraft"
    uis: List[str] = field(default_factory=list)
    rest_user: str = ""
    rest_password: str = ""
    passwords: Mapping[str, str] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        return bool(self.passwords)


def accounts(uis: List[str]) -> List[str]:
    """The accounts that a stack with these web pages has.

    Kowl's is always there, though it may do nothing where there is no Kowl: another content of the broker's own file
    makes a new container of the broker, and a web page that comes or goes must not.
    """
    return [SERVICE, WORKER, COMMAND, KOWL, *([KAFDROP] if "kafdrop" in uis else [])]


def scram_users(passwords: Mapping[str, str], site: Mapping[str, str]) -> Dict[str, str]:
    """Return the passwords that the broker itself keeps: of the collection's own accounts and of the site's users."""
    own = {name: word for name, word in passwords.items() if name not in PLAIN_ACCOUNTS}
    return {**site, **own}


def _entry(module: str, **options: str) -> str:
    words = "".join(f" {name}={_quoted(value)}" for name, value in options.items())
    return f"{module} required{words};"


def _quoted(value: str) -> str:
    """Return a value as JAAS and Kafka's own parser of it read one."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _section(name: str, *entries: str) -> str:
    return "\n".join([f"{name} {{", *(f"  {entry}" for entry in entries), "};", ""])


def _own(password: str) -> str:
    """The service's own account, as both sides of a connection."""
    return _entry(_PLAIN_MODULE, username=SERVICE, password=password, **{f"user_{SERVICE}": password})


def broker_jaas(logins: Logins) -> str:
    """Return the broker's JAAS file. Kowl alone comes to the listener of all others with PLAIN."""
    password = logins.passwords[SERVICE]
    others = [_entry(_SCRAM_MODULE), _entry(_PLAIN_MODULE, **{f"user_{KOWL}": logins.passwords[KOWL]})]
    sections = [_section("broker.KafkaServer", *others), _section("admin.KafkaServer", _own(password))]
    if logins.mode == ZOOKEEPER:
        sections.append(_section("Client", _entry(_DIGEST_MODULE, username=SERVICE, password=password)))
    else:
        sections.append(_section("controller.KafkaServer", _own(password)))
    return "".join(sections)


def zookeeper_jaas(logins: Logins) -> str:
    """Return ZooKeeper's JAAS file: it lets in the broker and nobody else."""
    return _section("Server", _entry(_DIGEST_MODULE, **{f"user_{SERVICE}": logins.passwords[SERVICE]}))


def worker_jaas(logins: Logins) -> str:
    """Return the worker's JAAS file: who may use its REST interface, and how all of its Kafka clients log in."""
    sections = [_section("KafkaConnect", f'{_REST_MODULE} required file="${{{REST_LOGIN_PROPERTY}}}";')]
    if logins.on:
        login = _entry(_SCRAM_MODULE, username=WORKER, password=logins.passwords[WORKER])
        sections.append(_section("KafkaClient", login))
    return "".join(sections)


def client_properties(logins: Logins, account: str) -> Dict[str, str]:
    """Return a Kafka client's settings, its login included."""
    if not logins.on:
        return client_protocol(logins.on)
    own = account == SERVICE
    login = _entry(_PLAIN_MODULE if own else _SCRAM_MODULE, username=account, password=logins.passwords[account])
    mechanism = {"sasl.mechanism": PLAIN} if own else {}
    return {**client_protocol(logins.on), **mechanism, "sasl.jaas.config": login}


def versioned_files(logins: Logins, pages: Mapping[str, str]) -> List[Dict[str, str]]:
    """Return what long-running containers read, for the module versioned_secret; ``directory`` is a name only.

    ``pages`` are the contents of the web pages' own files.
    """
    files = [
        {"directory": "connect", "stem": "rest", "content": f"{logins.rest_user}={logins.rest_password}\n"},
        {"directory": "connect", "stem": "jaas-connect", "suffix": ".conf", "content": worker_jaas(logins)},
    ]
    if logins.on:
        files.append({"directory": "broker", "stem": "jaas-broker", "suffix": ".conf", "content": broker_jaas(logins)})
    if logins.on and logins.mode == ZOOKEEPER:
        content = zookeeper_jaas(logins)
        files.append({"directory": "zookeeper", "stem": "jaas-zookeeper", "suffix": ".conf", "content": content})
    suffixes = {"kafdrop": ".properties", "kowl": ".yaml"}
    files += [
        {"directory": ui, "stem": ui, "suffix": suffixes[ui], "content": pages[ui]} for ui in logins.uis if ui in pages
    ]
    return files


def tool_files(logins: Logins) -> List[Dict[str, str]]:
    """Return what tools in containers of their own read anew each time, by the path below the secrets."""
    files = [{"path": "command/client.properties", "content": to_properties(client_properties(logins, COMMAND))}]
    if logins.on:
        content = to_properties(client_properties(logins, SERVICE))
        files.append({"path": "admin/client.properties", "content": content})
    return files
