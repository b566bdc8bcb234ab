# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a host unfit, word for word: variable, value, what was found, what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _host_check as subject

USER = subject.Account("kafka", 1001, "event_log_uid", "user")
DATA = subject.Directory(
    path="/srv/data", variable="event_log_data_dir", owner=1001, owner_variable="event_log_uid", min_free_mb=1024,
    exists=True, uid=1001, free_mb=1024,
)  # fmt: skip


def sentences(findings: List[subject.Finding]) -> List[str]:
    return [finding.sentence() for finding in findings]


@pytest.mark.parametrize(
    "by_name",
    [{}, {"root": 0}, {"kafka": 1001}, {"kafka": 1001, "anna": 1002}],
    ids=["nobody", "others", "itself", "itself and others"],
)
def test_an_account_that_can_be_had(by_name: Dict[str, int]) -> None:
    assert subject.account_findings(USER, by_name, {number: name for name, number in by_name.items()}) == []


@pytest.mark.parametrize(("kind", "variable"), [("user", "event_log_uid"), ("group", "event_log_gid")])
def test_a_number_that_somebody_else_holds(kind: str, variable: str) -> None:
    wanted = replace(USER, kind=kind, number_variable=variable)
    by_name = {"anna": 1001, "ben": 1002, "eva": 1004}
    found = subject.account_findings(wanted, by_name, {number: name for name, number in by_name.items()})
    assert sentences(found) == [
        f"{variable} is 1001: that number belongs to the {kind} anna on this host, whose files it would share. "
        f"Set {variable} for this host to a free number, for example 1003."
    ]


@pytest.mark.parametrize("others", [{}, {"anna": 1001}], ids=["number free", "number taken too"])
def test_a_name_that_has_another_number(others: Dict[str, int]) -> None:
    by_name = {"kafka": 998, **others}
    found = subject.account_findings(USER, by_name, {number: name for name, number in by_name.items()})
    assert sentences(found) == [
        "event_log_uid is 1001: the user kafka exists here with the number 998. "
        "Set event_log_uid: 998 for this host to use it."
    ]


@pytest.mark.parametrize(
    ("taken", "free"), [([], 1001), ([1000, 1002], 1001), ([1001, 1002, 1003], 1004), ([1001, 1003], 1002)]
)
def test_the_proposed_number_is_free(taken: List[int], free: int) -> None:
    assert subject.free_number(dict.fromkeys(taken, "somebody")) == free


@pytest.mark.parametrize(
    "difference",
    [
        {},
        {"entries": ("log",)},
        {"uid": 0, "entries": ()},
        {"exists": False, "uid": -1},
        {"free_mb": 99999},
        {"min_free_mb": 0, "free_mb": 0},
    ],
    ids=["empty", "own files", "of root, but empty", "not there yet", "much room", "no room needed"],
)
def test_a_directory_that_can_be_used(difference: Dict[str, Any]) -> None:
    assert subject.directory_findings(replace(DATA, **difference)) == []


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (
            {"is_directory": False, "free_mb": 0},
            "it is there, but it is not a directory. Move it away or choose another path.",
        ),
        (
            {"uid": 0, "entries": ("d", "c", "a", "b")},
            "it holds files (a, b, c) and belongs to uid 0, not to 1001 (event_log_uid). If these are the event log's "
            "data, hand them over with `chown -R 1001:1001 /srv/data` and run again; otherwise choose another path. "
            "Nothing was changed.",
        ),
        ({"read_only": True}, "its file system is mounted read-only. Repair and remount it before the next run."),
        (
            {"free_mb": 1023},
            "only 1023 MB are free there, 1024 MB are needed. Make room, or choose a path on a larger disk.",
        ),
    ],
    ids=["a file", "files of root", "read-only", "full"],
)
def test_a_directory_that_cannot_be_used(difference: Dict[str, Any], sentence: str) -> None:
    found = subject.directory_findings(replace(DATA, **difference))
    assert sentences(found) == [f"event_log_data_dir is '/srv/data': {sentence}"]


def test_everything_about_a_directory_is_told_at_once() -> None:
    found = subject.directory_findings(replace(DATA, uid=0, entries=("log",), read_only=True, free_mb=0))
    assert [finding.what.split(" ")[0:3] for finding in found] == [
        ["it", "holds", "files"],
        ["its", "file", "system"],
        ["only", "0", "MB"],
    ]


def test_a_port() -> None:
    wanted = subject.Port(9092, "event_log_bootstrap")
    assert subject.port_findings(wanted) == []
    assert sentences(subject.port_findings(replace(wanted, holder="java (pid 17)"))) == [
        "event_log_bootstrap is 9092: that port is in use by java (pid 17). "
        "Stop that program, or set event_log_bootstrap to a free port."
    ]


@pytest.mark.parametrize(("needed", "total"), [(3500, 3500), (3500, 9000), (0, 0)])
def test_enough_memory(needed: int, total: int) -> None:
    assert subject.memory_findings("event_log_profile", "clinic", needed, total) == []


def test_too_little_memory() -> None:
    assert sentences(subject.memory_findings("event_log_profile", "referral", 22000, 21999)) == [
        "event_log_profile is 'referral': this host has 21999 MB of memory, and that needs 22000 MB beside the rest of "
        "the server. Choose a smaller profile or give the server more memory."
    ]


def test_one_finding_is_one_sentence_and_several_are_numbered() -> None:
    first, second = (subject.Finding(f"v{n}", n, f"what {n}.", f"Fix {n}.") for n in (1, 2))
    assert subject.message([first]) == "v1 is 1: what 1. Fix 1."
    assert subject.message([first, second]) == (
        "2 things stand in the way:\n1. v1 is 1: what 1. Fix 1.\n2. v2 is 2: what 2. Fix 2."
    )


