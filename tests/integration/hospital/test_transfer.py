# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive is carried to a server over a line that breaks: what has arrived is not carried again."""

from __future__ import annotations

import os
import re
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.hospital import CLINIC, Site
from tests.helpers.playbooks import Outcome, play
from tests.integration.hospital.test_refused import archive

IMAGES = "openmrs.event_log.get_images"


def descendants(pid: int) -> list[tuple[int, str]]:
    """The processes below one, as /proc has them."""
    children: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found, name, parent = re.match(r"(\d+) \((.*)\) \S+ (\d+)", path.read_text()).groups()  # type: ignore[union-attr]
        except OSError:
            continue
        children.setdefault(int(parent), []).append((int(found), name))
    below, todo = [], [pid]
    while todo:
        found_here = children.get(todo.pop(), [])
        below += found_here
        todo += [child for child, _ in found_here]
    return below


def break_the_line(site: Site, running: Future[Any], after: int) -> int:
    """End the copy that this test has started once so many bytes are over. Returns how many are."""
    counter = Path(f"/sys/class/net/{site.bridge}/statistics/tx_bytes")
    begun = int(counter.read_text())
    while int(counter.read_text()) - begun < after:
        assert not running.done(), f"it ended before so much was over: {running.result()}"
        time.sleep(0.002)
    cut = [pid for pid, name in descendants(os.getpid()) if name == "rsync"]
    assert cut, "nothing copies"
    for pid in cut:
        os.kill(pid, signal.SIGKILL)
    return int(counter.read_text()) - begun


@pytest.fixture(scope="module")
def variables(odd: Site) -> dict[str, Any]:
    return {**CLINIC.variables, "event_log_site": "odd", "event_log_sample": False, "ansible_host": odd.address}


def test_a_copy_that_is_cut_goes_on_where_it_stopped(odd: Site, variables: dict[str, Any], tmp_path: Path) -> None:
    size = archive().stat().st_size
    images = "docker images openmrs-event-log --format {{.Tag}}"
    assert odd.exec(*images.split()) == "", "the image is there already"
    before = odd.received()
    with ThreadPoolExecutor(1) as pool:
        running: Future[Outcome] = pool.submit(play, tmp_path, odd, variables, playbook=IMAGES)
        over = break_the_line(odd, running, size * 3 // 10)
        first = running.result()
    # More than what a second copy of all of it could hide below.
    assert 0.25 * size < over < 0.95 * size, f"{over} of {size} bytes were over when the line was cut"
    if first.code != 0:  # else it has gone on by itself
        assert odd.exec(*images.split()) == ""
        second = play(tmp_path, odd, variables, playbook=IMAGES)
        assert second.code == 0, second.output[-3000:]
    assert odd.exec(*images.split()).split() == [
        archive().name.removeprefix("openmrs-event-log-").removesuffix(".tar.zst")
    ]
    received = odd.received() - before
    assert size < received < 1.15 * size, f"{received} bytes for an archive of {size}"
    # Before anything went over the line, the run said how much would, and for how long at the site's bandwidth.
    assert re.search(rf"\b{round(size / 1e6)}[.0-9]* MB", first.output), first.output[-3000:]
    assert "2048 kbit/s" in first.output


# Nor is it by a second run of everything (test_fleet.py).
@pytest.mark.full
def test_what_is_there_is_not_carried_again(odd: Site, variables: dict[str, Any], tmp_path: Path) -> None:
    before = odd.received()
    outcome = play(tmp_path, odd, variables, playbook=IMAGES)
    assert outcome.code == 0, outcome.output[-3000:]
    assert outcome.changed == []
    assert odd.received() - before < 1_000_000
