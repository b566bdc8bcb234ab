# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How images get onto a host: each way, what it costs, and what is refused before anything moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_plan as plans
from ansible_collections.openmrs.event_log.plugins.module_utils._image_archive import Described, Layer
from hypothesis import given
from hypothesis import strategies as st

MB = 1000 * 1000
NEW, OLD, OLDER = "openmrs-event-log:3", "openmrs-event-log:2", "openmrs-event-log:1"
STORED = Described(
    image=NEW,
    identifier="sha256:3",
    architecture="amd64",
    archive="openmrs-event-log-3.tar.zst",
    archive_size=100 * MB,
    archive_sha256="",
    plain_size=300 * MB,
    plain_sha256="",
    layers=(
        Layer("base", 80 * MB, 20 * MB),
        Layer("kafka", 200 * MB, 70 * MB),
        Layer("connectors-3", 20 * MB, 11 * MB),
    ),
)
ROOM = plans.Space("/var/lib/docker", 1, 2000 * MB)
HOST = plans.Host("hilltop", "amd64", plans.Space("/var/cache/in", 2, 2000 * MB), ROOM)
FORMER = plans.Present(OLD, ("base", "kafka", "connectors-2"), 300 * MB, "2026-02")
WISH = plans.Wish(NEW, "archive", STORED, "/srv/images")


def one(host: plans.Host, wish: plans.Wish = WISH) -> plans.Step:
    (step,) = plans.plan([wish], host).steps
    return step


def test_what_is_there_is_left_alone() -> None:
    plan = plans.plan([WISH], replace(HOST, present=(plans.Present(NEW),)))
    assert plan == plans.Plan((plans.Step(NEW, "nothing"),), (), ())
    assert not plan.steps[0].changes


@pytest.mark.parametrize(("source", "way"), [("build", "build"), ("registry", "pull")])
def test_other_sources_need_no_archive(source: str, way: str) -> None:
    assert one(HOST, plans.Wish(NEW, source)).way == way


def test_an_archive_on_the_host_is_preferred_to_the_line() -> None:
    step = one(replace(HOST, lying={NEW: plans.Lying("/media/stick/a.tar.zst", 100 * MB, STORED)}))
    assert (step.way, step.moves, step.path, step.plain) == ("load", 0, "/media/stick/a.tar.zst", 300 * MB)


def test_a_first_install_moves_the_packed_archive() -> None:
    step = one(HOST)
    assert (step.way, step.moves, step.here) == ("whole", 100 * MB, 0)


def test_a_cut_copy_moves_only_the_rest() -> None:
    step = one(replace(HOST, arrived={STORED.archive: 60 * MB}))
    assert (step.way, step.moves, step.here) == ("whole", 40 * MB, 60 * MB)


def test_an_upgrade_moves_the_layers_that_differ() -> None:
    step = one(replace(HOST, present=(FORMER,)))
    assert (step.way, step.basis) == ("delta", OLD)
    assert 11 * MB < step.moves < 12 * MB


def test_an_upgrade_with_nothing_in_common_moves_no_more_than_the_archive() -> None:
    step = one(replace(HOST, present=(replace(FORMER, layers=("x",)),)))
    assert step.moves <= 101 * MB


def test_without_zstd_on_the_control_node_everything_moves() -> None:
    assert plans.plan([WISH], replace(HOST, present=(FORMER,)), may_delta=False).steps[0].way == "whole"


def test_the_latest_image_of_the_same_name_is_the_basis() -> None:
    present = (FORMER, plans.Present(OLDER, tagged="2026-01"), plans.Present("mysql:9", tagged="2026-03"))
    assert one(replace(HOST, present=present)).basis == OLD


def test_another_image_of_the_engine_is_no_basis() -> None:
    assert one(replace(HOST, present=(plans.Present("openmrs-event-log-next:1"),))).way == "whole"


