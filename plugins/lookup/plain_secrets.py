# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: secrets that stand in this run's inventory for everybody to read."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.openmrs.event_log.plugins.module_utils import _bundle_variables, _plain_secrets
from ansible_collections.openmrs.event_log.plugins.module_utils._inventory_text import (
    SAFE_LOADER,
    YAML_ENDINGS,
    Variable,
    variables_of,
)

DOCUMENTATION = r"""
name: plain_secrets
author: OpenMRS Event Log contributors (@openmrs)
version_added: "0.1.0"
short_description: Find secrets that stand in the inventory in plain text
description:
  - Reads the files of this run's inventory, and C(group_vars) and C(host_vars) beside them and beside the playbook, for
    the host that it runs for. Nothing is decrypted and no host is asked.
  - Secrets are the options of this collection's roles that say C(no_log), the C(event_log_*) variables that they take
    over, Ansible's own passwords of a connection, and whatever is one by its name below a variable of the collection.
  - What is encrypted, by itself or with its whole file, is not told; nor is a template, unless its value stands in it
    or in another plain variable of these files. What a lookup reads is not looked at, and neither is what a program
    returns that makes an inventory, nor what is said with C(-e).
options:
  _terms:
    description: Directory of this collection's roles on the control node.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Refuse secrets in plain text
  ansible.builtin.assert:
    that: plain | length == 0
    fail_msg: "{{ plain | join(' ') }}"
  vars:
    plain: "{{ query('openmrs.event_log.plain_secrets', playbook_dir ~ '/../roles') }}"
"""

RETURN = r"""
_raw:
  description: A sentence for each, with its file, its line, its variable and what to do. No value is in it.
  type: list
  elements: str
"""

#: Ansible's own, for an inventory that is a directory.
IGNORED = ("~", ".orig", ".cfg", ".retry", ".pyc", ".pyo", ".swp", ".bak", ".rpm", ".md", ".txt", ".rst")
VARIABLES = ("group_vars", "host_vars")


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)  # noqa: S506 - it is a safe one


@functools.lru_cache(maxsize=None)  # an assertion asks for its variables again and again
def role_facts(roles: Path) -> Tuple[Set[str], Set[str]]:
    """The names of the collection's secrets, and what its variables begin with."""
    specifications: Dict[str, Iterable[str]] = {}
    defaults: Dict[str, Mapping[str, Any]] = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        role = path.parent.parent.name
        specifications[role] = _bundle_variables.secret_options(_read(path))
        given = path.parent.parent / "defaults" / "main.yml"
        defaults[role] = _read(given) or {}
    if not specifications:
        raise AnsibleError(f"plain_secrets: {roles} has no roles with a meta/argument_specs.yml")
    return _plain_secrets.declared(specifications, defaults), {"event_log_", *(f"{role}_" for role in specifications)}


def files_below(place: Path) -> Iterator[Path]:
    """All files of a directory, links followed, each place once."""
    seen = set()
    for folder, folders, files in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders[:] = []
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(files) if not name.startswith("."))


def scope_files(root: Path, scopes: Set[str]) -> Iterator[Tuple[Path, str]]:
    """What Ansible reads for a host beside an inventory or a playbook, with the host or group that it is for."""
    for kind in VARIABLES:
        for entry in sorted((root / kind).iterdir()) if (root / kind).is_dir() else ():
            name = entry.name if entry.is_dir() else entry.stem if entry.suffix in YAML_ENDINGS else entry.name
            if name in scopes:
                for path in files_below(entry) if entry.is_dir() else [entry]:
                    if path.suffix in YAML_ENDINGS:
                        yield path, name


def source_files(place: Path) -> Iterator[Path]:
    """The files of a source of the inventory; a program is none."""
    inside = files_below(place) if place.is_dir() else [place] if place.is_file() else []
    for path in inside:
        of_variables = place.is_dir() and set(VARIABLES) & set(path.relative_to(place).parts)
        if not of_variables and not path.name.endswith(IGNORED if place.is_dir() else ()):
            yield path


class LookupModule(LookupBase):
    def run(self, terms: List[Any], variables: Optional[Mapping[str, Any]] = None, **kwargs: Any) -> List[str]:
        given = variables or {}
        self.set_options(var_options=variables, direct=kwargs)
        scopes = {
            "all",
            str(given.get("inventory_hostname", "")),
            *map(str, given.get("group_names") or ("ungrouped",)),
        }
        found = [one for one in self._variables(given, scopes) if one.scope in scopes or not one.scope]
        problems: List[str] = []
        for term in terms:
            secret, prefixes = role_facts(Path(str(term)))
            problems += _plain_secrets.Judge(found, secret, prefixes).problems()
        return problems

    def _variables(self, given: Mapping[str, Any], scopes: Set[str]) -> Iterator[Variable]:
        sources = [Path(str(one)) for one in given.get("ansible_inventory_sources") or () if "," not in str(one)]
        roots = [source if source.is_dir() else source.parent for source in sources]
        roots += [Path(str(given["playbook_dir"]))] if given.get("playbook_dir") else []
        for source in sources:
            for path in source_files(source):
                yield from variables_of(path, self._text(path))
        for root in dict.fromkeys(roots):
            for path, scope in scope_files(root, scopes):
                yield from variables_of(path, self._text(path), scope)

    def _text(self, path: Path) -> str:
        """What stands there; nothing of a program that makes an inventory, and of what Ansible cannot read either."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "" if text.startswith("#!") and os.access(path, os.X_OK) else text
