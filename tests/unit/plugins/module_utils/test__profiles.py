# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of sizes, and which line of it a server gets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _profiles as subject
from hypothesis import given
from hypothesis import strategies as st

MIB = 1024**2
#: What the kernel and the firmware of a server keep for themselves, as a part of what was sold.
KEPT = [0.015, 0.03, 0.045]


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize(
    ("sold_gib", "name"),
    [
        (2, "clinic"), (4, "clinic"), (6, "clinic"), (8, "clinic"), (10, "clinic"),
        (11, "district"), (12, "district"), (16, "district"), (20, "district"),
        (24, "referral"), (32, "referral"), (64, "referral"), (512, "referral"),
    ],
)  # fmt: skip
def test_a_server_gets_the_profile_of_its_size_whatever_its_kernel_keeps(sold_gib: int, kept: float, name: str) -> None:
    assert subject.by_memory(int(sold_gib * 1024 * (1 - kept))).name == name


@given(st.integers(min_value=1, max_value=2**22), st.integers(min_value=0, max_value=2**22))
def test_more_memory_never_gives_a_smaller_profile(memory_mb: int, more_mb: int) -> None:
    assert subject.by_memory(memory_mb).host_mb <= subject.by_memory(memory_mb + more_mb).host_mb


def test_every_number_grows_with_the_profile() -> None:
    for smaller, larger in pairwise(subject.PROFILES):
        one, other = vars(smaller), vars(larger)
        assert all(one[key] < other[key] for key in one if key != "name")


@pytest.mark.parametrize("profile", subject.PROFILES, ids=lambda profile: profile.name)
def test_a_profile_leaves_room_where_memory_is_shared(profile: subject.Profile) -> None:
    assert profile.broker_limit_mb >= profile.broker_heap_mb + 300
    assert profile.connect_limit_mb >= profile.connect_heap_mb + 300
    assert profile.zookeeper_limit_mb >= profile.zookeeper_heap_mb + 128
    assert profile.broker_limit_mb + profile.connect_limit_mb + profile.zookeeper_limit_mb < profile.host_mb / 2
    producer, own = 32, 100
    assert profile.queue_bytes / MIB + producer + own < profile.connect_heap_mb * 0.75
    assert profile.queue_size > profile.batch_size


def test_the_whole_event_log_of_a_clinic_fits_beside_openmrs() -> None:
    clinic = subject.PROFILES[0]
    assert clinic.broker_limit_mb + clinic.connect_limit_mb + clinic.zookeeper_limit_mb <= 1.5 * 1024


@pytest.mark.parametrize("name", subject.NAMES)
@pytest.mark.parametrize("memory_mb", [0, 1, 10**6])
def test_a_named_profile_does_not_look_at_the_memory(name: str, memory_mb: int) -> None:
    choice = subject.choose(name, memory_mb)
    assert (choice.profile.name, choice.reason) == (name, f"{name}, as the inventory says")


def test_auto_says_by_what_it_chose() -> None:
    assert subject.choose("auto", 15900).reason == "district, by 15900 MB of memory"


@pytest.mark.parametrize(
    ("wanted", "memory_mb", "told"),
    [("auto", 0, "memory of this host is not known"), ("hospital", 4000, "'hospital'.*auto, clinic, district")],
)
def test_what_cannot_be_told_is_an_error_that_says_what_to_set(wanted: str, memory_mb: int, told: str) -> None:
    with pytest.raises(subject.ProfileError, match=told):
        subject.choose(wanted, memory_mb)
