"""The demo's data, and how it recognises and shows the event of its own change."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from demo.sample_database import GIVEN_NAMES, Name
from demo.show_change import is_the_change, table

ROOT = Path(__file__).resolve().parents[3]
NAME = Name(7, "Joe", "Amina")


def event(op: str = "u", key: int = 7, before: str | None = "Joe", after: str = "Amina") -> dict[str, Any]:
    row = {"person_name_id": key, "person_id": 3, "family_name": "Doe", "changed_by": None}
    return {
        "value": {
            "op": op,
            "before": None if before is None else {**row, "given_name": before},
            "after": {**row, "given_name": after, "changed_by": 1},
        }
    }


def test_its_own_change_is_recognised() -> None:
    assert is_the_change(event(), NAME)


@pytest.mark.parametrize(
    "other",
    [
        event(op="r", before=None),
        event(op="c", before=None),
        event(key=8),
        event(after="Neema"),
        event(before="Baraka"),
        {"value": None},
        {"value": {"op": "d", "before": {"person_name_id": 7}, "after": None}},
    ],
    ids=["snapshot", "insert", "another row", "another name", "an earlier change", "tombstone", "delete"],
)
def test_other_events_are_not_taken_for_it(other: dict[str, Any]) -> None:
    assert not is_the_change(other, NAME)


def test_before_and_after_stand_side_by_side_and_what_differs_is_marked() -> None:
    lines = table(event())
    assert re.fullmatch(r"  \* given_name +Joe +Amina", next(line for line in lines if "given_name" in line))
    assert re.fullmatch(r"    family_name +Doe +Doe", next(line for line in lines if "family_name" in line))


def test_the_statement_names_the_row_and_the_new_name() -> None:
    assert "given_name = 'Amina'" in NAME.sql
    assert NAME.sql.endswith("WHERE person_name_id = 7;")
    assert len(set(GIVEN_NAMES)) > 1, "there is always another name to change to"


def rows() -> list[list[str]]:
    lines = (ROOT / "demo/plan.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def test_the_plan_is_complete() -> None:
    assert {row[0] for row in rows()} == {"download", "create", "use"}
    script = (ROOT / "demo/plan.sh").read_text(encoding="utf-8")
    for kind, key, megabytes, what in rows():
        assert what
        assert key == "-" or f"here_{key}() " in script, f"nothing tells whether {key} is here already"
        assert megabytes.isdigit() if kind == "download" else megabytes == "-"


def test_traces_are_absolute_and_never_a_directory_of_the_system() -> None:
    lines = (ROOT / "demo/traces.txt").read_text(encoding="utf-8").splitlines()
    paths = [line for line in lines if line and not line.startswith("#")]
    assert len(paths) == len(set(paths))
    for path in paths:
        assert re.fullmatch(r"(/[a-z]+|~)/[\w./-]+", path), path
        assert path not in {"/etc/apt", "/var/lib", "/var/log", "/usr/local", "/usr/local/bin", "/etc/systemd"}


@pytest.mark.parametrize("words", [["upp"], ["up", "down"]])
def test_a_wrong_word_is_refused_with_the_usage(words: list[str]) -> None:
    done = subprocess.run([ROOT / "demo.sh", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: ./demo.sh" in done.stderr


def secrets(checkout: Path) -> list[str]:
    """Source the script in a checkout of its own, and let it make the secrets: the database's and the reader's."""
    (checkout / "inventories/demo/group_vars/all").mkdir(parents=True, exist_ok=True)
    script = f". {ROOT / 'demo/up.sh'}; write_secrets"
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=checkout, check=True)
    made = [checkout / f"inventories/demo/.{name}_password" for name in ("capture", "reader")]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o600, 0o600]
    return [path.read_text(encoding="utf-8").strip() for path in made]


def test_the_passwords_are_made_once_and_are_no_part_of_the_inventory(tmp_path: Path) -> None:
    made = secrets(tmp_path)
    assert min(map(len, made)) >= 24
    assert len(set(made)) == 2
    assert secrets(tmp_path) == made
    assert list((tmp_path / "inventories/demo/group_vars/all").iterdir()) == []


@pytest.mark.parametrize("name", ["capture", "reader"])
def test_no_password_of_the_demo_leaves_its_checkout(name: str) -> None:
    path = f"inventories/demo/.{name}_password"
    assert f"/{path}\n" in (ROOT / ".gitignore").read_text(encoding="utf-8")
    assert f"- {path}\n" in (ROOT / "galaxy.yml").read_text(encoding="utf-8")
    assert f" {path} " in (ROOT / "demo/record.sh").read_text(encoding="utf-8"), "purge takes what is recorded"


def test_the_password_of_a_former_version_is_taken_out_of_the_inventory(tmp_path: Path) -> None:
    former = tmp_path / "inventories/demo/group_vars/all/secrets.yml"
    former.parent.mkdir(parents=True)
    former.write_text("---\n# Written by demo.sh.\nevent_log_capture_password: AbC123xyz\n", encoding="utf-8")
    assert secrets(tmp_path)[0] == "AbC123xyz"
    assert not former.exists()
