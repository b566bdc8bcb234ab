# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the scenario `secure`, and its inventory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict

import pytest
import yaml

from tests.helpers.playbooks import CAPTURE_PASSWORD, site_variables
from tests.helpers.records import ROOT
from tests.helpers.server import Server

NAME = "eventlog-test-secure"
WAREHOUSE = ROOT / "molecule" / "secure" / "warehouse_password"
HOST_VARS = ROOT / "molecule" / "secure" / "inventory" / "host_vars" / f"{NAME}.yml"


@pytest.fixture(scope="session")
def server() -> Server:
    found = Server(NAME)
    if not found.exists:
        pytest.fail("the scenario's server does not run: ./test.sh secure, or molecule converge -s secure")
    return found


@dataclass
class Secure:
    """The inventory as the server has it now, and the passwords that it only refers to. Tests change both for good."""

    directory: Path
    variables: Dict[str, Any]
    capture: str
    warehouse: str

    def rotate(self, capture: str, warehouse: str) -> None:
        """New passwords for the database's account and the consumer, from the next run on."""
        self.capture, self.warehouse = capture, warehouse
        self.variables["event_log_capture_password"] = self._referred("capture", capture)
        (user,) = self.variables["event_log_kafka_users"]
        user["password"] = self._referred("warehouse", warehouse)

    def _referred(self, name: str, secret: str) -> str:
        path = self.directory / name
        path.write_text(f"{secret}\n", encoding="utf-8")
        return f"{{{{ lookup('ansible.builtin.file', '{path}') }}}}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Secure:
    variables = {**site_variables(), **yaml.safe_load(HOST_VARS.read_text(encoding="utf-8"))}
    found = Secure(tmp_path_factory.mktemp("passwords"), variables, "", "")
    found.rotate(CAPTURE_PASSWORD, WAREHOUSE.read_text(encoding="utf-8").strip())
    return found
