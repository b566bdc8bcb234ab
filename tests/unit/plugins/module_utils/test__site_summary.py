# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the sites as text."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _site_summary as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._site_summary import Site
from hypothesis import given
from hypothesis import strategies as st

GOOD = "The event log runs: 6 topics hold 12,480 events, the last one of 14:02."
ILL = "The connector openmrs-connector has FAILED: Access denied for user 'event_log'@'localhost'."
SSH = "ssh: connect to host hilltop.example port 22: Connection timed out"
FRAME = "@" * 59
CHANGED_KEY = f"""{FRAME}\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
{FRAME}\r
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
"""

FLEET = [
    Site("westhill", changed=2, failed=True, task="Bring the stack up", reason="The stack did not become healthy."),
    Site("hilltop", unreachable=True, reason=SSH),
    Site("lakeside", changed=12, verdict="ok", sentence=GOOD),
    Site("eastgate", verdict="ill", sentence=ILL),
    Site("bayview", verdict="ok", sentence=GOOD),
    Site("southend", reached=False),
    Site("midtown", changed=1, finished=False),
]


def text(sites: List[Site], predicted: bool = False) -> str:
    return "\n".join(line.text for line in subject.summary(sites, predicted))


def test_a_fleet_as_it_is_shown() -> None:
    assert (
        text(FLEET)
        == """\
Site by site
bayview   ok            The event log runs: 6 topics hold 12,480 events, the
                        last one of 14:02.
lakeside  changed 12    The event log runs: 6 topics hold 12,480 events, the
                        last one of 14:02.
eastgate  ok, ill       The connector openmrs-connector has FAILED: Access
                        denied for user 'event_log'@'localhost'.
southend  not reached   The run ended before its turn: a whole batch had
                        failed.
midtown   not finished  The run ended before it was through here, after 1
                        change.
hilltop   unreachable   ssh: connect to host hilltop.example port 22:
                        Connection timed out
westhill  FAILED        After 2 changes: Bring the stack up: The stack did not
                        become healthy.

7 sites: 1 ok, 1 changed, 1 ok but not well, 1 not reached, 1 not finished, 1
unreachable, 1 failed.
Not well: eastgate
Not reached: southend
Not finished: midtown
Unreachable: hilltop
Failed: westhill
Again for these alone: --limit southend,midtown,hilltop,westhill"""
    )


def test_a_prediction_is_worded_as_one() -> None:
    told = text([Site("a", changed=3), Site("b", changed=2, failed=True, task="T", reason="R")], predicted=True)
    assert (
        told
        == """\
What a run would do, site by site (--check: nothing was changed)
a     would change 3
b     FAILED          T: R

2 sites: 1 would change, 1 failed.
Failed: b
Again for these alone: --limit b"""
    )


def test_one_site_alone_needs_no_limit() -> None:
    assert text([Site("demo", failed=True, task="T", reason="R")]).splitlines()[-1] == "Failed: demo"
    assert text([Site("demo")]) == "Site by site\ndemo  ok\n\n1 site: 1 ok."


def test_nothing_to_tell() -> None:
    assert subject.summary([]) == []


def test_forty_sites_fit_a_screen_of_80_columns_and_those_in_need_come_last() -> None:
    fleet = [Site(f"site-{n:02}", changed=n % 2, sentence=GOOD * 9, verdict="ok") for n in range(36)]
    fleet += [Site(f"far-{n}", unreachable=True, reason=SSH) for n in range(3)]
    fleet += [Site("broken", failed=True, task="Bring the stack up", reason="long " * 90)]
    lines = text(fleet).splitlines()
    assert max(len(line) for line in lines) < 80
    assert lines[-3:] == [
        "Unreachable: far-0, far-1, far-2",
        "Failed: broken",
        "Again for these alone: --limit far-0,far-1,far-2,broken",
    ]
    shown = [line.split()[0] for line in lines[1 : lines.index("")] if not line.startswith(" ")]
    assert shown[-4:] == ["far-0", "far-1", "far-2", "broken"]
    assert shown[:18] == [f"site-{n:02}" for n in range(0, 36, 2)]


def test_a_long_name_has_a_line_of_its_own() -> None:
    lines = text([Site("a" * 40, sentence=GOOD), Site("b")]).splitlines()
    assert lines[1] == "a" * 40
    assert lines[2].startswith("      ok  The event log runs")


ANY = st.builds(
    Site,
    name=st.text("abz-.0", min_size=1, max_size=60),
    changed=st.integers(0, 9999),
    failed=st.booleans(),
    unreachable=st.booleans(),
    reached=st.booleans(),
    finished=st.booleans(),
    task=st.text(max_size=200),
    reason=st.text(max_size=400),
    verdict=st.sampled_from(["", "ok", "busy", "held", "ill", "down"]),
    sentence=st.text(max_size=400),
)


@given(st.lists(ANY, min_size=1, max_size=12), st.booleans())
def test_no_line_is_wider_than_a_screen_unless_a_name_is_and_none_holds_escapes(
    sites: List[Site], predicted: bool
) -> None:
    for line in subject.summary(sites, predicted):
        names = max(len(site.name) for site in sites)
        limited = not line.text.startswith("Again for these alone")
        assert not limited or len(line.text) <= max(subject.COLUMNS, names + 20)
        assert "\x1b" not in line.text
        assert "\n" not in line.text


@given(st.lists(ANY, min_size=1, max_size=12, unique_by=lambda site: site.name), st.booleans())
def test_every_site_is_counted_once(sites: List[Site], predicted: bool) -> None:
    told = " ".join(line.text for line in subject.summary(sites, predicted))
    counts = told[told.index(f" {len(sites)} site") :].split(": ", 1)[1].split(".")[0]
    assert sum(int(part.split()[0]) for part in counts.split(", ")) == len(sites)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"msg": "Task failed: Action failed: The image is not there."}, "The image is not there."),
        ({"msg": "Task failed: Module failed: non-zero return code", "stderr": "a\nno space left\n"}, "no space left"),
        ({"msg": "non-zero return code", "stderr": ""}, "non-zero return code"),
        ({"msg": "two\n  lines \x1b[31mred\x1b[0m"}, "two lines red"),
        ({"msg": "MODULE FAILURE: see stderr", "module_stderr": "Traceback\nKeyError: 1"}, "KeyError: 1"),
        ({"msg": "Module result deserialization failed: No start of json char found",
          "module_stderr": "nurse is not in the sudoers file.\n"}, "nurse is not in the sudoers file."),
        ({"msg": "Failed to connect to the host via ssh: " + CHANGED_KEY},
         "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!"),
        ({"msg": f"Failed to connect to the host via ssh: {SSH}", "unreachable": True}, SSH),
        ({"msg": 'Task failed: Data could not be sent to remote host "h". Make sure this host can be reached over ssh: '
          + SSH}, SSH),
        ({"msg": "One or more items failed", "results": [{"msg": "x"}, {"failed": True, "msg": "full"}]}, "full"),
        ({"censored": "the output has been hidden due to no_log"}, "its output is hidden"),
        ({}, "no reason given"),
    ],
)  # fmt: skip
def test_a_reason_is_what_was_said_last(result: Dict[str, Any], told: str) -> None:
    assert subject.reason(result) == told


def test_a_task_is_named_without_its_role() -> None:
    assert subject.short_task("openmrs.event_log.event_stack : Bring the stack up") == "Bring the stack up"
