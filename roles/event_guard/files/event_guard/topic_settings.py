# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Kafka a few times a day whether its topics still keep what they must: a hand may have changed one.

That takes a JVM of its own for some seconds, so that it waits until a boot is over.
"""

from __future__ import annotations

import time
from typing import Dict, Iterable, List, Mapping

from event_log import login, stack, worker
from event_log.containers import output_of, require_broker, require_docker
from event_log.settings import Settings
from event_log.verdict import ILL, Finding
from event_log.words import phrase

from . import acts, look
from .memory import Memory
from .room import administrator
from .settings import Guard
from .shared import topic_audit, topic_expected

KEY = "topic_settings"
ID = "topic_settings"
EVERY = 6 * 3600.0
AGAIN = 600.0  # after the guard's start, after no answer, and while something is wrong
_TOOL = "org.apache.kafka.tools.TopicCommand"
_MOST = 3  # that a person is told of at once
_FIELDS = ("topic", "setting", "actual", "wanted", "command")
_TURN: Dict[str, float] = {}


def step(settings: Settings, guard: Guard, memory: Memory, now: float) -> None:
    """One round; most have nothing to do."""
    clock = time.monotonic()
    if clock < _TURN.setdefault("next", clock + AGAIN):
        return
    _TURN["next"] = clock + AGAIN
    if look.hands_off(settings):
        return
    configs = configurations(settings)
    if not configs:
        return
    service = administrator(settings)
    tool = topic_audit.Broker(service.image, service.bootstrap, str(service.client_dir or ""))
    wrong = problems(described(service), settings.internal_topics, configs, tool)
    _remember(memory, wrong, now)
    if not wrong:
        _TURN["next"] = clock + EVERY


def configurations(settings: Settings) -> List[Mapping[str, str]]:
    """Of all connectors; none while the worker does not run."""
    there = stack.look(settings).get(stack.worker_name(settings))
    if there is None or not there.running:
        return []
    answer = worker.request(there, worker.LISTING)
    entries = answer.values() if isinstance(answer, dict) else ()
    return [(entry.get("info") or {}).get("config") or {} for entry in entries]


def described(service: Settings) -> str:
    """What Kafka's own tool says of all topics, to the service's own account: another one may not see them all."""
    require_docker(service)
    require_broker(service)
    return output_of(service, "topics", [_TOOL, *login.broker(service), "--describe"])


def problems(
    text: str, internal_topics: Iterable[str], configs: Iterable[Mapping[str, str]], tool: topic_audit.Broker
) -> List[Dict[str, str]]:
    """Every setting under which something may be lost. A topic that is not there yet is none of them."""
    expected = topic_expected.worker_topics(internal_topics)
    for config in configs:
        expected += topic_expected.of_connector(config)
    found = topic_audit.audit(text, [{**one, "required": False} for one in expected], tool)
    wrong = [{name: getattr(one, name) for name in _FIELDS} for one in found if one.setting]
    return [one for number, one in enumerate(wrong) if one not in wrong[:number]]


def _remember(memory: Memory, wrong: List[Dict[str, str]], now: float) -> None:
    before = memory.get(KEY).get("wrong", [])
    memory.put(KEY, {"looked": int(now), "wrong": wrong})
    for one in wrong:
        if one not in before:
            acts.note(memory, ID, phrase("topic_setting", **{name: one[name] for name in _FIELDS[1:4]}), one["topic"])


def findings(memory: Memory) -> List[Finding]:
    """What a person should know of it, each with the command that takes it back."""
    wrong: List[Dict[str, str]] = memory.get(KEY).get("wrong", [])
    return [Finding.of(ID, ILL, ID, **one) for one in wrong[:_MOST]]
