# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module removal as Ansible runs it: check = changed, run = changed, check = ok, run = ok."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from ansible_collections.openmrs.event_log.plugins.modules import removal as subject

from tests.unit.plugins.modules.conftest import Call


def options(folder: Path) -> Dict[str, Any]:
    return {
        "files": [str(folder / "command")],
        "trees": [{"path": str(folder / "home"), "own": ["compose.yaml"], "kept": ["secrets"]}],
    }


def test_the_ladder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "home/secrets").mkdir(parents=True)
    for name in ("command", "home/compose.yaml", "home/notes"):
        (tmp_path / name).write_text("x")
    gone = [f"{tmp_path}/command", f"of {tmp_path}/home: compose.yaml (0.0 MB)"]
    stays = [f"{tmp_path}/home, because of what is not ours in it: {tmp_path}/home/notes"]
    foretold = call(subject, check=True, **options(tmp_path))
    assert (tmp_path / "home/compose.yaml").exists()
    done = call(subject, **options(tmp_path))
    for result in (foretold, done):
        assert (result["changed"], result["gone"], result["stays"]) == (True, gone, stays)
        assert result["diff"]["before"].splitlines() == gone
    for check in (True, False):
        again = call(subject, check=check, **options(tmp_path))
        assert (again["changed"], again["gone"], again["stays"]) == (False, [], stays)
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["notes", "secrets"]


def test_what_must_not_be_touched_is_a_failure_in_words(call: Call, tmp_path: Path) -> None:
    (tmp_path / "meta.properties").write_text("cluster.id=other\n")
    cluster = {"properties": str(tmp_path / "meta.properties"), "marker": str(tmp_path / "formatted")}
    result = call(subject, **options(tmp_path), cluster=cluster)
    assert result["failed"]
    assert "holds the data of the cluster other" in result["msg"]