def refused(host: plans.Host, wish: plans.Wish = WISH) -> str:
    plan = plans.plan([wish], host, own=["openmrs-event-log"])
    assert plan.problems, plan
    assert plan.removals == ()
    return " ".join(plan.problems)


def test_a_missing_archive_is_refused_with_both_places() -> None:
    said = refused(HOST, replace(WISH, stored=None, places=("/media/stick",)))
    for word in (NEW, "/media/stick", "/srv/images", "images.yml", "hilltop", "event_log_images_dir"):
        assert word in said


def test_another_processor_is_refused() -> None:
    assert "is for amd64, and hilltop is arm64" in refused(replace(HOST, architecture="arm64"))
    lying = {NEW: plans.Lying("/a.tar", 1, replace(STORED, architecture="arm64"))}
    assert "is for arm64, and hilltop is amd64" in refused(replace(HOST, lying=lying))


def test_a_damaged_archive_on_the_host_is_refused_and_not_replaced_by_a_copy() -> None:
    assert refused(replace(HOST, lying={NEW: plans.Lying("/a.tar", 1, problem="cut off")})) == "cut off"


@pytest.mark.parametrize("way", ["whole", "delta", "load"])
def test_a_disk_that_is_too_small_is_refused_before_the_copy(way: str) -> None:
    host = replace(
        HOST,
        present=(FORMER,) if way == "delta" else (),
        lying={NEW: plans.Lying("/a.tar.zst", 100 * MB, STORED)} if way == "load" else {},
    )
    assert one(host).way == way
    said = refused(replace(host, engine=replace(ROOM, free=500 * MB)))
    assert "hilltop has 500 MB free at /var/lib/docker, and 664 MB are needed" in said
    assert "Free 164 MB there" in said


def test_the_arriving_copy_needs_room_too() -> None:
    small = replace(HOST.incoming, free=120 * MB)
    assert "at /var/cache/in, and 164 MB" in refused(replace(HOST, incoming=small))
    assert "at /var/cache/in, and 964 MB" in refused(replace(HOST, incoming=small, present=(FORMER,)))
    arrived = {STORED.archive: 70 * MB}
    assert plans.plan([WISH], replace(HOST, incoming=small, arrived=arrived)).problems == ()


def test_a_difference_needs_room_for_what_a_cut_copy_brought_too() -> None:
    """The basis of 300 MB, the cut copy that is added to it, and the new file: a second try has all three."""
    upgrade = replace(HOST, present=(FORMER,), incoming=replace(HOST.incoming, free=963 * MB))
    assert "at /var/cache/in, and 964 MB" in refused(upgrade)
    arrived = {"openmrs-event-log-3.tar": 50 * MB}
    assert one(replace(upgrade, arrived=arrived)).here == 50 * MB
    small = replace(HOST.incoming, free=914 * MB)
    assert plans.plan([WISH], replace(upgrade, incoming=small, arrived=arrived)).problems == ()


def test_one_disk_needs_room_for_both() -> None:
    same = replace(HOST, incoming=replace(ROOM, path="/var/cache/in"))
    assert plans.plan([WISH], same).problems == ()
    assert "764 MB" in refused(replace(same, engine=replace(ROOM, free=700 * MB)))


def test_an_archive_that_nobody_described_is_reckoned_by_what_it_says_or_its_size() -> None:
    """The image of 60 MB takes 291 MB: a disk that has no room for it is refused before it is loaded."""
    packed = plans.Lying("/a.tar.zst", 60 * MB)
    assert one(replace(HOST, lying={NEW: packed})).plain == 360 * MB
    assert "646 MB" in refused(
        replace(HOST, lying={NEW: replace(packed, plain=291 * MB)}, engine=replace(ROOM, free=1))
    )
    assert one(replace(HOST, lying={NEW: replace(packed, plain=1)})).plain == 60 * MB
    assert one(replace(HOST, lying={NEW: plans.Lying("/a.tar", 60 * MB)})).plain == 60 * MB
    assert one(replace(HOST, lying={NEW: replace(packed, described=STORED)})).plain == 300 * MB


