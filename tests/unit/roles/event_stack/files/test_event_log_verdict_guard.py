# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict where the guard has something to say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.openmrs.event_log.roles.event_stack.files.event_log.verdict import DOWN, OK, Finding, judge
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.described import container
from ansible_collections.openmrs.event_log.tests.unit.roles.event_stack.files.test_event_log_verdict import (
    BROKER,
    WORKER,
    seen,
)

HELD = Finding("database_other", DOWN, "The guard keeps the worker from reading on.", "Run repair_restored_source.")
NOTE = Finding("gap", OK, "Events are missing in person.", "")


@pytest.mark.parametrize("connect", ["none", container(WORKER, "exited")])
def test_a_worker_that_the_guard_withholds_is_told_in_the_guards_words_alone(connect: Any) -> None:
    found = judge(seen(connect=connect, connectors=None, guard=[HELD], withheld=True))
    assert (found.verdict, found.sentence) == ("down", HELD.sentence)
    assert [one.id for one in found.findings] == ["database_other"]
    unexplained = judge(seen(connect=connect, connectors=None))
    assert unexplained.findings[0].id in ("missing", "exited")


def test_what_else_is_down_comes_before_what_the_guard_says() -> None:
    stopped = container(BROKER, "exited")
    found = judge(seen(broker=stopped, connect="none", connectors=None, guard=[HELD], withheld=True))
    assert [one.id for one in found.findings] == ["exited", "database_other"]


def test_a_worker_that_runs_although_the_guard_waits_is_looked_at() -> None:
    found = judge(seen(connect=container(WORKER, health="unhealthy"), connectors=None, withheld=True))
    assert [one.id for one in found.findings] == ["unhealthy"]


def test_a_note_of_the_guard_changes_no_verdict() -> None:
    found = judge(seen(guard=[NOTE]))
    assert (found.verdict, [one.id for one in found.findings]) == ("ok", ["gap"])
    assert "Also: Events are missing in person." in found.as_text()
