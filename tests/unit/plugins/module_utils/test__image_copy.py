# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rsync is asked for, and which of its failures another try may mend."""

from __future__ import annotations

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_copy as copies
from ansible_collections.openmrs.event_log.plugins.module_utils._image_plan import Step

WHOLE = copies.Copy(Step("shop:2", "whole"), 0)
DELTA = copies.Copy(Step("shop:2", "delta"), 512)
STATS = """
Number of files: 1 (reg: 1)
Literal data: 12 bytes
Total bytes sent: 64,901,000
Total bytes received: 533

sent 64,901,000 bytes  received 533 bytes
"""


def test_a_copy_is_written_in_place_and_ends_in_time() -> None:
    options = WHOLE.options(61)
    assert {"--inplace", "--ignore-times", "--stop-after=2"} <= set(options)
    assert not any(option.startswith(("--bwlimit", "--copy-dest", "--compress")) for option in options)
    assert "--stop-after=1" in WHOLE.options(-5)


def test_what_differs_is_made_from_the_basis_and_packed() -> None:
    assert {"--copy-dest=basis", "--compress", "--compress-choice=zstd", "--bwlimit=64"} <= set(DELTA.options(600))


@pytest.mark.parametrize(
    ("version", "zstd"),
    [("", True), ("3.1.3", False), ("3.2.2", False), ("3.2.3", True), ("3.4.1", True), ("4.0.0", True)],
)
def test_an_older_rsync_on_the_host_packs_as_it_can(version: str, zstd: bool) -> None:
    """Ubuntu 20.04 has 3.1.3, which ends at an option that it does not know, and only after the basis was laid out."""
    options = copies.Copy(DELTA.step, 0, version).options(600)
    assert "--compress" in options
    assert ("--compress-choice=zstd" in options) == zstd
    assert ("--compress-level=9" in options) != zstd


def test_an_answer_that_comes_twice_is_the_reason() -> None:
    assert "same way" in copies.stays(23, "x", (23, "x"))
    for code, before in ((23, (0, "")), (23, (23, "y")), (12, (12, "x"))):
        assert copies.stays(code, "x", before) == ""


def test_a_limit_below_a_kilobyte_is_still_one() -> None:
    """0 would be no limit to rsync."""
    assert "--bwlimit=1" in copies.Copy(WHOLE.step, 4).options(60)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (255, "ssh: connect to host hilltop port 22: Connection timed out"),
        (255, "Connection to hilltop closed by remote host."),
        (12, "rsync error: error in rsync protocol data stream (code 12) at io.c(232)"),
        (30, "rsync error: timeout in data send/receive (code 30)"),
        (10, "rsync error: error in socket IO (code 10)"),
    ],
)
def test_a_cut_line_is_tried_again(code: int, said: str) -> None:
    assert copies.hopeless(code, said) == ""


@pytest.mark.parametrize(
    ("code", "said", "remedy"),
    [
        (255, "provisioning@hilltop: Permission denied (publickey).", "as Ansible's user"),
        (255, "Host key verification failed.", "as Ansible's user"),
        (127, "bash: line 1: rsync: command not found", "apt-get install rsync"),
        (11, 'rsync: write failed on "/x": No space left on device (28)', "disk is full"),
        (23, 'rsync: [receiver] open "/x/a" failed: Permission denied (13)', "event_images_incoming"),
        (11, 'rsync: [Receiver] mkstemp "/x/a" failed: Read-only file system (30)', "its file system"),
        (23, 'rsync: [generator] chgrp "/x/a" failed: Operation not permitted (1)', "event_images_incoming"),
        (23, 'rsync: [sender] link_stat "/srv/a" failed: No such file or directory (2)', "gone from the control node"),
        (24, 'file has vanished: "/srv/a"', "gone from the control node"),
        (255, "/root/.ssh/config: line 3: Bad configuration option: hots", "ssh_config"),
        (255, "Bad owner or permissions on /root/.ssh/config", "ssh_config"),
        (1, "rsync: --stop-after=3: unknown option", "too old"),
        (3, "rsync error: errors selecting input/output files, dirs (code 3)", "its files"),
    ],
)
def test_what_another_try_does_not_mend_ends_at_once(code: int, said: str, remedy: str) -> None:
    assert remedy in copies.hopeless(code, said)
    assert "hilltop" in copies.refused("hilltop", WHOLE, copies.hopeless(code, said), said)


def test_bytes_are_counted_in_both_directions() -> None:
    assert copies.sent(STATS) == 64_901_533
    assert copies.sent(STATS.replace(",", ".")) == 64_901_533
    assert copies.sent("") == 0


def test_pauses_grow_and_are_bounded() -> None:
    pauses = [copies.pause(attempt) for attempt in range(1, 12)]
    assert pauses[0] == 2
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60


def test_giving_up_says_that_the_next_run_goes_on() -> None:
    said = copies.given_up("hilltop", WHOLE, 7, 240, "a\nrsync error: timeout (code 30)\n")
    for word in ("hilltop", "shop:2", "4 hours", "tries: 7", "timeout (code 30)", "run again, and it goes on"):
        assert word in said
