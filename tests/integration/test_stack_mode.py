# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mode of a stack against what is on the host already."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.bad_input import Case, run_case
from tests.helpers.server import Server

LOG = "/var/lib/event-log/kafka/data/log"
KEEPER = "/var/lib/event-log/zookeeper/data"


def test_the_mode_is_not_switched_on_data_that_are_there(server: Server, tmp_path: Path) -> None:
    told = ("event_stack_mode is 'zookeeper'", LOG, "without ZooKeeper", "event_stack_mode: kraft", "docs/zookeeper.md")
    run_case(server, Case("mode", told, {"event_stack_mode": "zookeeper"}), tmp_path)


@pytest.mark.full
def test_data_of_zookeeper_that_belong_to_root_are_left_as_they_are(prepared: Server, tmp_path: Path) -> None:
    case = Case(
        "root's",
        (f"event_log_data_dir is '{KEEPER}'", "version-2", "uid 0", f"chown -R 1001:1001 {KEEPER}"),
        {"event_stack_mode": "zookeeper"},
        before=f"mkdir -p {KEEPER}/version-2 && echo precious > {KEEPER}/version-2/snapshot.0",
        after="rm -r /var/lib/event-log",
    )
    run_case(prepared, case, tmp_path)
