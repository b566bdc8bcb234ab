# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the binary log grows and whether the disk holds it; and finding that disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _mysql_space as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_disk import with_disk
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_facts import DAY, BinlogFile, Disk, Source
from ansible_collections.openmrs.event_log.plugins.module_utils._mysql_source import describe

from tests.unit.plugins.module_utils.mysql_sources import ALL, WANTED, good, ids, judged, with_variables

NOW = 1_700_000_000
GB = 1024 * subject.MB
FILES = (
    BinlogFile("b.000001", 3 * GB, NOW - 10 * DAY),
    BinlogFile("b.000002", 6 * GB),
    BinlogFile("b.000003", 1 * GB, NOW - DAY),
)


def filled(free: int, kind: str = "mysql-8.4", total: int = 100 * GB, **variables: Any) -> Source:
    source = replace(good(kind), binlog_files=FILES, now=NOW, disk=Disk("/var/lib/mysql", total, free))
    return with_variables(source, **variables) if variables else source


def test_growth_is_measured_since_the_oldest_file_was_begun() -> None:
    measured = subject.growth(FILES, NOW)
    assert measured == subject.Growth(GB, 10 * DAY)


@pytest.mark.parametrize(
    ("files", "now"),
    [
        (None, NOW),
        ((), NOW),
        (FILES, None),
        ((BinlogFile("b.000001", 5),), NOW),
        ((BinlogFile("b.000001", 5 * GB, NOW - DAY + 1),), NOW),
        ((BinlogFile("b.000001", 5 * GB, NOW + 5),), NOW),
    ],
)
def test_what_is_unknown_or_too_young_is_not_measured(files: Any, now: Optional[int]) -> None:
    assert subject.growth(files, now) is None
    assert ids(replace(filled(6 * GB), binlog_files=files, now=now)) == {}


# 1 GB a day, 10 GB are there, 30 days are kept: 20 GB are missing.
@pytest.mark.parametrize(("free", "exceeds"), [(30 * GB, False), (20 * GB, False), (19 * GB, True)])
def test_an_expiry_that_the_disk_does_not_hold(free: int, exceeds: bool) -> None:
    assert ids(filled(free)) == ({"expiry_exceeds_disk": "warning"} if exceeds else {})


def test_the_forecast_is_in_the_message() -> None:
    [found] = judged(filled(19 * GB)).findings
    for words in ("1 GB a day", "over 10 days", "30 days of it take 30 GB", "10 GB now", "19 GB are free"):
        assert words in found.what


def test_an_expiry_that_will_be_lengthened_is_judged_as_it_will_be() -> None:
    source = filled(10 * GB, binlog_expire_logs_seconds=str(5 * DAY))
    assert ids(source) == {"expiry_short": "warning"}
    assert set(ids(source, replace(WANTED, longest_outage_days=21))) == {"expiry_short", "expiry_exceeds_disk"}


@pytest.mark.parametrize("kind", ALL)
def test_files_that_stay_for_ever_are_a_warning_once_the_end_is_near(kind: str) -> None:
    forever: dict[str, Any] = {"expire_logs_days": "0", "binlog_expire_logs_seconds": "0"}
    assert ids(filled(91 * GB, kind, **forever)) == {"expiry_never": "info"}
    assert ids(filled(80 * GB, kind, **forever)) == {"expiry_never": "info", "expiry_exceeds_disk": "warning"}
    assert "about 80 days" in judged(filled(80 * GB, kind, **forever)).findings[-2].what


def test_a_log_that_does_not_grow_fits() -> None:
    still = (BinlogFile("b.000001", 0, NOW - 10 * DAY),)
    assert ids(replace(filled(6 * GB), binlog_files=still)) == {}


def test_a_binlog_that_is_off_takes_no_room() -> None:
    assert ids(filled(6 * GB, log_bin="OFF", binlog_expire_logs_seconds="9999999")) == {"binlog_off": "error"}


@pytest.mark.parametrize(
    ("free", "total", "expected"),
    [
        (6 * GB, 100 * GB, {}),
        (4 * GB, 100 * GB, {"disk_nearly_full": "warning"}),
        (900 * subject.MB, 5 * GB, {"disk_nearly_full": "warning"}),
        (99 * subject.MB, 5 * GB, {"disk_nearly_full": "error"}),
        (0, 5 * GB, {"disk_nearly_full": "error"}),
    ],
)
def test_a_disk_that_is_nearly_full(free: int, total: int, expected: dict[str, str]) -> None:
    assert ids(replace(filled(free, total=total), binlog_files=None)) == expected


def test_the_result_has_what_was_measured() -> None:
    shown = describe(filled(30 * GB), WANTED)
    assert shown["binlog_growth"] == {"bytes_per_day": GB, "seconds": 10 * DAY}
    assert shown["binlog_disk"]["free"] == 30 * GB
    assert [file["created"] for file in shown["binlog_files"]] == ["2023-11-04T22:13:20Z", None, "2023-11-13T22:13:20Z"]


@pytest.mark.parametrize(("number", "text"), [(0, "0 MB"), (1536 * 1024, "1.5 MB"), (3 * GB, "3 GB")])
def test_sizes_for_people(number: int, text: str) -> None:
    assert subject.size(number) == text


def lying(directory: Path, *files: tuple[str, int], **variables: str) -> Source:
    source = with_variables(good("mysql-8.4"), log_bin_basename=f"{directory}/b", **variables)
    return replace(source, binlog_files=tuple(BinlogFile(name, size) for name, size in files))


def test_the_disk_is_found_by_the_files_themselves(tmp_path: Path) -> None:
    (tmp_path / "b.000001").write_bytes(b"12345")
    found = with_disk(lying(tmp_path, ("b.000001", 5), ("b.000002", 9), datadir=str(tmp_path)))
    room = os.statvfs(tmp_path)
    assert found.disk is not None
    assert found.disk.directory == str(tmp_path)
    assert found.disk.total == room.f_blocks * room.f_frsize
    assert found.disk.separate is False


@pytest.mark.parametrize("files", [[("b.000001", 6), ("b.000002", 9)], [("b.000009", 5)], [("b.000001", 6)], []])
def test_the_directory_of_another_server_is_not_taken(tmp_path: Path, files: list[tuple[str, int]]) -> None:
    (tmp_path / "b.000001").write_bytes(b"12345")
    source = lying(tmp_path, *files)
    assert with_disk(source) == source
    told = with_disk(source, str(tmp_path))
    assert (told.disk is None) == bool(files)
    assert ids(replace(told, disk=None)) == ({"binlog_directory": "warning"} if files else {})


def test_a_file_that_is_being_written_may_have_grown(tmp_path: Path) -> None:
    (tmp_path / "b.000001").write_bytes(b"12345")
    assert with_disk(lying(tmp_path, ("b.000001", 3))).disk is not None


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    source = lying(tmp_path / "none", ("b.000001", 3))
    assert with_disk(source) == source
    told = with_disk(source, str(tmp_path / "none"))
    [found] = judged(told, replace(WANTED, binlog_directory="/given")).findings
    assert (found.id, "/given" in found.what, "no such directory" in found.what) == ("binlog_directory", True, True)


def test_a_disk_of_its_own_is_worth_knowing() -> None:
    source = filled(30 * GB)
    assert source.disk is not None
    assert ids(replace(source, disk=replace(source.disk, separate=True))) == {"binlog_other_disk": "info"}
