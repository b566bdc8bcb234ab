# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connectors' files: what is read, and what is refused with where and why."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _connector_file as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._errors import InputError

PATH = "/site/connectors/sink.json"
SECRET = "s3cr3t-of-nobody"
SALTED = f"column.mask.hash.v2.X.with.salt.{SECRET}"
SINK: Dict[str, Any] = {"name": "sink", "config": {"connector.class": "FileStreamSink", "tasks.max": 1, "sync": True}}


def test_a_definition_is_read_as_connect_stores_it() -> None:
    read = subject.parse(PATH, json.dumps(SINK))
    assert (read.path, read.name) == (PATH, "sink")
    assert read.config == {"connector.class": "FileStreamSink", "tasks.max": "1", "sync": "true"}
    assert read.where == "event_connector_files: /site/connectors/sink.json, connector sink"


@pytest.mark.parametrize(
    "more",
    [{}, {"tasks": [{"connector": "sink", "task": 0}], "type": "sink"}, {"config": {**SINK["config"], "name": "sink"}}],
)
def test_what_connect_shows_of_a_connector_can_be_given_back(more: Dict[str, Any]) -> None:
    assert subject.parse(PATH, json.dumps({**SINK, **more})) == subject.parse(PATH, json.dumps(SINK))


def test_a_mark_that_editors_put_at_the_beginning_is_no_part_of_the_text() -> None:
    assert subject.parse(PATH, "\ufeff" + json.dumps(SINK)).name == "sink"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"name": "sink",\n "config" {}}', ["is not JSON", "line 2, column 11", '{"name": "…"']),
        ("", ["is not JSON", "line 1, column 1"]),
        ("name=sink", ["is not JSON", "line 1, column 1"]),
        ("[]", ["holds no object"]),
        ('"sink"', ["holds no object"]),
        ('{"name": "a", "name": "b", "config": {}}', ["name stands twice"]),
        ('{"name": "a", "config": {"connector.class": "X", "k": 1, "k": 1}}', ["k stands twice"]),
        (json.dumps(SINK["config"]), ["holds a configuration alone", 'no "config"']),
        ('{"config": {"connector.class": "X"}}', ['has no "name"']),
        ('{"name": "a"}', ['has no "config"']),
        ('{"name": 7, "config": {}}', ['its "name" is no text']),
        ('{"name": "a", "config": "b"}', ['its "config" is no object']),
        ('{"name": "a", "config": {"x": 1}}', ["connector a", "connector.class: missing"]),
        ('{"name": " a", "config": {"connector.class": "X"}}', ["cannot be the name of a connector"]),
        ('{"name": "a", "config": {"connector.class": "X", "k": null, "l": [1]}}', ["k: null", "l: a list"]),
        ('{"name": "a", "config": {"connector.class": "X", "name": "b"}}', ["differs from the connector's name"]),
        ('{"name": "a", "config": {"connector.class": "X", "p": "****"}}', ["a mask"]),
        ('{"name": "a", "config": {"connector.class": "X"}, "initial_state": "STOPPED"}', ["event_connector_state"]),
        ('{"name": "a", "config": {"connector.class": "X"}, "topics": "t"}', ["unknown members: topics"]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_with_where_and_what_to_do(text: str, words: List[str]) -> None:
    with pytest.raises(InputError) as raised:
        subject.parse(PATH, text)
    said = str(raised.value)
    assert said.startswith(f"event_connector_files: {PATH}")
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize(
    "text",
    [
        f'{{"name": "a", "config": {{"database.password": "{SECRET}"',
        f'{{"name": "a", "config": {{"connector.class": "X", "database.password": ["{SECRET}"]}}}}',
        f'{{"name": "a", "config": {{"database.password": "{SECRET}"}}}}',
        f'{{"name": "a", "config": {{"{SALTED}": "1", "{SALTED}": "1"}}}}',
    ],
)  # fmt: skip
def test_no_complaint_shows_a_secret(text: str) -> None:
    with pytest.raises(InputError) as raised:
        subject.parse(PATH, text)
    assert SECRET not in str(raised.value)
