# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connector's definition as a file in the form that Connect itself takes and shows: a name and a configuration. Pure.

The form is that of ``POST /connectors`` and of ``GET /connectors/{name}`` (Kafka 4.3, "Kafka Connect REST API").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._connector import check_name, normalise
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError
from ansible_collections.openmrs.event_log.plugins.module_utils._redact import Secrets

VARIABLE = "event_connector_files"
FORM = 'The form is {"name": "…", "config": {"connector.class": "…", …}}.'
#: What Connect shows beside them is of no meaning here.
SHOWN_TOO = {"tasks", "type"}


@dataclass(frozen=True)
class Definition:
    """A connector as its file describes it; the configuration is normalised."""

    path: str
    name: str
    config: Mapping[str, str]

    @property
    def where(self) -> str:
        return f"{VARIABLE}: {self.path}, connector {self.name}"


class _TwiceError(ValueError):
    """A key stands twice in one object: JSON takes the last one, a reader the first."""


def _pairs(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    seen: Dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise _TwiceError(Secrets().key_shown(key))
        seen[key] = value
    return seen


def parse(path: str, text: str) -> Definition:
    """Read one file; what is wrong with it is told in words, without its values."""
    where = f"{VARIABLE}: {path}"
    try:
        data = json.loads(text.lstrip("\ufeff"), object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where} is not JSON: {error.msg} (line {error.lineno}, column {error.colno}). Correct it there. {FORM}"
        ) from None
    except _TwiceError as error:
        raise InputError(f"{where}: {error} stands twice in it. Remove one of the two.") from None
    if not isinstance(data, dict):
        raise InputError(f"{where} holds no object. {FORM}")
    _check_members(where, data)
    name = data["name"]
    try:
        check_name(name)
        return Definition(path, name, normalise(name, data["config"]))
    except InputError as error:
        raise InputError(f"{where}: {error}. Correct it in the file. {FORM}") from None


def _check_members(where: str, data: Mapping[str, Any]) -> None:
    if "config" not in data and "connector.class" in data:
        raise InputError(f'{where} holds a configuration alone: it has no "config". Put it into one. {FORM}')
    for member, kind, word in (("name", str, "text"), ("config", dict, "object")):
        if member not in data:
            raise InputError(f'{where} has no "{member}". Add it. {FORM}')
        if not isinstance(data[member], kind):
            raise InputError(f'{where}: its "{member}" is no {word}. {FORM}')
    if "initial_state" in data:
        raise InputError(f'{where} has "initial_state". Remove it: event_connector_state says which state is wanted.')
    unknown = sorted(set(data) - {"name", "config"} - SHOWN_TOO)
    if unknown:
        raise InputError(f'{where} has unknown members: {", ".join(unknown)}. Properties belong into "config". {FORM}')
