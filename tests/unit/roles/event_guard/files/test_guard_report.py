# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports: when one is due, what is in it, and that none is lost while the line is down."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet
from event_guard import report
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log import overview, status
from event_log.certificates import Certificate
from event_log.lag import Behind, Lag
from event_log.overview import Overview
from event_log.upkeep import Backup, Headroom, Upkeep
from event_log.verdict import ILL, OK, Finding, Verdict
from event_log.worker import Connector

NOW = 1_800_000_000.0
HOUR = 3600.0
WELL = Verdict("ok", "Running.", ())
ILLNESS = Finding("lag", ILL, "No heartbeat.", "Look.")
SICK = Verdict("ill", ILLNESS.sentence, (ILLNESS,))


class Site:
    """A guard whose sender keeps what it gets, or fails, and a status that a test sets."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.verdict = folder, WELL
        sender = folder / "send"
        sender.write_text(
            f"#!/bin/sh\ncd {folder}\n[ ! -e down ] || {{ echo no line >&2; exit 7; }}\ncat > got-$(ls | wc -l)\n"
        )
        sender.chmod(0o755)
        self.guard = Guard(directory=folder / "guard", site="hilltop", report_command=(str(sender),), report_hours=24)
        monkeypatch.setattr(status, "verdict_of", lambda _settings: self.verdict)
        monkeypatch.setattr(report, "_TURN", report._Turn())

    def step(self, now: float) -> dict[str, Any]:
        memory = Memory.load(self.guard.directory)
        report.step(None, self.guard, memory, now)  # type: ignore[arg-type]
        memory.save()
        return dict(memory.get("reports"))

    def line(self, up: bool) -> None:
        path = self.folder / "down"
        if up:
            path.unlink(missing_ok=True)
        else:
            path.touch()

    @property
    def sent(self) -> list[str]:
        return [path.read_text() for path in sorted(self.folder.glob("got-*"), key=lambda one: one.stat().st_mtime_ns)]

    @property
    def waiting(self) -> list[Path]:
        return report.waiting(report.outbox(self.guard))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield Site(tmp_path, monkeypatch)


def test_the_first_look_is_reported_and_then_one_a_day(site: Site) -> None:
    site.step(NOW)
    assert site.sent[0].startswith("hilltop: ok\nRunning.\n")
    for hours in (1, 12, 23):
        site.step(NOW + hours * HOUR)
    assert len(site.sent) == 1
    site.step(NOW + 24 * HOUR)
    assert len(site.sent) == 2


def test_what_changes_is_reported_at_once_and_once(site: Site) -> None:
    site.step(NOW)
    site.verdict = SICK
    site.step(NOW + 600)
    site.verdict = Verdict("ill", "No heartbeat for longer.", (Finding("lag", ILL, "No heartbeat for longer.", ""),))
    site.step(NOW + 1200)
    site.verdict = Verdict("busy", "Starting.", ())
    site.step(NOW + 1800)
    site.verdict = WELL
    site.step(NOW + 2400)
    assert [text.splitlines()[0] for text in site.sent] == ["hilltop: ok", "hilltop: ill", "hilltop: ok"]


@pytest.mark.parametrize("id", ["engine", "too_slow", "worker"])
def test_a_look_without_an_answer_is_repeated_in_the_next_rounds_before_it_is_reported(site: Site, id: str) -> None:
    slow = Finding(id, ILL, "No answer.", "")
    site.step(NOW)
    for second, verdict in ((300, slow), (310, None), (610, slow), (620, slow)):
        site.verdict = Verdict("ill", "No answer.", (verdict,)) if verdict else WELL
        site.step(NOW + second)
        assert len(site.sent) == 1
    site.step(NOW + 630)
    assert site.sent[1].startswith("hilltop: ill\nNo answer.\n")
    site.step(NOW + 640)
    site.step(NOW + 930)
    assert len(site.sent) == 2
    site.verdict = WELL
    site.step(NOW + 1230)
    assert site.sent[2].startswith("hilltop: ok\n"), "what is over is reported at once"


def test_without_a_command_nothing_is_written(site: Site) -> None:
    site.guard = Guard(directory=site.guard.directory)
    assert site.step(NOW) == {}
    assert not site.guard.directory.exists()


def test_reports_wait_while_the_line_is_down_and_go_in_their_order(site: Site) -> None:
    site.line(up=False)
    site.step(NOW)
    site.verdict = SICK
    state = site.step(NOW + 600)
    assert (len(site.waiting), site.sent) == (2, [])
    assert (state["waiting"], state["failing_since"]) == (2, int(NOW))
    assert state["error"].endswith("ended with 7: no line")
    assert {stat.S_IMODE(path.stat().st_mode) for path in site.waiting} == {0o600}
    site.line(up=True)
    state = site.step(NOW + 700)  # not yet: the last attempt was a moment ago
    assert site.sent == []
    state = site.step(NOW + 1000)
    state = site.step(NOW + 1001)
    assert [text.splitlines()[0] for text in site.sent] == ["hilltop: ok", "hilltop: ill"]
    assert (state["waiting"], site.waiting) == (0, [])
    assert not {"failing_since", "error", "failures"} & set(state)


def test_attempts_become_rarer_and_never_end(site: Site) -> None:
    site.line(up=False)
    tries, before = [], 0
    for second in range(0, 20000, 10):
        failures = site.step(NOW + second).get("failures", 0)
        if failures > before:
            tries.append(second)
            before = failures
    gaps = [later - earlier for earlier, later in zip(tries, tries[1:])]
    assert gaps[:3] == [60, 300, 900]
    assert set(gaps[3:]) == {3600}
    assert len(gaps) > 5


def test_a_restart_of_the_guard_and_a_clock_that_was_set_back_delay_nothing_for_long(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.line(up=False)
    site.step(NOW)
    site.line(up=True)
    monkeypatch.setattr(report, "_TURN", report._Turn())
    site.step(NOW + 1)
    assert len(site.sent) == 1, "it goes at once"
    site.step(NOW - 365 * 24 * HOUR)
    assert len(site.sent) == 2, "a time in the future is no reason to be silent for a year"


def test_of_too_many_the_newest_wait(site: Site) -> None:
    folder = report.outbox(site.guard)
    for number in range(report.MOST_WAITING + 5):
        report.put_into(folder, f"report {number}", NOW + number)
    texts = [path.read_text() for path in report.waiting(folder)]
    assert texts == [f"report {number}" for number in range(5, report.MOST_WAITING + 5)]
    assert sorted(path.suffix for path in folder.iterdir()) == [".txt"] * report.MOST_WAITING


@pytest.mark.parametrize("filling", ["é", "x", "words and more "])
def test_a_report_is_never_longer_than_4_kb_and_whole_text(filling: str) -> None:
    many = tuple(Finding(f"f{number}", OK, filling * 50 + ".", "") for number in range(200))
    recent = [{"time": "t", "act": "restart", "about": "c", "reason": filling * 300}] * 12
    text = report.compose("hilltop", Verdict("ill", "Bad.", many), recent, {"restart": 9}, NOW, data="Data: {}\n")
    assert len(text.encode()) <= 4096
    assert text.startswith("hilltop: ill\nBad.\n")
    assert text.endswith("(cut short)\nData: {}\n")


def test_a_short_report_tells_connectors_acts_and_when() -> None:
    one = Connector("openmrs-connector", "source", "RUNNING", ("RUNNING",), "", "openmrs")
    recent = [
        {"time": "t1", "act": "a", "about": "x", "reason": "r"},
        {"time": "t2", "act": "b", "about": "", "reason": "s"},
    ]
    text = report.compose("", Verdict("ok", "Running.", (), (one,)), recent, {"b": 2, "a": 1}, NOW)
    assert text.splitlines() == [
        "event log: ok",
        "Running.",
        "Connector openmrs-connector: RUNNING, tasks: RUNNING",
        "Done in all: a 1, b 2",
        "t2 b: s",
        "t1 a x: r",
        "Written at 2027-01-15T08:00:00Z",
    ]


def test_the_last_line_is_for_the_status_page(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    beat = Lag(NOW, int(NOW * 1000) - 7000, None, None)
    found = Overview("", NOW, SICK, "i:1", beat, sizes=None, topics=(), days=(), guard={}, upkeep=Upkeep(NOW))
    monkeypatch.setattr(overview, "look", lambda *_given: found)
    site.verdict = Verdict("ill", "é" * 5000, (ILLNESS,))
    site.step(NOW)
    read = _fleet.report(site.sent[0])
    assert read is not None
    assert (read.name, read.state, read.seen) == ("hilltop", "ill", "2027-01-15T08:00:00.000Z")
    told = dict(read.overview or {})
    assert told["lag"]["heartbeat_age_seconds"] == pytest.approx(7)
    assert told["disk"]["free"] is None
    assert len(site.sent[0].encode()) <= report.MOST_BYTES


def test_the_last_line_has_what_goes_wrong_later_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    seen = Upkeep(
        NOW,
        (Certificate("truststore", "/opt/event-log/secrets/connect/database-ca-0badcafe.jks", int(NOW) + 900),),
        Backup("/var/backups/event-log/event-log-hilltop-20260301T021500Z.tar.zst.age", 5, int(NOW) - 900),
        headroom=Headroom(int(NOW) - 9000, 86400, (1_700_000_000, 1_700_003_600)),
    )

    def told(groups: int) -> dict[str, Any]:
        readers = [Behind(f"reader-of-a-ministry-{number}", 7, 1, int(NOW), True) for number in range(groups)]
        lag = Lag(NOW, int(NOW * 1000), None, readers)
        found = Overview("", NOW, SICK, "i:1", lag, None, (), (), {}, seen, {"kafka": "4.3.1"})
        monkeypatch.setattr(overview, "look", lambda *_given: found)
        line = report.data_line("hilltop", SICK, None, NOW)  # type: ignore[arg-type]
        assert len(line.encode()) <= report.MOST_LINE
        return dict(_fleet.report(line).overview)  # type: ignore[union-attr, arg-type]

    few, many = told(3), told(90)
    assert [one["group"] for one in few["groups"]] == [f"reader-of-a-ministry-{number}" for number in range(3)]
    assert few["versions"]["kafka"] == "4.3.1"
    assert "groups" not in many
    for found in (few, many):
        assert found["backup"]["bytes"] == 5
        assert found["headroom"]["longest_outage_seconds"] == 3600
        assert found["certificates"][0]["what"] == "truststore"


def test_a_sender_that_is_not_there_is_said(site: Site) -> None:
    site.guard = Guard(directory=site.guard.directory, report_command=("/nowhere/send",))
    assert site.step(NOW)["error"] == "/nowhere/send is not there"


def test_what_is_told_is_what_is_wrong_and_not_how_it_is_worded() -> None:
    note = Finding("gap", OK, "x", "")
    assert (
        report.told(Verdict("ill", "a", (ILLNESS, note))) == report.told(Verdict("ill", "b", (ILLNESS,))) == "ill lag"
    )
