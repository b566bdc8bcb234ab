# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server id that is looked for in the database is the one that the connector gets."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.openmrs.event_log.plugins.filter.configuration import FilterModule

from tests.unit.role_files import ROOT

FILTERS = FilterModule().filters()
PAGE: Path = ROOT / "plugins/filter/connector_server_id.yml"


def test_the_id_is_that_of_the_connectors_configuration() -> None:
    options = {"site": "demo", "host": "h", "port": 1, "database": "d", "user": "u", "password_file": "f", "tables": []}
    assert FILTERS["connector_config"](options)["database.server.id"] == FILTERS["connector_server_id"]("demo")


def test_the_example_is_true() -> None:
    examples = yaml.safe_load(PAGE.read_text(encoding="utf-8"))["EXAMPLES"]
    assert f"# Produces: {FILTERS['connector_server_id']('demo')}\n" in examples
