# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web pages in the verdict: notes, for the event log does not need them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log import stack
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.verdict import Seen, judge
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import (
    BROKER,
    WORKER,
    container,
    seen,
)

PAGES = ("event-log-kafdrop", "event-log-kowl")


def with_pages(*pages: Any, broker: Any = None, **more: Any) -> Seen:
    """The same host with two web pages, of which some have containers."""
    entries = [broker or container(BROKER), container(WORKER), *pages]
    return seen(containers=stack.parse_inspect(json.dumps(entries)), uis=PAGES, **more)


def test_web_pages_that_are_well_are_not_mentioned() -> None:
    found = judge(with_pages(container(PAGES[0]), container(PAGES[1], health="starting")))
    assert (found.verdict, found.findings) == ("ok", ())


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (container(PAGES[0], health="unhealthy"), "Kafdrop runs but does not answer its health check."),
        (container(PAGES[0], "exited", ExitCode=137, OOMKilled=True), "Kafdrop has stopped (exit code 137, out of mem"),
        (container(PAGES[0], "restarting", ExitCode=1, RestartCount=9), "Kafdrop fails and is started again and again"),
    ],
)
def test_a_web_page_that_is_ill_is_a_note_below_good_news(page: Any, told: str) -> None:
    found = judge(with_pages(page, container(PAGES[1])))
    assert found.verdict == "ok"
    assert found.sentence.startswith("Running: ")
    (note,) = found.findings
    assert note.verdict == "ok"
    text = found.as_text().splitlines()
    assert text[0] == found.sentence
    assert text[1].startswith(f"Also: {told}")
    assert "docker logs --tail 50 event-log-kafdrop" in text[1]


def test_a_web_page_without_a_container_is_a_note() -> None:
    (note,) = judge(with_pages(container(PAGES[0]))).findings
    assert note.sentence == "Kowl has no container (event-log-kowl). Run site.yml."


def test_the_web_pages_do_not_hide_what_is_grave() -> None:
    found = judge(with_pages(container(PAGES[0], health="unhealthy"), container(PAGES[1]), connectors=[]))
    assert [one.id for one in found.findings] == ["no_connector", "ui_unhealthy"]
    assert found.verdict == "ill"


def test_while_the_event_log_is_down_the_web_pages_are_nobodys_concern() -> None:
    found = judge(with_pages(broker=container(BROKER, "exited"), unit="active"))
    assert [one.id for one in found.findings] == ["exited"]
    assert judge(with_pages(hold="a new disk")).verdict == "held"
    nothing = judge(seen("none", "none", uis=PAGES))
    assert [one.id for one in nothing.findings] == ["no_containers"]
    rest = stack.parse_inspect(json.dumps([container(PAGES[0])]))
    assert [one.id for one in judge(seen(containers=rest, uis=PAGES)).findings] == ["no_containers"]
