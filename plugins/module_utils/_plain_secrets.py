# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that stand in an inventory for everybody to read, told by file, line and variable, and never shown.

A template is no plain text, but the variables that its value is made of may be. What a lookup reads is not judged.
"""

from __future__ import annotations

import re
import shlex
from typing import Dict, FrozenSet, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple, Union

from ansible_collections.openmrs.event_log.plugins.module_utils._bundle_variables import names_secret
from ansible_collections.openmrs.event_log.plugins.module_utils._inventory_text import Leaf, Variable
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets, is_reference
from jinja2 import Environment, TemplateSyntaxError, nodes

#: Ansible's own: how to reach a server, and how to become root there.
CONNECTION = frozenset(
    {
        "ansible_become_pass",
        "ansible_become_password",
        "ansible_pass",
        "ansible_password",
        "ansible_private_key_passphrase",
        "ansible_ssh_pass",
        "ansible_ssh_password",
        "ansible_ssh_private_key",
        "ansible_ssh_private_key_passphrase",
        "ansible_su_pass",
        "ansible_sudo_pass",
        "ansible_sudo_password",
    }
)
_SECRETS = Secrets()
#: What these return stands elsewhere: in a file, in an environment, at a keyboard.
_LOOKUPS = ("lookup", "query", "q")
_OF_ALL = ("hostvars", "vars")
_ENVIRONMENT = Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
_SOPS = "ENC["

#: A variable, and the keys below it that are meant.
Reference = Tuple[str, ...]


class Judge:
    """Looks for secrets among the variables of one host. ``secret`` are names; ``prefixes`` those of the collection."""

    def __init__(self, variables: Sequence[Variable], secret: Iterable[str], prefixes: Iterable[str]) -> None:
        self._by_name: Dict[str, List[Variable]] = {}
        for variable in variables:
            self._by_name.setdefault(variable.name, []).append(variable)
        self._secret = frozenset(secret) | CONNECTION
        self._prefixes = tuple(prefixes)
        self._seen: Set[Tuple[Reference, str, bool]] = set()
        self._told: Dict[Tuple[str, int, str], str] = {}

    def problems(self) -> List[str]:
        """Return a sentence for each place, in the order of files and lines."""
        for name, variables in sorted(self._by_name.items()):
            for variable in variables:
                self._look(variable, name)
        return [self._told[place] for place in sorted(self._told)]

    def _look(self, variable: Variable, name: str) -> None:
        """Judge what is a secret by the name of the variable; in a mapping what is one by its key there."""
        ours = name.startswith(self._prefixes)
        whole = name in self._secret or (ours and names_secret(name))
        for leaf in variable.leaves if whole or ours else ():
            if any(map(names_secret, leaf.keys)) if leaf.keys else whole:
                self._judge(variable, leaf, name)
            else:
                self._follow_all(leaf, name, named=True)

    def _judge(self, variable: Variable, leaf: Leaf, wanted: str) -> None:
        if leaf.literal or not _is_template(leaf.text):
            if not is_reference(leaf.text) and not leaf.text.startswith((_SOPS, "$ANSIBLE_VAULT;")):
                self._tell(variable, leaf, wanted)
            return
        if references(leaf.text) is None:
            self._tell(variable, leaf, wanted)
        else:
            self._follow_all(leaf, wanted, named=False)

    def _follow_all(self, leaf: Leaf, wanted: str, named: bool) -> None:
        if not leaf.literal and _is_template(leaf.text):
            for reference in sorted(references(leaf.text) or ()):
                self._follow(reference, wanted, named)

    def _follow(self, reference: Reference, wanted: str, named: bool) -> None:
        """Judge what a value is made of; with ``named`` only what is a secret by its key."""
        if (reference, wanted, named) in self._seen:
            return
        self._seen.add((reference, wanted, named))
        name, keys = reference[0], reference[1:]
        for variable in self._by_name.get(name, ()):
            below = [leaf for leaf in variable.leaves if leaf.keys[: len(keys)] == keys] or list(variable.leaves)
            secret = [leaf for leaf in below if any(map(names_secret, leaf.keys))]
            for leaf in secret if named else secret or below:
                self._judge(variable, leaf, wanted)
            for leaf in below if named else ():
                self._follow_all(leaf, wanted, named)

    def _tell(self, variable: Variable, leaf: Leaf, wanted: str) -> None:
        names = (variable.name, *leaf.keys)
        shown = ".".join(map(_SECRETS.key_shown, names))
        why = f", of which {wanted} is made," if variable.name != wanted else ""
        # A name cannot be encrypted by itself: that of a mask holds its salt.
        alone = variable.encryptable and shown == ".".join(names)
        remedy = _encrypt(names[-1]) if alone else _move(variable.scope)
        where = f"{variable.path}, line {leaf.line}"
        place = (str(variable.path), leaf.line, ".".join(names))
        self._told.setdefault(place, f"{where}: {shown}{why} is plain text (not shown). {remedy}")


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _encrypt(name: str) -> str:
    return (
        "Put in its place what this prints, once it has asked for the value: "
        f"ansible-vault encrypt_string --prompt --name {shlex.quote(name)}"
    )


def _move(scope: str) -> str:
    vault = f"host_vars/{scope}/vault.yml or group_vars/{scope}/vault.yml" if scope else "group_vars/all/vault.yml"
    return f"It cannot be encrypted by itself there. Write it into a file that is: ansible-vault create {vault}"


def references(template: str) -> Union[FrozenSet[Reference], None]:
    """Return the variables that the value of a template is made of; ``None`` where the value stands in it.

    What only decides, selects or is handed to a lookup is not in the value.
    """
    try:
        tree = _ENVIRONMENT.parse(template)
    except TemplateSyntaxError:
        return frozenset()  # Ansible itself refuses it
    parts = list(_parts(tree))
    if any(isinstance(part, str) for part in parts) or not parts:
        return None
    return frozenset(part for part in parts if isinstance(part, tuple) and part)


def _parts(node: nodes.Node) -> Iterator[Union[str, Reference]]:
    """Texts, references, and an empty reference for what comes from elsewhere."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, (str, int)) and not isinstance(node.value, bool) and node.value != "":
            yield str(node.value)
    elif isinstance(node, nodes.Name):
        yield (node.name,)
    elif isinstance(node, (nodes.Getattr, nodes.Getitem)):
        yield from _member(node)
    elif isinstance(node, nodes.Call):
        yield from _called(node)
    elif isinstance(node, nodes.Filter):
        yield from _parts(node.node) if node.node else ()
        for argument in node.args:
            # A default is a value; what other filters are given is not one by itself.
            yield from (p for p in _parts(argument) if node.name in ("default", "d") or isinstance(p, tuple))
    elif isinstance(node, (nodes.CondExpr, nodes.If)):
        for branch in _branches(node):
            yield from _parts(branch)
    elif isinstance(node, (nodes.Concat, nodes.Add)):
        found = [part for child in node.iter_child_nodes() for part in _parts(child)]
        known = [part for part in found if isinstance(part, tuple)]
        yield from known or found
    elif not isinstance(node, (nodes.Test, nodes.Compare, nodes.TemplateData)):
        for child in node.iter_child_nodes():
            yield from _parts(child)


