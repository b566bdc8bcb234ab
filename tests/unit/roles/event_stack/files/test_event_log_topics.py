# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``event-log topics``, and finding the topic that a person means."""

from __future__ import annotations

import json
import shutil
from typing import Any, Dict

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import text, topics
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.errors import EventLogError, UsageError
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.conftest import Host
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.kafka_batches import Made

SEVERAL = ["openmrs.openmrs.person", "openmrs.openmrs.person_name", "other.openmrs.person", "__consumer_offsets"]


def test_table_sums_partitions_and_shows_local_time(host: Host) -> None:
    host.topic("openmrs.openmrs.person-0", Made(3, 7, first_ms=1_700_000_000_000, last_ms=1_700_000_060_000))
    host.topic("openmrs.openmrs.person-1", Made(0, 2, first_ms=1_699_999_000_000, last_ms=1_699_999_000_000))
    host.topic("openmrs.openmrs.patient-0")
    done = host.run("topics")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split("  ")[0] == "TOPIC"
    assert lines[1].split() == ["openmrs.openmrs.patient", "0", "0", "B", "-", "-"]
    person = lines[2].split()
    assert person[:2] == ["openmrs.openmrs.person", "9"]
    assert person[-4:] == ["2023-11-14", "23:56:40", "2023-11-15", "00:14:20"]  # Kigali is UTC+2
    assert lines[3].split()[:2] == ["total", "9"]
    assert lines[-1].startswith("Times are in this host's time zone, CAT (UTC+0200).")


def test_internal_topics_are_shown_only_on_request(host: Host) -> None:
    for name in ("openmrs.openmrs.person-0", "__consumer_offsets-0", "event-log-connect-status-0"):
        host.topic(name, Made(0))
    assert "3 internal" not in host.run("topics").stdout
    assert "2 internal topics are not shown" in host.run("topics").stdout
    shown = host.run("topics", "--all").stdout
    assert "__consumer_offsets" in shown
    assert "event-log-connect-status" in shown


def test_json_is_for_programs(host: Host) -> None:
    host.topic("a.b.c-0", Made(5, 2, first_ms=1_700_000_000_007, last_ms=1_700_000_000_009))
    answer = json.loads(host.run("topics", "--json").stdout)
    (topic,) = answer["topics"]
    size = topic.pop("bytes")
    assert size > 0
    assert topic == {
        "topic": "a.b.c",
        "internal": False,
        "events": 2,
        "oldest": "2023-11-14T22:13:20.007Z",
        "oldest_ms": 1_700_000_000_007,
        "newest": "2023-11-14T22:13:20.009Z",
        "newest_ms": 1_700_000_000_009,
        "partitions": [{"partition": 0, "start_offset": 5, "end_offset": 7}],
    }


def test_start_offset_checkpoint_is_respected(host: Host) -> None:
    host.topic("a.b.c-0", Made(0, 5, first_ms=1, last_ms=1), Made(5, 5, first_ms=9, last_ms=9))
    (host.data_dir / "log-start-offset-checkpoint").write_text("0\n1\na.b.c 0 5\n")
    (summary,) = topics.summarise(host.chosen)
    assert (summary.events, summary.oldest_ms) == (5, 9)


DATABASE = {"name": "SYSTEM", "system": "EAT", "utc_offset_minutes": 180, "site": None}


@pytest.mark.parametrize(
    ("zone", "sentence"),
    [
        (DATABASE, "are the wall clock of the database, EAT (UTC+03:00), written as if it were UTC."),
        ({**DATABASE, "site": "Africa/Kigali"}, "are the wall clock of Africa/Kigali, written as if it were UTC."),
        ({**DATABASE, "name": "-03:30", "utc_offset_minutes": -210}, "the database, -03:30 (UTC-03:30), written"),
        ({**DATABASE, "system": None, "utc_offset_minutes": 0}, "the database, ? (UTC+00:00), written"),
    ],
)
def test_the_clock_of_datetime_values_is_told(host: Host, zone: Dict[str, Any], sentence: str) -> None:
    facts = {"flavour": "mysql", "time_zone": zone}
    (host.chosen.home / "config" / "source.json").write_text(json.dumps(facts))
    last = host.run("topics").stdout.splitlines()[-1]
    assert last.startswith("Datetime values in events ")
    assert sentence in last
    assert json.loads(host.run("topics", "--json").stdout)["source"] == facts


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"time_zone": null}', '{"time_zone": {"utc_offset_minutes": null}}']
)
def test_an_unknown_clock_is_no_fault(host: Host, text: str) -> None:
    (host.chosen.home / "config" / "source.json").write_text(text)
    done = host.run("topics")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("Times are in this host's time zone")
    (host.chosen.home / "config" / "source.json").unlink()
    assert json.loads(host.run("topics", "--json").stdout)["source"] is None


def test_nothing_yet_is_said_in_words(host: Host) -> None:
    assert "No topic yet" in host.run("topics").stdout


def test_broken_tail_is_reported(host: Host) -> None:
    host.topic("a.b.c-0", Made(0))
    log = host.data_dir / "a.b.c-0" / f"{0:020d}.log"
    log.write_bytes(log.read_bytes() + bytes(100))
    assert "a.b.c: the last bytes are no whole batch" in host.run("topics").stdout


def test_missing_data_directory_asks_for_the_mount(host: Host) -> None:
    shutil.rmtree(host.data_dir)
    done = host.run("topics")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not mounted" in done.stderr
    assert str(host.data_dir) in done.stderr


def test_unreadable_data_directory_asks_for_sudo(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(topics.kafka_log, "partitions", refuse)
    with pytest.raises(EventLogError, match="Use sudo"):
        topics.summarise(host.chosen)


@pytest.mark.parametrize(
    ("wanted", "topic"),
    [
        ("person_name", "openmrs.openmrs.person_name"),
        ("openmrs.person_name", "openmrs.openmrs.person_name"),
        ("other.openmrs.person", "other.openmrs.person"),
        ("__consumer_offsets", "__consumer_offsets"),
    ],
)
def test_table_database_table_or_topic_name_is_understood(wanted: str, topic: str) -> None:
    assert topics.resolve(wanted, SEVERAL) == topic


def test_ambiguous_name_is_answered_with_the_candidates() -> None:
    with pytest.raises(UsageError) as caught:
        topics.resolve("person", SEVERAL)
    assert str(caught.value).splitlines()[1:] == ["  openmrs.openmrs.person", "  other.openmrs.person"]


def test_the_sites_own_topic_goes_before_that_of_another_connector() -> None:
    assert topics.resolve("person", SEVERAL, own="other.openmrs.") == "other.openmrs.person"
    assert topics.resolve("openmrs.openmrs.person", SEVERAL, own="other.openmrs.") == "openmrs.openmrs.person"
    with pytest.raises(UsageError):
        topics.resolve("person", SEVERAL, own="third.openmrs.")


def test_unknown_name_is_answered_with_the_topics_that_exist_but_not_internal_ones() -> None:
    with pytest.raises(UsageError) as caught:
        topics.resolve("erson", SEVERAL)
    assert "no topic for 'erson'" in str(caught.value)
    assert "other.openmrs.person" in str(caught.value)
    assert "__consumer_offsets" not in str(caught.value)


def test_sizes_and_times_for_people() -> None:
    assert [text.human_bytes(n) for n in (0, 1023, 1536, 5 * 1024**3, 3 * 1024**4)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 GiB",
        "3.0 TiB",
    ]
    assert text.iso_utc(-1) == "1969-12-31T23:59:59.999Z"
    assert text.iso_utc(2**62) is None
    assert text.local_time(2**62) == "?"