CLOCK = subject.Clock(here=1.0e9, there=1.0e9, variable="kafka_host_clock_tolerance_s", tolerance_s=86400)


@pytest.mark.parametrize("off", [0, 86400, -86400])
def test_a_clock_within_a_day_is_let_through(off: int) -> None:
    assert subject.clock_findings(replace(CLOCK, here=CLOCK.there + off)) == []


@pytest.mark.parametrize(
    ("off", "told"),
    [(86401, "24 hours fast"), (-3 * 86400, "3 days slow"), (8 * 365 * 86400, "8 years fast")],
)
def test_a_clock_that_is_off_says_how_far_and_how_to_set_it(off: int, told: str) -> None:
    (sentence,) = sentences(subject.clock_findings(replace(CLOCK, here=CLOCK.there + off)))
    assert sentence.startswith("kafka_host_clock_tolerance_s is 86400: this host's clock says ")
    assert f"which is {told}: where the playbook runs it is 2001-09-09 01:46:40 UTC." in sentence
    assert "timedatectl set-time '2001-09-09 01:46:40 UTC'" in sentence


def test_a_host_that_is_its_own_control_node_knows_at_least_the_release() -> None:
    (sentence,) = sentences(subject.clock_findings(replace(CLOCK, earliest=CLOCK.here + 86401)))
    assert "clock says 2001-09-09 01:46:40 (UTC), which is before this release of the event log was made" in sentence
    assert subject.clock_findings(replace(CLOCK, earliest=CLOCK.here + 86400)) == []


@pytest.mark.parametrize(
    ("off", "warned"), [(0, False), (300, False), (301, True), (-301, True), (86400, True), (86401, False)]
)
def test_minutes_are_warned_of_and_days_refused(off: int, warned: bool) -> None:
    found = subject.clock_warnings(replace(CLOCK, here=CLOCK.there + off))
    assert bool(found) is warned
    assert not warned or ("fast" if off > 0 else "slow") in found[0]


def test_a_processor_that_nothing_is_made_for() -> None:
    assert subject.architecture_findings("kafka_host_architectures", ["x86_64"], "x86_64") == []
    assert subject.architecture_findings("kafka_host_architectures", [], "aarch64") == []
    (sentence,) = sentences(subject.architecture_findings("kafka_host_architectures", ["x86_64"], "aarch64"))
    assert sentence == (
        "kafka_host_architectures is ['x86_64']: this host's processor is aarch64, for which neither the image nor the "
        "packages are made. Use a server with a 64-bit Intel or AMD processor, or add aarch64 there to try images of "
        "your own."
    )


@pytest.mark.parametrize(
    ("container", "project", "told"),
    [
        ("", "", "in use by java (pid 7). Stop that program, or set event_log_bootstrap to a free port."),
        ("old", "", "in use by the container old, java (pid 7). Stop it (`docker stop old`), or set "),
        (
            "old-broker-1",
            "old",
            "in use by the Compose project old: the container old-broker-1, java (pid 7). "
            "Stop that project (`docker compose --project-name old stop`), or set ",
        ),
    ],
)
def test_a_port_in_use_names_what_to_stop(container: str, project: str, told: str) -> None:
    port = subject.Port(9092, "event_log_bootstrap", "java (pid 7)", container, project)
    (sentence,) = sentences(subject.port_findings(port))
    assert told in sentence


DISK = subject.Disk("/srv/data", "event_log_data_dir", 6144, ("event_log_tables", "event_connector_retention_bytes"))


@pytest.mark.parametrize(
    "difference",
    [
        {"free_mb": 6144},
        {"free_mb": 44, "held_mb": 6100},
        {"free_mb": 0, "held_mb": 9999},
        {"may_fill_mb": 0},
        {"may_fill_mb": -1},
    ],
)
def test_a_disk_that_what_may_be_kept_fits_on(difference: Dict[str, Any]) -> None:
    assert subject.disk_warnings(replace(DISK, **difference)) == []


def test_a_disk_that_would_be_full_before_old_events_go() -> None:
    (warning,) = subject.disk_warnings(replace(DISK, free_mb=43, held_mb=6100))
    assert warning == (
        "event_log_data_dir is '/srv/data': up to 6144 MB may be kept there in time, by event_log_tables and "
        "event_connector_retention_bytes, and there is room for 6143 MB. A full disk stops the event log. "
        "Set event_log_data_dir to a path on a larger disk, or event_connector_retention_bytes to less."
    )


@pytest.mark.parametrize(("reason", "told"), [("a new disk", "a new disk"), ("", "no reason given")])
def test_a_host_on_hold_is_refused_with_the_reason(reason: str, told: str) -> None:
    assert sentences(subject.hold_findings("event_log_home", "/opt/event-log", reason)) == [
        f"event_log_home is '/opt/event-log': /opt/event-log/hold is there ({told}), so nothing was changed. "
        "When the reason is gone, remove that file on the host and run again."
    ]


def test_a_worker_that_the_guard_holds_back_is_refused_with_the_way_out() -> None:
    hold = {"id": "database_other", "what": "It is another one.", "remedy": "Run the playbook repair_restored_source."}
    assert sentences(subject.guard_findings("event_log_home", "/opt/event-log", hold)) == [
        "event_log_home is '/opt/event-log': the guard keeps the worker from reading on: It is another one. "
        "Nothing was changed. Run the playbook repair_restored_source. Then run again."
    ]
    assert subject.guard_findings("event_log_home", "/opt/event-log", None) == []


def test_a_host_that_is_not_on_hold() -> None:
    assert subject.hold_findings("event_log_home", "/opt/event-log", None) == []
