# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard and topics whose settings a hand has changed: when it asks, what it makes of the answer, what it tells."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Mapping

import pytest
from event_guard import acts, look, topic_settings
from event_guard import findings as all_findings
from event_guard.memory import Memory
from event_guard.settings import Guard
from event_log.errors import EventLogError
from event_log.settings import Settings, from_mapping
from event_log.verdict import ILL, Finding

NOW = 1_800_000_000.0
CONFIG = {
    "topic.prefix": "openmrs",
    "topic.creation.default.retention.ms": "-1",
    "topic.creation.default.cleanup.policy": "delete",
    "schema.history.internal.kafka.topic": "schema-changes.openmrs",
}
DURABLE = "flush.messages=1,"
GOOD = {
    "event-log-connect-offsets": f"{DURABLE}cleanup.policy=compact",
    "schema-changes.openmrs": f"{DURABLE}retention.ms=-1,retention.bytes=-1",
    "openmrs.openmrs.obs": f"{DURABLE}retention.ms=-1",
}


@dataclass
class Site:
    settings: Settings
    guard: Guard
    topics: dict[str, str] = field(default_factory=lambda: dict(GOOD))
    configs: List[Mapping[str, str]] = field(default_factory=lambda: [CONFIG])
    hands_off: str = ""
    error: str = ""
    asked: int = 0
    clock: float = 1000.0

    def describe(self, _service: Settings) -> str:
        self.asked += 1
        if self.error:
            raise EventLogError(self.error)
        form = "Topic: {}\tTopicId: x\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: {}\n"
        return "".join(form.format(*one) for one in self.topics.items())

    def step(self, after: float = 0.0) -> Memory:
        self.clock += after
        memory = Memory.load(self.guard.directory)
        try:
            topic_settings.step(self.settings, self.guard, memory, NOW)
        finally:
            memory.save()
        return memory

    def found(self, after: float = topic_settings.AGAIN) -> List[Finding]:
        return topic_settings.findings(self.step(after))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    told = {
        "image": "the-image:1", "bootstrap": "127.0.0.1:1", "data_dir": str(tmp_path / "data"), "project": "event-log",
        "uid": 1, "gid": 1, "database": "openmrs",
    }  # fmt: skip
    settings = from_mapping(told, tmp_path / "home" / "config" / "event-log.json")
    made = Site(settings, Guard(directory=tmp_path))
    monkeypatch.setattr(topic_settings, "_TURN", {})
    monkeypatch.setattr(topic_settings, "described", made.describe)
    monkeypatch.setattr(topic_settings, "configurations", lambda _settings: made.configs)
    monkeypatch.setattr(look, "hands_off", lambda _settings: made.hands_off)
    monkeypatch.setattr(time, "monotonic", lambda: made.clock)
    made.step()
    yield made


def test_it_waits_until_a_boot_is_over_and_then_asks_rarely(site: Site) -> None:
    site.step(topic_settings.AGAIN - 1)
    assert site.asked == 0
    site.step(1)
    assert site.asked == 1
    site.step(topic_settings.EVERY - 1)
    assert site.asked == 1
    site.step(1)
    assert site.asked == 2


@pytest.mark.parametrize("why", ["hands_off", "no_worker"])
def test_it_asks_later_where_nothing_may_be_done_or_no_worker_runs(site: Site, why: str) -> None:
    site.hands_off, site.configs = ("a hold", site.configs) if why == "hands_off" else ("", [])
    site.step(topic_settings.AGAIN)
    assert site.asked == 0
    site.hands_off, site.configs = "", [CONFIG]
    site.step(topic_settings.AGAIN)
    assert site.asked == 1


def test_topics_that_are_as_they_must_be_are_not_told_of(site: Site) -> None:
    assert site.found() == []
    assert acts.recent(site.guard.directory) == []


@pytest.mark.parametrize(
    ("topic", "configs", "told"),
    [
        ("openmrs.openmrs.obs", "flush.messages=1,retention.ms=86400000", "retention.ms is 86400000, it must be -1"),
        ("openmrs.openmrs.obs", "retention.ms=-1", "flush.messages is 9223372036854775807, it must be 1"),
        (
            "openmrs.openmrs.obs",
            "flush.messages=1,retention.ms=-1,cleanup.policy=compact",
            "cleanup.policy is compact, it must be delete",
        ),
        ("schema-changes.openmrs", "flush.messages=1,retention.ms=-1", ""),
        ("schema-changes.openmrs", "flush.messages=1", "retention.ms is 604800000, it must be -1"),
        ("event-log-connect-offsets", "flush.messages=1", "cleanup.policy is delete, it must be compact"),
    ],
)
def test_each_setting_under_which_something_may_be_lost_is_told_with_what_sets_it_back(
    site: Site, topic: str, configs: str, told: str
) -> None:
    site.topics[topic] = configs
    found = site.found()
    assert bool(found) == bool(told)
    for one in found:
        assert one.verdict == ILL
        assert one.sentence.startswith(f"The topic {topic} has a setting under which something may be lost")
        assert told in one.sentence
        assert "Set it back: sudo docker run " in one.sentence
        assert " the-image:1 " in one.sentence
        assert f"--entity-name {topic} --add-config" in one.sentence


def test_it_is_asked_again_soon_until_it_is_set_back_and_is_an_act_once(site: Site) -> None:
    site.topics["openmrs.openmrs.obs"] = f"{DURABLE}retention.ms=5"
    assert len(site.found()) == len(site.found()) == 1
    (act,) = acts.recent(site.guard.directory)
    assert (act["about"], act["reason"]) == ("openmrs.openmrs.obs", "retention.ms is 5, it must be -1")
    site.topics.update(GOOD)
    assert site.found() == []
    assert site.asked == 3
    site.step(topic_settings.AGAIN)
    assert site.asked == 3


def test_a_broker_that_does_not_answer_changes_nothing_of_what_is_known(site: Site) -> None:
    site.topics["openmrs.openmrs.obs"] = f"{DURABLE}retention.ms=5"
    assert len(site.found()) == 1
    site.error = "Kafka does not answer"
    with pytest.raises(EventLogError):
        site.step(topic_settings.AGAIN)
    memory = Memory.load(site.guard.directory)
    assert len(topic_settings.findings(memory)) == 1
    assert [one.id for one in all_findings.findings(memory, site.guard, NOW)] == [topic_settings.ID]


def test_a_person_is_told_of_three_at_once(site: Site) -> None:
    site.topics.update({f"openmrs.openmrs.t{number}": f"{DURABLE}retention.ms=5" for number in range(5)})
    assert len(site.found()) == 3


def test_two_connectors_of_one_prefix_tell_it_once(site: Site) -> None:
    site.configs = [CONFIG, CONFIG]
    site.topics["openmrs.openmrs.obs"] = f"{DURABLE}retention.ms=5"
    assert len(site.found()) == 1
