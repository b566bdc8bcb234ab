# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of all sites shows, and that no word of a site can become a part of the page itself."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _fleet_chart as chart
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet import Site
from ansible_collections.openmrs.event_log.plugins.module_utils._fleet_page import SIGNS, page

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)
HOSTILE = '<script>alert("x")</script>&'


def overview(**changed: Any) -> dict[str, Any]:
    return {
        "at": "2026-03-02T10:00:00.000Z",
        "verdict": "ok",
        "sentence": "Running.",
        "findings": [{"what": "Running.", "remedy": ""}, {"what": "A gap.", "remedy": "Read it again."}],
        "connectors": [{"name": "c", "state": "RUNNING", "tasks": ["RUNNING"]}],
        "image": "i:1",
        "lag": {"heartbeat_age_seconds": 12.3, "newest_event": "2026-03-02T09:59:00.000Z"},
        "disk": {
            "free": 5 * 2**30,
            "size": 50 * 2**30,
            "free_percent": 10.0,
            "limits": {"drop": 7.0},
            "bytes": {"events": 2**30, "others": 2**20},
            "forecast": {"days": 30.0},
        },
        "topics": [{"topic": "o.obs", "events": 7, "bytes": 1024, "newest": None}],
        "days": [["2026-03-01", 10, 50, 3], ["2026-03-02", 20, 50, 4]],
        "events_by_table": [["2026-03-02", {"o.obs": 4}]],
        "guard": {"recent": [{"time": "t", "act": "restart", "about": "c", "reason": "failed"}]},
        "binlog_since": "2026-02-20T00:00:00.000Z",
        **changed,
    }


