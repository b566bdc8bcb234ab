# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups as data: names, which of them go, room and time, and what an archive says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _backup as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._backup import MB, BackupError, Manifest, Parent, Places

NAMES = [subject.name_of("hill", f"2026010{day}T000000Z") for day in (3, 1, 4, 2)]
OTHERS = [
    subject.name_of("hill-top", "20250101T000000Z"),
    "event-log-hill-notes.txt",
    "event-log-hill-20250101T000000Z.tar.zst",
    "event-log-hill-20250101T000000Z.tar.zst.age.bak",
    "20250101T000000Z.tar.zst.age",
]


def test_a_name_has_the_site_and_the_time_in_utc() -> None:
    assert subject.name_of("hill", subject.stamp(1772331300.9)) == "event-log-hill-20260301T021500Z.tar.zst.age"


@pytest.mark.parametrize(("keep", "gone"), [(3, [1]), (1, [1, 2, 3]), (4, []), (9, []), (0, [1, 2, 3])])
def test_the_newest_of_the_site_stay_and_nothing_else_is_looked_at(keep: int, gone: list[int]) -> None:
    found = subject.superseded([*NAMES, *OTHERS], "hill", keep)
    assert found == [subject.name_of("hill", f"2026010{day}T000000Z") for day in gone]


def test_halves_and_lonely_checksums_of_the_site_are_left_over() -> None:
    part = subject.name_of("hill", "20260105T000000Z") + subject.PART
    lonely = subject.name_of("hill", "20260106T000000Z") + ".sha256"
    names = [*NAMES, *OTHERS, f"{NAMES[0]}.sha256", part, lonely, f"{OTHERS[0]}.part", "notes.part", "notes.sha256"]
    assert subject.leftovers(names, "hill") == [part, lonely]


def test_a_checksum_is_what_sha256sum_reads() -> None:
    line = subject.checksum_line("a" * 64, NAMES[0])
    assert line == f"{'a' * 64}  {NAMES[0]}\n"
    assert subject.read_checksum(line) == "a" * 64
    with pytest.raises(BackupError, match="no checksum"):
        subject.read_checksum("404 not found")


def test_room_is_bounded_by_what_goes_in() -> None:
    assert subject.room_problem(500 * MB, 600 * MB, Path("/b")) == ""
    words = subject.room_problem(500 * MB, 599 * MB, Path("/b"))
    assert "/b has 599.0 MB free" in words
    assert "event_log_backup_dir" in words


def test_time_is_told_rounded_up() -> None:
    assert [subject.seconds_told(n) for n in (0, 1.1, 89, 91, 121)] == ["1 s", "2 s", "89 s", "2 min", "3 min"]
    assert subject.span_told(1200 * MB) == "25 s to 2 min"


@pytest.mark.parametrize("site", ["", "a/b", "A", "../x", "a b"])
def test_a_site_that_makes_no_name_is_refused(site: str) -> None:
    with pytest.raises(BackupError, match="event_log_site"):
        subject.check_site(site)


def made() -> Manifest:
    return Manifest(
        "hill",
        "20260301T021500Z",
        "/opt/e",
        "/var/e",
        "/opt/e/secrets",
        ("/opt/e/config",),
        (Parent("/opt/e", 0, 0, 0o755),),
        3,
        9,
        ("i:1",),
    )


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert subject.read_manifest(made().to_json()) == made()


@pytest.mark.parametrize("wrong", ["", "[]", "{}", '{"format": 1}', made().to_json().replace('"parents"', '"others"')])
def test_another_manifest_is_refused(wrong: str) -> None:
    with pytest.raises(BackupError, match="none that the playbook backup has made"):
        subject.read_manifest(wrong)


def test_a_manifest_of_a_later_form_is_refused() -> None:
    later = json.dumps({**json.loads(made().to_json()), "format": 2})
    with pytest.raises(BackupError, match="the form 2"):
        subject.read_manifest(later)


def test_what_there_is_goes_in_and_nothing_beside(tmp_path: Path) -> None:
    places = Places(tmp_path / "home", tmp_path / "data", tmp_path / "far")
    names = (
        "home/compose.yaml",
        "home/config/a",
        "home/lib/a",
        "home/hold",
        "home/former/a",
        "far/x",
        "data/notes",
        "data/kafka/data/log/a",
    )
    more = (
        "data/zookeeper/data/myid",
        "data/zookeeper/txns/version-2/log.1",
        "data/kafka/data/.restore-former/log/a",
    )
    for name in (*names, *more):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [str(path.relative_to(tmp_path)) for path in places.entries()]
    assert found == [
        "home/compose.yaml",
        "home/config",
        "far",
        "data/kafka/data/log",
        "data/zookeeper/data/myid",
        "data/zookeeper/txns/version-2",
    ]
    assert all(places.allows(path) for path in places.entries())
    assert not any(
        places.allows(tmp_path / name) for name in ("home", "home/lib", "data", "data/kafka/data", "etc/passwd")
    )
