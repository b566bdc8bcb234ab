# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of the web pages: made, made anew, started, waited for and removed, and nothing else touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_project import ChangeError
from ansible_collections.openmrs.event_log.plugins.module_utils._stack_uis import Uis, state
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.fake_docker import FakeDocker
from ansible_collections.openmrs.event_log.tests.unit.plugins.module_utils.scripted_http import FakeClock

PAGES = ("event-log-kafdrop", "event-log-kowl")


def compose(**settings: str) -> str:
    services = {page[10:]: {"image": settings.get(page[10:], "image:1"), "container_name": page} for page in PAGES}
    broker = {"image": "image:1", "container_name": "event-log-broker"}
    return yaml.safe_dump({"name": "event-log", "services": {"broker": broker, **services}})


class Rig:
    """A project with two pages of which none runs yet."""

    def __init__(self, folder: Path) -> None:
        self.docker = FakeDocker(folder, 0)
        self.docker.write(compose())
        self.clock = FakeClock()

    def uis(self, *names: str) -> Uis:
        return Uis(self.docker, self.docker.project, "event-log", names or PAGES, self.clock)

    def present(self, text: str = "", *names: str, seconds: float = 60) -> Any:
        text = text or compose()
        self.docker.write(text)
        return self.uis(*names).present(text, seconds)

    def ups(self) -> list[str]:
        return [call.split()[-1] for call in self.docker.calls if " up " in call]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_they_are_made_one_by_one_and_nothing_with_them(rig: Rig) -> None:
    assert rig.uis().foreseen(compose()) == list(PAGES)
    assert rig.present() == {"made": list(PAGES), "notes": []}
    assert rig.ups() == ["kafdrop", "kowl"]
    assert all("--no-deps" in call and "--pull never" in call for call in rig.docker.calls if " up " in call)
    assert set(rig.docker.containers) == set(PAGES)


def test_what_is_there_and_equal_is_left_alone(rig: Rig) -> None:
    rig.present()
    rig.docker.calls.clear()
    assert rig.uis().foreseen(compose()) == []
    assert rig.present() == {"made": [], "notes": []}
    assert rig.ups() == []


def test_only_what_differs_is_made_anew(rig: Rig) -> None:
    rig.present()
    text = compose(kowl="image:2")
    assert rig.uis().foreseen(text) == ["event-log-kowl"]
    assert rig.present(text)["made"] == ["event-log-kowl"]


def test_what_was_stopped_is_started_and_what_restarts_is_not(rig: Rig) -> None:
    rig.present()
    rig.docker.health(PAGES[0], "", "exited")
    rig.docker.health(PAGES[1], "starting", "restarting")
    found = rig.present()
    assert found["made"] == [PAGES[0]]
    assert len(found["notes"]) == 1
    assert "Kowl is not healthy (it fails and is started again and again)" in found["notes"][0]
    assert "docker logs --tail 50 event-log-kowl" in found["notes"][0]


def test_a_page_that_stays_unhealthy_is_a_note(rig: Rig) -> None:
    rig.docker.broken = ["image:2"]
    found = rig.present(compose(kafdrop="image:2"))
    assert found["made"] == list(PAGES)
    assert [note.split(".")[0] for note in found["notes"]] == ["Kafdrop is not healthy (unhealthy)"]


def test_the_wait_is_bounded_and_ends_with_the_health(rig: Rig) -> None:
    rig.docker.first_health = "starting"
    began = rig.clock.now()
    assert "not healthy (starting)" in rig.present(seconds=30)["notes"][0]
    assert 30 <= rig.clock.now() - began < 40
    began = rig.clock.now()
    assert len(rig.present(seconds=30)["notes"]) == 2
    assert rig.clock.now() == began, "nothing was started: one look is enough"
    rig.docker.containers.clear()

    def healthy() -> None:
        for page in PAGES:
            rig.docker.health(page, "healthy")

    rig.clock.events[rig.clock.pauses + 2] = healthy
    assert rig.present(seconds=30)["notes"] == []


def test_an_image_that_is_gone_is_a_note_for_this_page_only(rig: Rig) -> None:
    rig.docker.refused = {"kafdrop": "noise\nNo such image: image:1"}
    found = rig.present()
    assert found["notes"][0].startswith("Kafdrop could not be started (No such image: image:1).")
    assert set(rig.docker.containers) == {"event-log-kowl"}


def test_removing_takes_what_is_there_and_nothing_else(rig: Rig) -> None:
    rig.docker.up(compose())
    assert rig.uis("event-log-kowl").absent(check_mode=True) == ["event-log-kowl"]
    assert len(rig.docker.containers) == 3
    assert rig.uis("event-log-kowl").absent(check_mode=False) == ["event-log-kowl"]
    assert set(rig.docker.containers) == {"event-log-broker", "event-log-kafdrop"}
    assert rig.uis("event-log-kowl").absent(check_mode=False) == []


def test_an_engine_that_is_down_is_said(rig: Rig) -> None:
    rig.docker.down = True
    with pytest.raises(ChangeError, match="engine does not answer"):
        rig.present()


def test_a_container_that_is_not_there_in_words() -> None:
    assert state(None) == "it has no container"
