# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connector_offsets on real workers: what it says it did is what the worker keeps, and the connector acts on it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest

from tests.helpers.calls import call, play
from tests.helpers.workers import Rig, Worker, wait_for


class Subject:
    """One connector that has offsets, and what can be done to it."""

    def __init__(self, worker: Worker, name: str) -> None:
        self.worker = worker
        self.name = name

    def change(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return call("connector_offsets", check=check, **self.worker.options, name=self.name, **options)

    def kept(self) -> list[dict[str, Any]]:
        """Return what the worker itself says, in the order of the module."""
        offsets = self.worker.get(f"/connectors/{self.name}/offsets")["offsets"]
        return sorted(offsets, key=lambda entry: sorted(map(str, entry["partition"].items())))

    def bring(self, state: str) -> None:
        verb = {"RUNNING": "resume", "PAUSED": "pause", "STOPPED": "stop"}[state]
        assert self.worker.rest("PUT", f"/connectors/{self.name}/{verb}")[0] in (202, 204)
        wanted = [state] if state == "STOPPED" else [state, state]
        wait_for(f"{self.name} is {state}", lambda: self.worker.states(self.name) == wanted or None, 60)

    def climb(self, where: str, actions: list[str], **options: Any) -> dict[str, Any]:
        """Check = changed, run = changed, check = ok, run = ok; the former state is back each time."""
        self.bring(where)
        before = self.kept()
        foretold = self.change(check=True, **options)
        assert self.kept() == before, "check mode changed something"
        done = self.change(**options)
        for result in (foretold, done):
            assert (result.get("msg"), result["changed"], result["actions"]) == (None, True, actions), result
        assert (foretold["diff"], foretold["offsets"]) == (done["diff"], done["offsets"])
        assert done["diff"]["before"]["offsets"] == before
        assert self.kept() == done["offsets"] == done["diff"]["after"]["offsets"]
        for check in (True, False):
            again = self.change(check=check, **options)
            assert (again["changed"], again["actions"], again["offsets"]) == (False, [], done["offsets"])
        assert self.worker.states(self.name)[0] == where
        return done


@contextlib.contextmanager
def registered(worker: Worker, name: str, config: dict[str, Any]) -> Iterator[Subject]:
    """Register a connector and wait until it has stored how far it is."""
    worker.delete(name)
    made = call("connector", **worker.options, name=name, config=config, settle=1)
    assert not made.get("failed"), made
    subject = Subject(worker, name)
    try:
        wait_for(f"{name} has offsets", subject.kept, 90, worker.name)
        yield subject
    finally:
        worker.delete(name)


@pytest.fixture(scope="module")
def source(rig: Rig) -> Iterator[Subject]:
    """A file source that has read two lines, eight bytes. A line without its end is not read, so it stays there."""
    name = "offsets-source"
    (rig.files / f"{name}.txt").write_text("one\ntwo\nthree", encoding="utf-8")
    with registered(rig.old, name, rig.source(name)) as subject:
        yield subject


@pytest.fixture(scope="module")
def sink(rig: Rig, source: Subject) -> Iterator[Subject]:
    name = "offsets-sink"
    with registered(rig.old, name, rig.sink(name, source.name)) as subject:
        yield subject


@pytest.fixture(scope="module")
def debezium(rig: Rig) -> Iterator[Subject]:
    name = "offsets-debezium"
    with registered(rig.a, name, rig.debezium(name)) as subject:
        yield subject


def of_file(subject: Subject, position: Any) -> list[dict[str, Any]]:
    offset = None if position is None else {"position": position}
    return [{"partition": {"filename": f"/rig/{subject.name}.txt"}, "offset": offset}]


def settled(subject: Subject) -> list[dict[str, Any]]:
    """Put a file source within the line that has no end, so that its offset stays; it is stopped then."""
    subject.bring("STOPPED")
    within = of_file(subject, 9)
    result = subject.change(state="altered", offsets=within)
    assert result["offsets"] == within, result
    return within


# sources


def test_a_stopped_file_source_is_altered_and_stays_stopped(source: Subject) -> None:
    settled(source)
    done = source.climb("STOPPED", ["alter"], state="altered", offsets=of_file(source, 4))
    assert done["message"] == "The offsets for this connector have been altered successfully"


@pytest.mark.full  # the next test alters a running one, too
def test_a_running_file_source_is_altered_and_runs_again(source: Subject) -> None:
    settled(source)
    farther = of_file(source, 10)
    source.climb("RUNNING", ["stop", "alter", "resume"], state="altered", offsets=farther)
    assert source.worker.states(source.name) == ["RUNNING", "RUNNING"]


def test_a_source_reads_on_from_the_offset_that_it_was_given(rig: Rig, source: Subject) -> None:
    settled(source)
    source.bring("RUNNING")
    before = rig.log_of(source.name).count("two")
    done = source.change(state="altered", offsets=of_file(source, 4))
    assert (done["changed"], done["offsets"]) == (True, of_file(source, 4))
    wait_for("the second line once more", lambda: rig.log_of(source.name).count("two") == before + 1, 60)
    wait_for("its offset", lambda: source.kept() == of_file(source, 8), 90)


def test_an_offset_is_removed_and_all_are_reset(source: Subject) -> None:
    settled(source)
    unknown = {"partition": {"filename": "/nowhere"}, "offset": None}
    assert source.change(state="altered", offsets=[unknown])["changed"] is False
    done = source.climb("STOPPED", ["alter"], state="altered", offsets=of_file(source, None))
    assert done["offsets"] == []
    source.change(state="altered", offsets=of_file(source, 4))
    source.climb("STOPPED", ["reset"], state="reset")


def test_a_paused_file_source_is_paused_again(source: Subject) -> None:
    settled(source)
    source.bring("RUNNING")
    source.climb("PAUSED", ["stop", "alter", "pause"], state="altered", offsets=of_file(source, 10))


@pytest.mark.parametrize(
    ("where", "partition", "offset", "words"),
    [
        ("RUNNING", {"file": "x"}, {"position": 1}, "Partition objects should contain the key 'filename'"),
        ("STOPPED", None, {"pos": 1}, "Offset objects should either be null or contain the key 'position'"),
        ("STOPPED", None, {"position": -1}, "The value for the 'position' key in the offset should be a non-negative"),
    ],
)
def test_what_the_plugin_refuses_is_told_in_its_words_and_the_state_is_back(
    *, source: Subject, where: str, partition: Any, offset: Any, words: str
) -> None:
    within = settled(source)
    source.bring(where)
    given = [{"partition": partition or within[0]["partition"], "offset": offset}]
    result = source.change(state="altered", offsets=given)
    assert words in result["msg"]
    assert f"Its offsets were not changed; the connector is {where.lower()} as before" in result["msg"]
    assert (result["failed"], result["method"], result["status"]) == (True, "PATCH", 500)
    assert result["response"].startswith(words)
    assert source.kept() == result["offsets"] == within
    assert source.worker.states(source.name)[0] == where


def test_a_text_for_a_number_stops_nothing(source: Subject) -> None:
    settled(source)
    source.bring("RUNNING")
    result = source.change(state="altered", offsets=of_file(source, "4"))
    assert 'offsets[0].offset.position: "4" where the connector keeps' in result["msg"]
    assert result["actions"] == []


# sinks


def of_topic(source: Subject, offset: Optional[Any], partition: Any = 0, topic: str = "") -> list[dict[str, Any]]:
    where = {"kafka_partition": partition, "kafka_topic": topic or source.name}
    return [{"partition": where, "offset": None if offset is None else {"kafka_offset": offset}}]


@pytest.mark.parametrize("state", ["STOPPED", pytest.param("PAUSED", marks=pytest.mark.full)])
def test_a_sink_is_altered_and_reset(source: Subject, sink: Subject, state: str) -> None:
    around = ([], []) if state == "STOPPED" else (["stop"], ["pause"])
    sink.bring("RUNNING")
    first, last = around
    sink.climb(state, [*first, "alter", *last], state="altered", offsets=of_topic(source, "0", "0"))
    assert sink.kept() == of_topic(source, 0)
    sink.bring("STOPPED")
    sink.climb("STOPPED", ["alter"], state="altered", offsets=of_topic(source, None))
    sink.change(state="altered", offsets=of_topic(source, 1))
    sink.climb("STOPPED", ["reset"], state="reset")


@pytest.mark.full
def test_a_running_sink_reads_again_what_it_was_set_back_to(rig: Rig, source: Subject, sink: Subject) -> None:
    sink.bring("RUNNING")
    written = rig.files / f"{sink.name}.out"
    before = written.read_text(encoding="utf-8").count("one")
    done = sink.change(state="altered", offsets=of_topic(source, 0))
    assert (done["changed"], done["actions"]) == (True, ["stop", "alter", "resume"]), done
    wait_for("the first line once more", lambda: written.read_text(encoding="utf-8").count("one") == before + 1, 60)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"topic": "nowhere"}, "The partition for a sink connector offset must contain the keys 'kafka_topic'"),
        ({"kafka_topic": "nowhere", "kafka_partition": 0}, "it takes topics that exist, and partitions that they have"),
        ({"kafka_topic": "offsets-source", "kafka_partition": 9}, "it takes topics that exist, and partitions that"),
        ({"kafka_topic": "offsets-source", "kafka_partition": "x"}, "Failed to parse the following Kafka partition"),
    ],
)
def test_a_partition_that_cannot_be_is_refused_by_the_worker(sink: Subject, given: Any, words: str) -> None:
    sink.bring("STOPPED")
    before = sink.kept()
    result = sink.change(state="altered", offsets=[{"partition": given, "offset": {"kafka_offset": 1}}])
    assert words in result["msg"]
    assert "Its offsets were not changed; the connector is stopped as before" in result["msg"]
    assert sink.kept() == before