def _branches(node: Union[nodes.CondExpr, nodes.If]) -> List[nodes.Node]:
    if isinstance(node, nodes.CondExpr):
        return [node.expr1, *([node.expr2] if node.expr2 else [])]
    return [*node.body, *node.elif_, *node.else_]


def _called(node: nodes.Call) -> Iterator[Union[str, Reference]]:
    if isinstance(node.node, nodes.Name) and node.node.name in _LOOKUPS:
        kind = node.args[0].value if node.args and isinstance(node.args[0], nodes.Const) else ""
        if str(kind).rpartition(".")[2] == "vars":  # the lookup of variables by their names
            yield from ((str(one.value),) for one in node.args[1:] if isinstance(one, nodes.Const))
        yield ()
        return
    inner = node.node.node if isinstance(node.node, nodes.Getattr) else node.node
    found = [part for child in (inner, *node.args) for part in _parts(child)]
    known = [part for part in found if isinstance(part, tuple)]
    yield from known or found


def _member(node: Union[nodes.Getattr, nodes.Getitem]) -> Iterator[Union[str, Reference]]:
    """A path of keys below a variable, as far as it is known; of hostvars the variable is one of the keys."""
    keys: List[str] = []
    inner: nodes.Node = node
    while isinstance(inner, (nodes.Getattr, nodes.Getitem)):
        key = inner.attr if isinstance(inner, nodes.Getattr) else getattr(inner.arg, "value", None)
        keys = [str(key), *keys] if isinstance(key, str) else []
        inner = inner.node
    if not isinstance(inner, nodes.Name):
        yield from _parts(inner)
    elif inner.name in _OF_ALL:
        yield from ((key,) for key in keys)
        yield ()
    else:
        yield (inner.name, *keys)


def declared(specifications: Mapping[str, Iterable[str]], defaults: Mapping[str, Mapping[str, object]]) -> Set[str]:
    """Return the names of secrets: options by role that say so, and the site-wide variables that they take over."""
    found: Set[str] = set()
    for role, options in specifications.items():
        for option in options:
            found.add(option)
            found |= set(re.findall(r"\bevent_log_\w+", str(defaults.get(role, {}).get(option, ""))))
    return found
