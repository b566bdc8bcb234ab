# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of the status page runs with a few sites, and its result can be read. Its times are not judged."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from bench import fleet_status


def test_it_runs_and_what_it_keeps_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_status, "write", functools.partial(fleet_status.write, directory=tmp_path))
    fleet_status.main(["--sites", "3", "--rounds", "1"])
    (kept,) = tmp_path.glob("*.json")
    read = json.loads(kept.read_text(encoding="utf-8"))
    assert (read["benchmark"], read["sites"]) == ("fleet_status", 3)
    assert read["page_bytes"] > 10_000, "a page was written"
    assert [(row["count"], row["median"] > 0) for row in read["seconds"]] == [(1, True), (1, True)]
