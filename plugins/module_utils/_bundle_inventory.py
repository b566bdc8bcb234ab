# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of one site as files: one host, its groups, its variables. Runs on the control node only."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping

import yaml

_MARKS = ("{{", "{%", "{#")


class Literal(str):
    """A string that Ansible must not read as a template, whatever is in it."""


class _Dumper(yaml.SafeDumper):
    """Writes plain YAML; two equal inventories give the same text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _literal(dumper: yaml.SafeDumper, value: Literal) -> yaml.ScalarNode:
    return dumper.represent_scalar("!unsafe", str(value), style='"')


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Literal, _literal)


def plain(value: Any, literal: bool) -> Any:
    """A structure of plain types. With ``literal`` no string of it is a template any more."""
    if isinstance(value, Mapping):
        return {plain(key, False): plain(content, literal) for key, content in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, literal) for item in value]
    if value is None or isinstance(value, (bool, Literal)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    text = str(value)
    return Literal(text) if literal and any(mark in text for mark in _MARKS) else text


def to_yaml(heading: str, values: Mapping[str, Any]) -> str:
    body = yaml.dump(
        plain(values, literal=False), Dumper=_Dumper, default_flow_style=False, allow_unicode=True, width=150
    )
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return f"---\n{comment}{body}"


def hosts_file(host: str, groups: Iterable[str], settings: Mapping[str, Any]) -> str:
    """The one host with the settings of its connection, in the groups that it had at home."""
    children = {group: {"hosts": {host: None}} for group in sorted(groups) if group not in ("all", "ungrouped")}
    everything: Dict[str, Any] = {"hosts": {host: dict(settings)}}
    if children:
        everything["children"] = children
    return to_yaml("Written for one server. Change the inventory that it was made from instead.", {"all": everything})