def clean(*present: plans.Present, keep: int = 1, wish: plans.Wish = WISH) -> tuple[str, ...]:
    return plans.plan([wish], replace(HOST, present=present), ["openmrs-event-log"], keep).removals


def test_former_images_go_but_the_latest() -> None:
    older = plans.Present(OLDER, tagged="2026-01")
    assert clean(FORMER, older) == (OLDER,)
    assert clean(FORMER, older, keep=2) == ()
    assert clean(FORMER, older, keep=0) == (OLDER, OLD)
    assert clean(FORMER, older, keep=-1) == ()
    assert clean(FORMER, older, wish=plans.Wish(NEW, "registry")) == (OLDER,)


def test_what_runs_is_basis_and_way_back_whatever_came_later() -> None:
    """A site that went back to an earlier version runs it, and the later one that failed is worth nothing."""
    runs = plans.Present(OLDER, tagged="2026-01", in_use=True)
    assert clean(FORMER, runs) == (OLD,)
    assert clean(FORMER, runs, keep=2) == ()
    assert one(replace(HOST, present=(FORMER, runs))).basis == OLDER


def test_what_runs_and_what_is_not_ours_stays() -> None:
    others = (plans.Present("mysql:8.4"), plans.Present("site/openmrs-event-log:1"))
    both = [plans.Present(f"openmrs-event-log:{n}", tagged=n, in_use=True) for n in ("0", "1")]
    assert clean(*both, FORMER, *others) == (OLD,)


def test_where_nothing_comes_nothing_goes() -> None:
    """What ran until the new version came could not go with the others: the next run must not find it."""
    older = plans.Present(OLDER, tagged="2026-01")
    assert clean(plans.Present(NEW, tagged="2026-03"), FORMER, older) == ()
    sample = plans.Wish("mysql:9", "registry")
    assert plans.plan([sample], replace(HOST, present=(FORMER, older)), ["openmrs-event-log"]).removals == ()


def test_a_machine_that_builds_keeps_what_it_built() -> None:
    assert clean(FORMER, plans.Present(OLDER), wish=plans.Wish(NEW, "build")) == ()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.text("0123456789", max_size=3), st.booleans()), max_size=8),
    st.integers(0, 3),
)
def test_after_an_upgrade_there_is_nothing_to_do(images: list[tuple[int, str, bool]], keep: int) -> None:
    """Whatever was there and ran: what runs is not taken, and the run after the upgrade finds no work."""
    numbers = {n: plans.Present(f"openmrs-event-log:{n}", (), 0, when, used) for n, when, used in images if n != 3}
    present = tuple(numbers.values())
    gone = clean(*present, keep=keep)
    left = [image for image in present if image.reference not in gone]
    assert all(image in left for image in present if image.in_use)
    assert len([image for image in left if not image.in_use]) <= keep
    upgraded = [plans.Present(NEW, in_use=True), *(replace(image, in_use=False) for image in left)]
    again = plans.plan([WISH], replace(HOST, present=tuple(upgraded)), ["openmrs-event-log"], keep)
    assert again == plans.Plan((plans.Step(NEW, "nothing"),), (), ())


def test_the_forecast_says_how_much_and_how_long() -> None:
    assert plans.forecast([one(HOST)], 512) == [f"{NEW}: 100 MB to copy, 26 minutes at 512 kbit/s."]
    (unknown,) = plans.forecast([one(HOST)], 0)
    for part in (
        "26 minutes at 512 kbit/s",
        "7 minutes at 2048 kbit/s",
        "78 seconds at 10240 kbit/s",
        "event_log_bandwidth_kbit",
    ):
        assert part in unknown
    (rest,) = plans.forecast([one(replace(HOST, arrived={STORED.archive: 60 * MB}))], 512)
    assert "40 MB to copy, 10 minutes at 512 kbit/s; the other 60 MB of it are there" in rest
    (delta,) = plans.forecast([one(replace(HOST, present=(FORMER,)))], 512)
    assert f"at most 12 MB to copy, what differs from {OLD}, 3 minutes at 512 kbit/s" in delta
    assert plans.forecast([plans.Step(NEW, "nothing")], 512) == []


