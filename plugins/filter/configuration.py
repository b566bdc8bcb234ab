# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that build structured configuration; each is documented in the file of its own name beside this one."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Iterable, Mapping, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.openmrs.event_log.plugins.module_utils import (
    _connector_prepare,
    _connector_source,
    _debezium,
    _patient_check,
    _patient_topics,
    _stack_config,
    _variables,
)

Options = TypeVar("Options", _debezium.Source, _stack_config.Stack, _connector_source.Site)


def _options(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Turn a dict of options into its dataclass; unknown and missing ones are errors in words."""
    names = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise AnsibleFilterError(f"unknown options {unknown}; known are {sorted(names)}")
    required = {n for n, f in names.items() if f.default is f.default_factory is dataclasses.MISSING}
    missing = sorted(required - set(given))
    if missing:
        raise AnsibleFilterError(f"missing options {missing}")
    integers = {n for n, f in names.items() if f.type == "int"}
    values: dict[str, Any] = {n: int(value) if n in integers else value for n, value in given.items()}
    return kind(**values)


def broker_properties(options: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return _stack_config.broker_properties(_options(_stack_config.Stack, options), overrides or {})


def worker_properties(options: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return _stack_config.worker_properties(_options(_stack_config.Stack, options), overrides or {})


def zookeeper_properties(options: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return _stack_config.zookeeper_properties(_options(_stack_config.Stack, options), overrides or {})


def connector_config(options: Mapping[str, Any]) -> dict[str, Any]:
    return _debezium.connector_config(_options(_debezium.Source, options))


def connector_files(files: Iterable[Mapping[str, str]], options: Mapping[str, Any], own: str = "") -> dict[str, Any]:
    """Prepare the connectors of files for registration; their secrets are texts of their own, by the file's stem."""
    outcome = _connector_prepare.prepare_all(files, _options(_debezium.Source, options), own)
    connectors = outcome.connectors
    return {
        "problems": list(outcome.problems),
        "warnings": [
            f"{one.where}: {what}"
            for one in connectors
            for what in (*(f"write {c}" for c in one.changes), *one.warnings)
        ],
        "added": [f"{one.where}: {', '.join(one.added)}" for one in connectors if one.added],
        "unmasked": [one.where for one in connectors if one.debezium and options.get("patient_data", "full") != "full"],
        "secrets": {one.stem: _stack_config.to_properties(one.secrets) for one in connectors if one.secrets},
        "connectors": [
            {"name": one.name, "config": one.config, "stem": one.stem, "references": one.references}
            for one in connectors
        ],
        "history_topics": outcome.history_topics,
    }


def connector_references(
    connectors: Iterable[Mapping[str, Any]], filenames: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Return the configuration of each prepared connector, with references to the files of their secrets."""
    return {
        one["name"]: _connector_prepare.registered(one["config"], one["references"], filenames.get(one["stem"], ""))
        for one in connectors
    }


def patient_data_problems(options: Mapping[str, Any], columns: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
    """Return what keeps the choice about patients' data from being carried out, and what is only told."""
    source = _options(_debezium.Source, options)
    if not columns:
        return {"problems": _patient_check.problems(source.policy, source.tables, source.overrides), "warnings": []}
    problems, warnings = _patient_check.column_problems(source.policy, source.database, columns, source.overrides)
    return {"problems": problems, "warnings": warnings}


def clear_events(options: Mapping[str, Any], remembered: str = "", kept: str = "", listing: str = "") -> dict[str, Any]:
    """Tell of a switch of the choice about patients' data, and which topics hold what was written before."""
    site = _options(_connector_source.Site, options)
    prefix = f"{site.topic_prefix}.{site.database}"
    switch = _patient_topics.switched(site.policy, remembered, listing, prefix)
    settled = _patient_topics.settled(kept, listing, prefix)
    held = _patient_topics.held(settled or kept, listing, prefix)
    return {
        "tightened": _patient_topics.tightened(_patient_topics.before(remembered), site.policy),
        "switch": switch,
        "settled": settled,
        "held": [f"{one.topic} (partition {one.partition}): offsets {one.start} to {one.end - 1}" for one in held],
        "topics": sorted({one.topic for one in held}),
        "partitions": [dataclasses.asdict(one) for one in held],
        "offsets": _patient_topics.offsets_file(held),
    }


def clear_files(partitions: Iterable[Mapping[str, Any]], paths: Iterable[str]) -> dict[str, list[str]]:
    left, written = _patient_topics.files_left([_patient_topics.Held(**one) for one in partitions], paths)
    return {"left": left, "written": written}


def topic_expectations(
    options: Mapping[str, Any], connect_topics: Iterable[str] = (), history_topics: Iterable[str] = ()
) -> list[dict[str, Any]]:
    return _debezium.topic_expectations(_options(_debezium.Source, options), connect_topics, history_topics)


def connector_source(
    options: Mapping[str, Any], seen: Mapping[str, Any] | None = None, remembered: str = ""
) -> dict[str, Any]:
    known = _connector_source.connector_source(_options(_connector_source.Site, options), seen or {}, remembered)
    return {
        "flavour": known.flavour,
        "ssl_mode": known.ssl_mode,
        "facts": known.facts,
        "problems": list(known.problems),
        "notes": list(known.notes),
    }


def placed(files: list[dict[str, Any]], root: str, gid: int | str, mode: str) -> list[dict[str, Any]]:
    """Turn files with ``path`` and ``below`` into those of the module file_set, under ``root``."""
    return [
        {
            "path": str(PurePosixPath(root) / file["below"] / file["path"]),
            "content": file["content"],
            "gid": int(gid),
            "mode": mode,
        }
        for file in files
    ]


def program_files(sources: list[str], directory: str) -> list[dict[str, Any]]:
    """Read the named files of the control node as files of the module file_set in ``directory``."""
    return [
        {"path": f"{directory}/{Path(source).name}", "content": Path(source).read_text(encoding="utf-8")}
        for source in sources
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "broker_properties": broker_properties,
            "worker_properties": worker_properties,
            "zookeeper_properties": zookeeper_properties,
            "to_properties": _stack_config.to_properties,
            "placed": placed,
            "program_files": program_files,
            "cluster_id": _stack_config.cluster_id,
            "clear_events": clear_events,
            "clear_files": clear_files,
            "connector_config": connector_config,
            "connector_files": connector_files,
            "connector_references": connector_references,
            "connector_server_id": _debezium.server_id,
            "connector_source": connector_source,
            "patient_data_problems": patient_data_problems,
            "topic_expectations": topic_expectations,
            "unknown_variables": _variables.unknown_variables,
        }
