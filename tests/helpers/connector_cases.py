# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors' files that cannot be used, as cases of bad input."""

from __future__ import annotations

from typing import Any

from tests.helpers.bad_input import Case
from tests.helpers.records import ROOT

FILES = ROOT / "tests/integration/connectors"


def files(*names: str) -> dict[str, Any]:
    return {"event_connector_files": [str(FILES / f"{name}.json") for name in names]}


CONNECTOR_FILES = [
    Case(
        "connectors' files that cannot be used",
        (
            "event_connector_files",
            "nowhere.json is not there",
            "odd.json is not JSON",
            "line 2, column 11",
            'nameless.json has no "name"',
            "the name is openmrs-connector",
            "event_connector_name",
            "topic.prefix is openmrs",
            "snapshot.mode is never",
            "no_data",
            "database.server.id is 184055",
            "the name is same-id",
        ),
        files("nowhere", "odd", "nameless", "own-name", "never", "same-id", "same-id"),
    ),
    # One by one
    Case("connector's file that is not there", ("event_connector_files", "nowhere.json"), files("nowhere"), long=True),
    Case("connector's file that is not JSON", ("odd.json", "line 2, column 11"), files("odd"), long=True),
    Case("connector's file without a name", ("nameless.json", '"name"'), files("nameless"), long=True),
    Case("connector of the variables' name", ("own-name.json", "event_connector_name"), files("own-name"), long=True),
    Case("snapshot mode that is gone", ("never.json", "snapshot.mode", "no_data"), files("never"), long=True),
    Case("two files with one name", ("the name is same-id",), files("same-id", "same-id"), long=True),
    Case(
        "no connector left",
        ("event_connector_from_variables", "event_connector_files"),
        {"event_connector_from_variables": False},
        long=True,
    ),
]
