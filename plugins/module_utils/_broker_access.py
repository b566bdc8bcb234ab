# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may read what: the users and rights of a site's inventory, and those of the collection's own accounts. Pure.

Consumers get topics by name, or all tables of the site, and the groups that are named. So what the worker and the
broker keep for themselves stays unread: settings of connectors, positions, offsets of other consumers.
What each request needs: Apache Kafka documentation, "Authorization and ACLs", table of operations by protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._stack_logins import COMMAND

USERS, ACLS = "event_log_kafka_users", "event_log_kafka_acls"
RESERVED = "event-log"
ALL = "*"
_READ = ["DESCRIBE", "DESCRIBE_CONFIGS", "READ"]
_LOOK = ["DESCRIBE", "DESCRIBE_CONFIGS"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: Kafka's own rule for topics; groups are kept to it.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
#: What broker and worker keep: offsets of all consumers, settings of connectors and their positions.
_INTERNAL = re.compile(r"__consumer_offsets|__transaction_state|__share_group_state|__cluster_metadata|event-log-.*")
#: Kafka takes who has not logged in for this user.
_NOBODY = "anonymous"


@dataclass(frozen=True)
class Options:
    """The site: ``tables`` are those that are captured, none where they are not known."""

    prefix: str
    database: str
    tables: Tuple[str, ...] = ()
    uis: Tuple[str, ...] = ()

    @property
    def events(self) -> str:
        """Beginning of the names of all topics of tables."""
        return f"{self.prefix}.{self.database}."

    @property
    def captured(self) -> Tuple[str, ...]:
        start = f"{self.database}."
        return tuple(name[len(start) :] if name.startswith(start) else name for name in self.tables)


def access(users: Any, acls: Any, options: Options) -> Dict[str, Any]:
    """Return ``problems`` in words, and ``acls`` in the form of the module broker_accounts."""
    problems, names = _checked_users(users)
    rights: List[Dict[str, Any]] = []
    if not _is_list(acls):
        problems.append(f"{ACLS} is no list: give a list of {{user, tables, topics, groups}}, or [] for none.")
        acls = []
    for number, entry in enumerate(acls, 1):
        found, given = _consumer(entry, f"{ACLS}, entry {number}", names, options)
        problems += found
        rights += given
    return {"problems": problems, "acls": _merged([*_own(options.uis), *rights])}


def _checked_users(users: Any) -> Tuple[List[str], List[str]]:
    """Return problems, and all names that were given, usable or not."""
    if not _is_list(users):
        return [f"{USERS} is no list: give a list of {{name, password}}, or [] for none."], []
    problems: List[str] = []
    names: List[str] = []
    for number, entry in enumerate(users, 1):
        where = f"{USERS}, entry {number}"
        if not isinstance(entry, Mapping) or not _is_text(entry.get("name")):
            problems.append(f"{where} has no name: give {{name: ..., password: ...}}.")
            continue
        name = str(entry["name"])
        where = f"{USERS}, {name}"
        unknown = sorted(str(key) for key in set(entry) - {"name", "password"})
        if unknown:
            problems.append(f"{where}: {', '.join(unknown)} is not known: there are name and password.")
        if name.lower().startswith(RESERVED) or name.lower() == _NOBODY:
            problems.append(
                f"{where}: the name is reserved: names that begin with {RESERVED} are the collection's own."
            )
        elif not _NAME.fullmatch(name):
            problems.append(f"{where}: the name holds more than letters, digits, '.', '_' and '-': choose another.")
        if name in names:
            problems.append(f"{where} is there twice: keep one of them.")
        if not _has_password(entry.get("password")):
            problems.append(f"{where} has no password: give one as text, from the vault.")
        names.append(name)
    return problems, names


def _consumer(
    entry: Any, where: str, users: Sequence[str], options: Options
) -> Tuple[List[str], List[Dict[str, Any]]]:  # fmt: skip
    """Return problems and rights of one entry."""
    if not isinstance(entry, Mapping) or not _is_text(entry.get("user")):
        return [f"{where} has no user: give {{user: ..., tables: [...]}}."], []
    user = str(entry["user"])
    where = f"{ACLS}, {user}"
    problems = [
        f"{where}: {key} is not known: there are user, tables, topics and groups."
        for key in sorted(str(key) for key in set(entry) - {"user", "tables", "topics", "groups"})
    ]
    if user not in users:
        there = ", ".join(users) or "none"
        problems.append(f"{where} is no user: {USERS} has {there}. Add the user there, or remove the entry.")
    lists: Dict[str, List[str]] = {}
    for key, default in (("tables", []), ("topics", []), ("groups", [user])):
        given = entry.get(key, default)
        if not _is_list(given) or not all(_is_text(one) for one in given):
            problems.append(
                f"{where}: {key} is no list of names: give one, such as [{'obs' if key == 'tables' else user}]."
            )
            given = []
        lists[key] = [str(one) for one in given]
    if not lists["tables"] and not lists["topics"]:
        problems.append(f"{where} may read nothing: give tables or topics, or remove the entry.")
    for problem in (
        *(_table_problem(name, options) for name in lists["tables"]),
        *(_topic_problem(name) for name in lists["topics"]),
        *(_group_problem(name) for name in lists["groups"]),
    ):
        problems += [f"{where}: {problem}"] if problem else []
    return problems, _rights(user, lists, options)


def _rights(user: str, lists: Mapping[str, Sequence[str]], options: Options) -> List[Dict[str, Any]]:
    tables = [name for name in lists["tables"] if name != ALL]
    topics = [*(options.events + re.sub(r"[^A-Za-z0-9._-]", "_", name) for name in tables), *lists["topics"]]
    rights = [_right(user, "topic", name, _READ) for name in topics]
    if ALL in lists["tables"]:
        rights.append(_right(user, "topic", options.events, _READ, "prefixed"))
    return [*rights, *(_right(user, "group", name, ["READ"]) for name in lists["groups"])]


def _own(uis: Iterable[str]) -> List[Dict[str, Any]]:
    """Return the rights of the host's command and of the web pages. They read, and change nothing.

    Kafdrop and Kowl read without a group of their own. The command's tools take a new group console-consumer-N each
    time, which they leave nothing of.
    """
    rights = [_right(COMMAND, "group", "console-consumer-", ["READ"], "prefixed")]
    for user in (COMMAND, *(f"{RESERVED}-{name}" for name in uis)):
        rights += [
            _right(user, "topic", ALL, _READ),
            _right(user, "group", ALL, ["DESCRIBE"]),
            _right(user, "cluster", "kafka-cluster", _LOOK),
        ]
    return rights


def _right(user: str, kind: str, name: str, operations: Sequence[str], pattern: str = "literal") -> Dict[str, Any]:
    return {
        "user": user,
        "resource_type": kind,
        "resource": name,
        "pattern": pattern,
        "operations": list(operations),
    }


def _merged(rights: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Return each right once, in an order of their own: the inventory's order is no change."""
    keys = ("user", "resource_type", "resource", "pattern")
    unique = {tuple(str(right[key]) for key in keys): dict(right) for right in rights}
    return [unique[key] for key in sorted(unique)]


def _table_problem(name: str, options: Options) -> Optional[str]:
    captured = options.captured
    if name == ALL or name in captured:
        return None
    if "." in name:
        plain = name.rpartition(".")[2]
        return f"tables holds {name}: give the table without its database, {plain}."
    if not captured:
        return None
    return f"tables holds {name}, which is not captured: correct it, or capture it. Captured are {_some(captured)}."


def _topic_problem(name: str) -> Optional[str]:
    if name == ALL or not _TOPIC.fullmatch(name):
        return f"topics holds {name}, which is no name of a topic: name each; tables: ['*'] is for all tables."
    if _INTERNAL.fullmatch(name):
        return f"topics holds {name}, which the broker or the worker keeps for itself: remove it."
    return None


def _group_problem(name: str) -> Optional[str]:
    if not _TOPIC.fullmatch(name):
        return f"groups holds {name}: give names of letters, digits, '.', '_' and '-'."
    if name.startswith(RESERVED):
        return f"groups holds {name}, which is reserved: whoever is in the worker's group is given its work."
    return None


def _some(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more


def _is_list(given: Any) -> bool:
    return isinstance(given, (list, tuple))


def _is_text(given: Any) -> bool:
    return isinstance(given, str) and bool(given.strip())


def _has_password(given: Any) -> bool:
    """Text of the vault is not always of type str."""
    return given is not None and not isinstance(given, (bool, int, float, list, tuple, dict)) and bool(str(given))