UI = "reg.example/kowl:1"
UI_STORED = replace(STORED, image=UI, archive="reg.example_kowl-1.tar.zst", archive_size=10 * MB, plain_size=40 * MB)


def with_ui(host: plans.Host, wish: plans.Wish) -> plans.Plan:
    there = replace(host, present=(*host.present, plans.Present(NEW)))
    return plans.with_optional(plans.plan([WISH], there), [wish], there)


@pytest.mark.parametrize("source", ["archive", "build", "registry"])
def test_an_image_that_may_be_missing_comes_from_an_archive_wherever_there_is_one(source: str) -> None:
    plan = with_ui(HOST, plans.Wish(UI, source, UI_STORED, "/srv/images"))
    assert ([step.way for step in plan.steps], plan.absent) == (["nothing", "whole"], ())
    lying = replace(HOST, lying={UI: plans.Lying("/media/stick/kowl.tar.zst", 10 * MB, UI_STORED)})
    assert [step.way for step in with_ui(lying, plans.Wish(UI, source)).steps] == ["nothing", "load"]
    there = replace(HOST, present=(plans.Present(UI),))
    assert [step.way for step in with_ui(there, plans.Wish(UI, source)).steps] == ["nothing", "nothing"]


@pytest.mark.parametrize(("source", "way"), [("build", ["nothing", "pull"]), ("registry", ["nothing", "pull"])])
def test_without_an_archive_it_is_pulled(source: str, way: list[str]) -> None:
    assert [step.way for step in with_ui(HOST, plans.Wish(UI, source)).steps] == way


def test_what_cannot_be_had_is_said_and_keeps_nothing_else_away() -> None:
    host = replace(HOST, unreached={UI: "no such host"})
    plan = with_ui(host, plans.Wish(UI, "registry", None, "/srv/images", ("/media/stick",)))
    assert ([step.way for step in plan.steps], plan.problems) == (["nothing"], ())
    ((image, why),) = plan.absent
    assert image == UI
    words = ("It cannot be pulled: no such host.", "/media/stick", "/srv/images", "images.yml", "event_images_archive")
    assert [word for word in words if word not in why] == []
    ((_, offline),) = with_ui(HOST, plans.Wish(UI, "archive")).absent
    assert offline.startswith(f"There is no archive of {UI}: the control node has none")


@pytest.mark.parametrize(
    ("host", "wish", "told"),
    [
        (replace(HOST, architecture="arm64"), plans.Wish(UI, "archive", UI_STORED), "is for amd64"),
        (replace(HOST, engine=plans.Space("/d", 1, 50 * MB)), plans.Wish(UI, "archive", UI_STORED), "50 MB free at /d"),
        (HOST, plans.Wish(UI, "archive", problem="it is cut off"), "it is cut off"),
        (
            replace(HOST, lying={UI: plans.Lying("/m/k.tar", 1, None, "/m/k.tar is not what its checksum says")}),
            plans.Wish(UI, "build"),
            "is not what its checksum says",
        ),
    ],
)
def test_what_would_refuse_another_image_leaves_this_one_out(host: plans.Host, wish: plans.Wish, told: str) -> None:
    plan = with_ui(host, wish)
    assert (len(plan.steps), plan.problems) == (1, ())
    assert told in plan.absent[0][1]


def test_a_disk_is_shared_with_what_comes_before() -> None:
    """Room for the event log's own image or for the page, but not for both: the event log has it."""
    host = replace(HOST, engine=plans.Space("/d", 1, 700 * MB))
    own = plans.plan([WISH], host)
    plan = plans.with_optional(own, [plans.Wish(UI, "archive", UI_STORED)], host)
    assert (plan.steps, plan.problems) == (own.steps, ())
    assert "700 MB free at /d" in plan.absent[0][1]
