# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log sizes``: the disk, its topics, the outlook, with the guard and without."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import sizes
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.growth import Forecast, Limits, Room
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made

NOW = 1_700_000_000


def _remember(host: Host, disk: Dict[str, Any], **guard: Any) -> Path:
    directory = host.root / "guard"
    directory.mkdir()
    (directory / "memory.json").write_text(json.dumps({"version": 1, "disk": disk}))
    (host.chosen.home / "config" / "guard.json").write_text(
        json.dumps({"directory": str(directory), "free_drop": 10, **guard})
    )
    return directory


def _sizes(**changed: Any) -> sizes.Sizes:
    told: Dict[str, Any] = {
        "directory": Path("/data"), "room": Room(60, 100), "events": [("a.b.obs", 30), ("a.b.person", 2)], "kafka": 3,
        "reserve": 1, "limits": Limits(), "guarded": True, "level": "ok", "forecast": None, "dropped": [],
    }  # fmt: skip
    return sizes.Sizes(**{**told, **changed})


def test_without_a_guard_the_sizes_are_told_and_that_nothing_is_done(host: Host) -> None:
    host.topic("a.b.person-0", Made(0, payload=4000))
    host.topic("a.b.obs-0", Made(0, payload=90_000))
    host.topic("__consumer_offsets-0", Made(0))
    host.topic("schema-changes.a-0", Made(0))
    done = host.run("sizes")
    assert done.returncode == 0, done.stderr
    assert "are free (" in done.stdout.splitlines()[0]
    assert "the guard is not installed" in done.stdout.splitlines()[2]
    topics = [line.split() for line in done.stdout.splitlines() if line.startswith("a.b.")]
    assert [line[0] for line in topics] == ["a.b.obs", "a.b.person"]
    assert "schema-changes" not in done.stdout
    assert topics[0][1:] == ["88.0", "KiB", "96", "%"]
    answer = json.loads(host.run("sizes", "--json").stdout)
    assert (answer["guarded"], answer["forecast"], answer["dropped"]) == (False, None, [])
    assert answer["bytes"]["events"] > 94_000 > answer["bytes"]["kafka"] > 0


def test_what_the_guard_remembers_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "room_of", lambda _directory: Room(40 * 10**9, 100 * 10**9))
    samples = [[NOW - 10 * 86400 + day * 86400, (50 + day) * 10**9] for day in range(10)]
    dropped = [{"time": NOW - 60, "bytes": 2**20, "unread": False}]
    directory = _remember(host, {"samples": samples, "level": "low", "dropped": dropped}, free_drop=20)
    (directory / "reserve").write_bytes(b"x" * 8192)
    found = sizes.look(host.chosen, NOW)
    assert found.limits.drop == 20
    assert found.reserve == 8192
    assert found.forecast is not None
    assert found.forecast.days == pytest.approx(20, rel=0.01)
    shown = sizes.as_text(found)
    assert "fills by 953.7 MiB a day (measured over 10 days): in about 20 days only 20 % are free." in shown
    assert "1.0 MiB of events that every group had read" in shown
    assert sizes.as_data(found)["dropped"][0]["time"] == "2023-11-14T22:12:20.000Z"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"disk": 3}', '{"disk": {"samples": "x", "dropped": 1}}'])
def test_a_memory_that_cannot_be_read_is_no_failure(host: Host, text: str) -> None:
    (_remember(host, {}) / "memory.json").write_text(text)
    assert sizes.look(host.chosen, NOW).forecast is None


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        (None, "it was watched for less than a day"),
        (Forecast(-5, 86400, None), "The disk does not fill (measured over 1 days)."),
        (Forecast(2**30, 3 * 86400, 0.4), "in less than a day only 10 % are free."),
        (Forecast(1, 3 * 86400, 99999), "enough for more than ten years."),
    ],
)
def test_outlook_in_words(forecast: Any, words: str) -> None:
    assert words in sizes.sentence_of(forecast, Limits(), guarded=True)


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("ok", "There is room."),
        ("low", "are dropped."),
        ("stop", "Now the worker is stopped"),
        ("last", "or the database"),
    ],
)
def test_what_is_done_now(level: str, words: str) -> None:
    assert words in sizes.as_text(_sizes(level=level))


def test_all_else_is_what_is_left() -> None:
    assert _sizes().others == 40 - 32 - 3 - 1
    assert _sizes(kafka=1000).others == 0


def test_a_disk_that_is_not_mounted_is_told(host: Host) -> None:
    shutil.rmtree(host.data_dir)
    done = host.run("sizes")
    assert done.returncode == 1
    assert "not mounted" in done.stderr
