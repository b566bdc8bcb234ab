# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a copy that lasts: counted at a real rsync, below a shell as it is below Ansible's modules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.openmrs.event_log.plugins.module_utils import _image_sent as subject
from ansible_collections.openmrs.event_log.plugins.module_utils._guard_progress import Work

SIZE = 4 * 2**20


def work() -> Work:
    return Work("image", "clinic: copying image:1", 0, SIZE, "bytes", 0, 0)


@pytest.mark.skipif(shutil.which("rsync") is None, reason="no rsync here")
def test_a_copy_that_is_under_way_is_told_with_what_was_sent(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"\0" * SIZE)
    said: List[str] = []
    copy = f"rsync --bwlimit=1500 --whole-file {source} {tmp_path / 'target'}; true"
    with subject.told(said.append, work(), every=0.2):
        subprocess.run(["sh", "-c", copy], check=True, timeout=60)
    found = [int(match.group(1)) for match in (re.search(r"\((\d+) %\)", one) for one in said) if match]
    assert len(found) >= 3, said
    assert found == sorted(found) and found[0] < 50 < found[-1] + 40, said
    assert said[0].startswith("clinic: copying image:1: ")
    assert subject.sent_below(os.getpid()) is None


def test_where_nothing_is_copied_nothing_is_told() -> None:
    said: List[str] = []
    with subject.told(said.append, work(), every=0.02):
        time.sleep(0.2)
    assert said == []


def test_a_short_copy_needs_no_line() -> None:
    said: List[str] = []
    began = time.monotonic()
    with subject.told(said.append, work()):
        pass
    assert said == []
    assert time.monotonic() - began < 5, "who has copied does not wait for the next line"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "clinic: copying image:1: 1.0 MiB of 4.0 MiB (25 %), about 3 minutes left."),
        ({"about": True}, "clinic: copying image:1: 1.0 MiB of about 4.0 MiB (25 %), about 3 minutes left."),
        ({"since": 960.0}, "clinic: copying image:1: 1.0 MiB of 4.0 MiB (25 %), about 2 minutes left."),
        ({"total": 0}, "clinic: copying image:1: 1.0 MiB."),
        ({"updated": 700.0}, "clinic: copying image:1: 1.0 MiB of 4.0 MiB (25 %), and nothing more for 5 minutes."),
    ],
)
def test_a_line_says_how_much_and_how_long(changed: Dict[str, Any], said: str) -> None:
    one = replace(work(), **{"done": SIZE // 4, "since": 940.0, "updated": 1000.0, **changed})
    assert subject.sentence(one, 1000.0) == said