def shown(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = page([Site("hill", overview(**changed))], NOW, "Logs")["sites"][0]
    return found


def facts(site: dict[str, Any]) -> dict[str, str]:
    return {one["label"]: one["value"] for one in site["facts"]}


def test_a_site_in_words() -> None:
    site = shown()
    assert (site["state"], site["words"], site["behind"]) == ("ok", "well", "12 seconds")
    assert (site["free"], site["full"]) == ("10 % (5.0 GiB)", "2026-04-01")
    assert site["seen"] == "2026-03-02 10:00 UTC, 2 hours ago"
    assert site["findings"] == [{"what": "A gap.", "remedy": "Read it again."}], "the sentence is not said twice"
    assert facts(site)["Binary log reaches back to"] == "2026-02-20 00:00 UTC"
    assert facts(site)["Less than 7 % free on"] == "2026-04-01"
    assert site["topics"][0] == {"topic": "o.obs", "events": "7", "today": "4", "bytes": "1.0 KiB", "newest": ""}
    assert [one["caption"].partition(".")[0] for one in site["charts"]] == [
        "The disk in use",
        "Events of each day, 4 at most",
    ]


LATER = {
    "groups": [
        {"group": "warehouse", "events": 1200, "since": "2026-02-28T12:00:00.000Z", "connected": False},
        {"group": "laboratory", "events": 0, "since": None, "connected": True},
        {"group": "reports", "events": None},
    ],
    "certificates": [
        {"what": "authority", "where": "/ca.pem", "until": "2026-03-12T12:00:00.000Z", "verified": True},
        {"what": "database", "where": "db:3306", "until": "2026-02-01T00:00:00.000Z", "verified": False},
        {"what": "truststore", "until": "soon"},
    ],
    "backup": {"file": "/b/x.age", "bytes": 3 << 20, "made": "2026-02-20T12:00:00.000Z", "days": 31},
    "headroom": {
        "expiry_seconds": 14 * 86400,
        "longest_outage": ["2026-01-01T00:00:00.000Z", "2026-01-03T00:00:00.000Z"],
        "longest_outage_seconds": 172800,
    },
    "versions": {"image": "i:1", "kafka": "4.3.1", "debezium": "3.6.0", "database": "mysql 8.0.40"},
}


def test_what_goes_wrong_only_later_and_who_reads() -> None:
    found = facts(shown(**LATER))
    late = "1200 events behind, since 2026-02-28 12:00 UTC, 2 days ago, not connected"
    assert found["Consumer group warehouse"] == late
    assert found["Consumer group laboratory"] == "has read all"
    assert found["Consumer group reports"] == "not known"
    assert found["Authority of the database"] == "until 2026-03-12, 10 days left"
    assert found["Certificate of the database"] == "until 2026-02-01, expired, not verified"
    assert "What the connector trusts" not in found
    assert found["Last backup"] == "2026-02-20 12:00 UTC, 10 days ago, 3.0 MiB, /b/x.age"
    assert found["Binary log is kept for"] == "14 days"
    assert found["Longest outage"] == "2 days, from 2026-01-01 00:00 UTC"
    assert (found["Kafka"], found["Debezium"], found["Database"]) == ("4.3.1", "3.6.0", "mysql 8.0.40")


@pytest.mark.parametrize(
    "wrong", [None, 3, "x", [1], {"a": 1}, [{"until": 5, "group": None}], {"made": {}, "bytes": "x"}]
)
def test_what_a_site_says_of_it_may_be_anything(wrong: Any) -> None:
    site = facts(shown(**dict.fromkeys(LATER, wrong)))
    assert site["Binary log reaches back to"] == "2026-02-20 00:00 UTC"


@pytest.mark.parametrize(
    ("days", "words"), [(None, "it does not fill"), (4000.0, "in more than ten years"), (0.5, "2026-03-02")]
)
def test_when_the_disk_is_nearly_full(days: Any, words: str) -> None:
    assert shown(disk={"forecast": {"days": days}})["full"] == words


def test_what_is_not_known_is_left_out() -> None:
    bare = page([Site("a"), Site("b", {"at": "x", "verdict": 3, "disk": [], "days": [[1]], "lag": 7})], NOW, "Logs")
    for site in bare["sites"]:
        assert (site["facts"], site["charts"], site["topics"], site["full"]) == ([], [], [], "")
    assert bare["sites"][0]["seen"] == "never"


def test_states_are_counted_and_told_without_colour() -> None:
    sites = [Site("a", overview(verdict="down")), Site("b", overview()), Site("c", overview()), Site("d", None, "away")]
    counts = page(sites, NOW, "Logs")["counts"]
    assert [one["words"] for one in counts] == ["1 down", "1 never heard of", "2 well"]
    assert len(set(SIGNS.values())) >= len(SIGNS) - 1


def hostile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: hostile(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return HOSTILE if isinstance(value, str) and not value.startswith("2026") else value


def test_no_word_of_a_site_becomes_a_part_of_the_page() -> None:
    data = {**hostile(overview(**LATER)), "days": [[HOSTILE, 10, 50, 3], [HOSTILE, 20, 50, 4]]}
    found = page([Site(HOSTILE, data, HOSTILE)], NOW, HOSTILE)
    text = str(found)
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert set(re.findall(r"</?(\w+)", text)) <= {"svg", "title", "polygon", "polyline", "line", "text", "path"}


def test_a_chart_needs_something_to_show() -> None:
    assert chart.growth([("2026-03-01", 1, 2)], 10, "x") == ""
    assert chart.growth([("a", 1, 0), ("b", 1, 0)], 10, "x") == ""
    assert chart.bars([("a", 0), ("b", 0)], "x") == ""


def test_a_full_disk_and_a_busy_day_reach_the_top_and_nothing_leaves_the_frame() -> None:
    line = chart.growth([("a", 0, 100), ("b", 100, 100), ("c", 900, 100)], 10, "x")
    heights = [
        float(point.split(",")[1]) for point in re.findall(r'polyline class="line" points="([^"]+)"', line)[0].split()
    ]
    assert heights[1] == heights[2] < heights[0] <= chart.HEIGHT
    bars = chart.bars([("a", 5), ("b", 10)], "x")
    assert re.findall(r"v-([\d.]+)h", bars) == ["34.0", "68.0"]