# Debezium


def test_debezium_is_altered_and_reset(debezium: Subject) -> None:
    debezium.bring("STOPPED")
    place = debezium.kept()[0]["offset"]
    partition = {"server": debezium.name}
    earlier = [{"partition": partition, "offset": {"file": place["file"], "pos": 4}}]
    done = debezium.climb("STOPPED", ["alter"], state="altered", offsets=earlier)
    assert done["message"].startswith("The Connect framework-managed offsets for this connector have been altered")
    debezium.climb("STOPPED", ["reset"], state="reset")


def test_debezium_reads_its_tables_again_after_a_reset(rig: Rig, debezium: Subject) -> None:
    debezium.bring("RUNNING")
    wait_for("offsets", debezium.kept, 90)
    topic = f"{debezium.name}.openmrs.person"
    before = rig.end_of(topic)
    done = debezium.change(state="reset")
    assert (done["changed"], done["actions"], done["offsets"]) == (True, ["stop", "reset", "resume"], []), done
    wait_for("a second snapshot", lambda: rig.end_of(topic) > before, 60)


@pytest.mark.full
def test_debezium_at_a_place_that_does_not_exist_is_a_failure_with_its_words(debezium: Subject) -> None:
    debezium.bring("RUNNING")
    wait_for("offsets", debezium.kept, 90)
    lost = [{"partition": {"server": debezium.name}, "offset": {"file": "binlog.999999", "pos": 4}}]
    result = debezium.change(state="altered", offsets=lost)
    assert result["msg"].startswith("the offsets are as asked for, and yet: connector offsets-debezium is not running")
    assert "The connector is trying to read change stream starting at" in result["msg"]
    assert (result["state"], result["actions"]) == ("FAILED", ["stop", "alter", "resume"])
    healed = debezium.change(state="reset")
    assert (healed.get("msg"), healed["actions"]) == (None, ["stop", "reset", "resume"])


