# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of an inventory as they are written: where each stands, whose it is, whether it is encrypted.

Ansible itself gives values, not files and lines. Reads YAML and JSON by their nodes, with their tags; INI and TOML by
their lines. Runs on the control node only.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Optional, Tuple

import yaml

#: In C where it is there: an inventory of many sites is long.
SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ENCRYPTED = ("!vault", "!vault-encrypted")
_NOTHING = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")
#: The endings by which Ansible takes a file for YAML.
YAML_ENDINGS = ("", ".yml", ".yaml", ".json")
_ASSIGNED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$")


class Leaf(NamedTuple):
    """One scalar of a variable: the keys that lead to it, its text, and where it stands."""

    keys: Tuple[str, ...]
    text: str
    line: int
    literal: bool = False  # never a template


@dataclass(frozen=True)
class Variable:
    """A variable of a file. ``scope`` is the host or group that has it; nothing is everybody.

    What is encrypted or nothing at all is not among the leaves. ``keys`` are the names of all its mappings.
    """

    name: str
    path: Path
    scope: str
    leaves: Tuple[Leaf, ...]
    encryptable: bool = True  # a value can be encrypted by itself in that format


def variables_of(path: Path, text: str, scope: Optional[str] = None) -> List[Variable]:
    """Return the variables of a file of ``group_vars`` or ``host_vars`` with its scope, or of an inventory without."""
    if text.startswith("$ANSIBLE_VAULT;"):
        return []
    if path.suffix not in YAML_ENDINGS:
        return list(_of_lines(path, text)) if scope is None else []
    try:
        # JSON may have tabs, in which YAML sees no white space.
        root = yaml.compose(text.expandtabs(), Loader=SAFE_LOADER)
    except yaml.YAMLError:
        root = None
    if isinstance(root, yaml.MappingNode):
        return list(_of_mapping(path, root, scope) if scope is not None else _of_groups(path, root))
    return list(_of_lines(path, text)) if scope is None else []


def _of_mapping(path: Path, node: yaml.MappingNode, scope: str) -> Iterator[Variable]:
    for key, value in node.value:
        yield Variable(str(key.value), path, scope, tuple(_leaves(value, ())))


def _of_groups(path: Path, root: yaml.MappingNode) -> Iterator[Variable]:
    """The variables of the groups and hosts of an inventory in YAML."""
    for group, content in root.value:
        for key, value in content.value if isinstance(content, yaml.MappingNode) else ():
            if not isinstance(value, yaml.MappingNode):
                continue
            if key.value == "vars":
                yield from _of_mapping(path, value, _scope(str(group.value)))
            elif key.value == "children":
                yield from _of_groups(path, value)
            elif key.value == "hosts":
                for host, variables in value.value:
                    if isinstance(variables, yaml.MappingNode):
                        yield from _of_mapping(path, variables, _scope(str(host.value)))


def _leaves(node: yaml.Node, keys: Tuple[str, ...]) -> Iterator[Leaf]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, (*keys, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _leaves(value, keys)
    elif node.tag not in (*_ENCRYPTED, *_NOTHING) and node.value:
        yield Leaf(keys, str(node.value), node.start_mark.line + 1, node.tag == "!unsafe")


def _of_lines(path: Path, text: str) -> Iterator[Variable]:
    """The variables of an inventory in INI: of sections, and of hosts in their line. TOML's are alike enough."""
    section, kind = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words[0] in "#;":
            continue
        heading = re.fullmatch(r"\[+\s*([^\]]+?)\s*\]+.*", words)
        if heading and "=" not in words:
            section, _colon, kind = heading[1].partition(":")
            continue
        if kind == "vars" or _ASSIGNED.fullmatch(words):
            pairs, scope = [_ASSIGNED.fullmatch(words)], section
        else:
            try:
                host, *rest = shlex.split(words, comments=True)
            except ValueError:
                continue
            pairs, scope = [_ASSIGNED.fullmatch(word) for word in rest], host
        for pair in filter(None, pairs):
            value = pair[2].strip("'\"")
            leaves = (Leaf((), value, number),) if value and value.lower() not in ("true", "false", "none") else ()
            yield Variable(pair[1], path, _scope(scope) if path.suffix != ".toml" else "", leaves, encryptable=False)


def _scope(name: str) -> str:
    """A host or group by its name; a range of hosts is taken for everybody."""
    return "" if "[" in name or ":" in name or "," in name else name
