# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users and ACLs of a broker: what there is, what shall be, and the steps between. Pure, and without a secret.

A password is known here only as right or not; the operations name users, and the tool gets passwords beside them.
Names are those of Kafka's documentation, "Authorization and ACLs".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Sequence, Tuple

MECHANISM = "SCRAM-SHA-512"
SET_PASSWORD, DELETE_USER, CREATE_ACL, DELETE_ACL = "set_password", "delete_user", "create_acl", "delete_acl"
#: The only resource of its type has this name.
CLUSTER = "kafka-cluster"
_PRINCIPAL = "User:"


@dataclass(frozen=True, order=True)
class Acl:
    """One right, as Kafka keeps it."""

    principal: str
    resource_type: str
    resource: str
    pattern: str
    operation: str
    host: str = "*"
    permission: str = "ALLOW"

    def as_json(self) -> Dict[str, str]:
        return dict(vars(self))


@dataclass(frozen=True)
class Current:
    """What the broker has. ``right``: users whose wanted password lets them in."""

    users: Mapping[str, FrozenSet[str]] = field(default_factory=dict)
    acls: FrozenSet[Acl] = frozenset()
    right: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class Desired:
    """What it shall have, and nothing else."""

    users: FrozenSet[str] = frozenset()
    acls: FrozenSet[Acl] = frozenset()


@dataclass(frozen=True)
class Operation:
    """One step. ``known``: the user was there before, with a password of any kind."""

    do: str
    user: str = ""
    mechanism: str = ""
    acl: Any = None
    known: bool = False

    def as_json(self) -> Dict[str, Any]:
        if self.acl is not None:
            return {"do": self.do, "acl": self.acl.as_json()}
        mechanism = {"mechanism": self.mechanism} if self.mechanism else {}
        return {"do": self.do, "user": self.user, **mechanism}


def desired_acls(given: Iterable[Mapping[str, Any]]) -> FrozenSet[Acl]:
    """Return the rights of a list of ``{user, resource_type, resource, pattern, operations}``."""
    return frozenset(
        Acl(
            principal=_PRINCIPAL + str(entry["user"]),
            resource_type=str(entry["resource_type"]).upper(),
            resource=str(entry["resource"]),
            pattern=str(entry["pattern"]).upper(),
            operation=str(operation).upper(),
        )
        for entry in given
        for operation in entry["operations"]
    )


def current_of(looked: Mapping[str, Any]) -> Current:
    """Return what the tool's answer says of the broker."""
    return Current(
        users={user: frozenset(mechanisms) for user, mechanisms in looked.get("users", {}).items()},
        acls=frozenset(Acl(**entry) for entry in looked.get("acls", [])),
        right=frozenset(user for user, right in looked.get("logins", {}).items() if right),
    )


def plan(current: Current, desired: Desired) -> List[Operation]:
    """Return the steps, in order: what is given comes first, so that nobody whose rights change is without them."""
    steps = [Operation(CREATE_ACL, acl=acl) for acl in sorted(desired.acls - current.acls)]
    for user in sorted(desired.users):
        if user not in current.right or MECHANISM not in current.users.get(user, ()):
            steps.append(Operation(SET_PASSWORD, user, known=user in current.users))
    steps += [Operation(DELETE_ACL, acl=acl) for acl in sorted(current.acls - desired.acls)]
    for user, mechanisms in sorted(current.users.items()):
        surplus = mechanisms - {MECHANISM} if user in desired.users else mechanisms
        steps += [Operation(DELETE_USER, user, mechanism) for mechanism in sorted(surplus)]
    return steps


def applied(current: Current, steps: Iterable[Operation]) -> Current:
    """Return what the broker has after the steps."""
    users = {user: set(mechanisms) for user, mechanisms in current.users.items()}
    acls, right = set(current.acls), set(current.right)
    for step in steps:
        if step.do == SET_PASSWORD:
            users.setdefault(step.user, set()).add(MECHANISM)
            right.add(step.user)
        elif step.do == DELETE_USER:
            users[step.user].discard(step.mechanism)
        elif step.do == CREATE_ACL:
            acls.add(step.acl)
        else:
            acls.discard(step.acl)
    left = {user: frozenset(mechanisms) for user, mechanisms in users.items() if mechanisms}
    return Current(left, frozenset(acls), frozenset(right & set(left)))


def told(steps: Sequence[Operation], desired: Desired) -> List[str]:
    """Return the steps in words, the rights on one resource together."""
    words: List[str] = []
    grouped: Dict[Tuple[str, Tuple[str, ...]], List[str]] = {}
    for step in steps:
        if step.acl is not None:
            grouped.setdefault((step.do, _whose(step.acl)), []).append(step.acl.operation)
    for step in steps:
        if step.do == SET_PASSWORD:
            words.append(f"give {step.user} its new password" if step.known else f"add the user {step.user}")
        elif step.do == DELETE_USER and step.user in desired.users:
            words.append(f"remove the password by {step.mechanism} of {step.user}")
        elif step.do == DELETE_USER:
            words.append(f"remove the user {step.user}")
        else:
            operations = grouped.pop((step.do, _whose(step.acl)), [])
            if operations:
                words.append(_right(step.do, step.acl, operations))
    return list(dict.fromkeys(words))


def diff(current: Current, steps: Sequence[Operation]) -> Dict[str, Any]:
    """Return before and after; of a password only whether it is the wanted one."""
    after = applied(current, steps)
    return {"before": _shown(current), "after": _shown(after)}


def _shown(state: Current) -> Dict[str, Any]:
    rights: Dict[Tuple[str, ...], List[str]] = {}
    for acl in sorted(state.acls):
        rights.setdefault(_whose(acl), []).append(acl.operation)
    return {
        "users": {
            user: {"password": "as wanted" if user in state.right else "another", "mechanisms": sorted(mechanisms)}
            for user, mechanisms in sorted(state.users.items())
        },
        "acls": [f"{_subject(whose)}: {', '.join(sorted(names))}" for whose, names in sorted(rights.items())],
    }


def _whose(acl: Acl) -> Tuple[str, ...]:
    return (acl.principal, acl.resource_type, acl.pattern, acl.resource, acl.host, acl.permission)


def _subject(whose: Tuple[str, ...]) -> str:
    principal, kind, pattern, resource, host, permission = whose
    user = principal[len(_PRINCIPAL) :] if principal.startswith(_PRINCIPAL) else principal
    name = "the cluster" if kind == "CLUSTER" else f"{kind.lower().replace('_', ' ')} {resource}"
    if pattern == "PREFIXED":
        name += "*"
    notes = [f"from {host}"] if host != "*" else []
    notes += ["denied"] if permission == "DENY" else []
    return f"{user}, {name}" + (f" ({', '.join(notes)})" if notes else "")


def _right(do: str, acl: Acl, operations: Sequence[str]) -> str:
    user, _comma, rest = _subject(_whose(acl)).partition(", ")
    verb, preposition = ("allow", "") if do == CREATE_ACL else ("withdraw from", ":")
    return f"{verb} {user}{preposition} {', '.join(sorted(operations))} on {rest}"