@pytest.mark.parametrize(
    ("partition", "offset", "words"),
    [
        ({"server": "openmsr"}, {"file": "binlog.000001", "pos": 4}, 'reads {"server": "offsets-debezium"} only'),
        ({"server": "offsets-debezium"}, {"pos": 4}, "Debezium needs file, a text, and pos, a whole number"),
    ],
)
def test_what_debezium_would_never_read_stops_nothing(
    debezium: Subject, partition: Any, offset: Any, words: str
) -> None:
    result = debezium.change(state="altered", offsets=[{"partition": partition, "offset": offset}])
    assert words in result["msg"]
    assert result["actions"] == []


# by Ansible


@pytest.mark.full
def test_as_a_task_with_the_workers_address_given_once(source: Subject, tmp_path: Path) -> None:
    settled(source)
    defaults = {"group/openmrs.event_log.connect": source.worker.options}
    wanted = {"name": source.name, "state": "altered", "offsets": of_file(source, 4)}
    tasks: list[dict[str, Any]] = [
        {"connector_offsets": wanted, "check_mode": number % 2 == 0, "diff": True} for number in range(4)
    ]
    tasks.append({"connector_info": {"names": [source.name], "gather": ["offsets"]}})
    played = play(tmp_path, tasks, module_defaults=defaults)
    assert played.code == 0, played.output
    assert [result["changed"] for result in played.results] == [True, True, False, False, False]
    assert played.results[0]["diff"] == played.results[1]["diff"]
    assert played.results[4]["connectors"][0]["offsets"] == of_file(source, 4)
    assert not any(result.get("warnings") for result in played.results)


def test_a_connector_that_is_not_there(rig: Rig) -> None:
    result = call("connector_offsets", **rig.old.options, name="nobody", state="reset")
    assert result["msg"] == "connector nobody is not registered, so it has no offsets to change"
