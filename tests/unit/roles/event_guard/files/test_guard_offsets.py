# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored place of a connector, and how often Docker is asked for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from event_guard import offsets
from event_guard.database import Capture
from event_guard.shared.history import Position
from event_log import settings, stack, worker

UP = stack.Container("event-log-connect", "running", "healthy", 0, 0, False, "no", "i", "sha256:1", {}, {}, {})
CAPTURE = Capture("c1", "openmrs", "127.0.0.1", 3306, "u", "/p")
STORED = {"offsets": [{"partition": {"server": "openmrs"}, "offset": {"file": "binlog.000003", "pos": 157}}]}


class Site:
    """A worker and a Docker engine that count the questions."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there: Dict[str, stack.Container] = {UP.name: UP}
        self.answers: List[Any] = []
        self.paths: List[str] = []
        self.looks = 0
        self.chosen = settings.Settings(
            home=tmp_path, image="i", bootstrap="127.0.0.1:9092", data_dir=tmp_path, project="event-log", uid=1, gid=1,
            database="openmrs",
        )  # fmt: skip
        monkeypatch.setattr(offsets, "_ANSWERING", offsets.Answering())
        monkeypatch.setattr(stack, "look", self._look)
        monkeypatch.setattr(worker, "request", self._request)

    def _look(self, _settings: settings.Settings) -> Dict[str, stack.Container]:
        self.looks += 1
        return self.there

    def _request(self, there: stack.Container, path: str) -> Any:
        assert there.running
        self.paths.append(path)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stored(self, *answers: Any) -> Any:
        self.answers = list(answers)
        return offsets.stored(self.chosen, CAPTURE)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def test_docker_is_asked_once_for_as_long_as_the_worker_answers(site: Site) -> None:
    for _ in range(3):
        assert site.stored(STORED) == (True, Position("binlog.000003", 157))
    assert (site.looks, site.paths[0]) == (1, "/connectors/c1/offsets")


def test_a_worker_that_did_not_answer_is_looked_for_again(site: Site) -> None:
    assert site.stored(STORED)[0]
    assert site.stored(worker.WorkerError("connection refused")) == (False, None)
    assert site.stored(STORED)[0]
    assert site.looks == 2


@pytest.mark.parametrize("there", [{}, {UP.name: replace(UP, status="exited")}])
def test_a_worker_that_does_not_run_is_not_asked(site: Site, there: Dict[str, stack.Container]) -> None:
    site.there = there
    assert site.stored() == (False, None)
    assert site.stored() == (False, None)
    assert (site.looks, site.paths) == (2, [])


@pytest.mark.parametrize("answer", [None, [], {}, {"offsets": None}])
def test_an_answer_without_offsets_tells_nothing(site: Site, answer: Any) -> None:
    assert site.stored(answer) == (False, None)


def test_another_sources_offsets_are_none_of_this_connector(site: Site) -> None:
    other = {"offsets": [{**STORED["offsets"][0], "partition": {"server": "another"}}, "rubbish"]}
    assert site.stored(other) == (True, None)
