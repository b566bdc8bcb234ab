# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rsync is asked to copy over a line that may be slow and may be cut, and what its answers mean."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import List, Tuple

from ansible_collections.openmrs.event_log.plugins.module_utils._guard_text import duration
from ansible_collections.openmrs.event_log.plugins.module_utils._image_plan import Step

# Seconds without a byte after which a line is taken for dead.
SILENCE = 60
# "Partial transfer due to error": one file is copied, so an answer that comes twice is the reason.
PARTIAL = 23
# From here on rsync can be asked for zstd on both sides.
ZSTD_SINCE = (3, 2, 3)
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0

# What another try does not mend, and what does (rsync(1), EXIT VALUES, and ssh's own words).
HOPELESS = (
    (
        re.compile(r"failed: (?:Permission denied|Operation not permitted)|Read-only file system"),
        "the login user cannot write where copies arrive, or cannot get there: see the directory "
        "(event_images_incoming) and its file system on the host",
    ),
    (
        re.compile(r"\[sender\].*No such file or directory|file has vanished"),
        "the archive has gone from the control node's store meanwhile: run again",
    ),
    (
        re.compile(r"Bad configuration option|Bad owner or permissions on|terminating, \d+ bad configuration"),
        "ssh does not take its configuration: correct what it names, in ssh_config or ansible_ssh_common_args",
    ),
    (
        re.compile(r"Permission denied|Host key verification failed|Too many authentication failures"),
        "the login was refused: see that ssh reaches the host as Ansible's user without asking anything",
    ),
    (
        re.compile(r"rsync: (?:command )?not found|rsync: No such file|code 127"),
        "there is no rsync on the host: apt-get install rsync",
    ),
    (re.compile(r"No space left on device|Disk quota exceeded"), "the host's disk is full: free room there"),
    (re.compile(r"unknown option"), "rsync is too old: 3.2.3 or later is needed on both sides"),
    (re.compile(r"sshpass"), "a login by password needs the program sshpass on the control node; better use a key"),
)
HOPELESS_CODES = {1: "its options", 2: "its protocol", 3: "its files", 4: "its abilities", 11: "a file"}


@dataclass(frozen=True)
class Copy:
    """One file on its way."""

    step: Step
    limit_kbit: int
    host_rsync: str = ""

    def options(self, seconds_left: float) -> List[str]:
        """Written in place, so that a cut copy is there to go on with; always compared, never taken for equal."""
        given = ["--inplace", "--ignore-times", "--stats", "--no-human-readable", "--no-whole-file"]
        # rsync's own clock ends it in time: whole minutes, never none.
        given.append(f"--stop-after={max(1, math.ceil(seconds_left / 60))}")
        if self.limit_kbit > 0:
            given.append(f"--bwlimit={max(1, self.limit_kbit // 8)}")
        if self.step.way == "delta":
            given += ["--copy-dest=basis", "--compress"]
            given += ["--compress-choice=zstd", "--compress-level=12"] if self._knows_zstd() else ["--compress-level=9"]
        return given

    def _knows_zstd(self) -> bool:
        """The host's own answer; where it has none yet, it gets a new one."""
        found = re.match(r"(\d+)\.(\d+)\.(\d+)", self.host_rsync)
        return found is None or tuple(int(number) for number in found.groups()) >= ZSTD_SINCE


def hopeless(code: int, said: str) -> str:
    """Why another try cannot help; empty if the line may just have been cut."""
    for pattern, remedy in HOPELESS:
        if pattern.search(said):
            return remedy
    if code in HOPELESS_CODES:
        return f"rsync could not go on because of {HOPELESS_CODES[code]}"
    return ""


def stays(code: int, said: str, before: Tuple[int, str]) -> str:
    """Why a failure that came twice will come again."""
    if code == PARTIAL and (code, said) == before:
        return "rsync fails in the same way each time"
    return ""


def size_of(step: Step) -> int:
    """What the file on the host has when it is whole: a difference is laid out as the unpacked archive."""
    return step.plain if step.way == "delta" else step.moves + step.here


def sent(said: str) -> int:
    """Bytes over the line in both directions, of what --stats prints."""
    found = re.findall(r"^Total bytes (?:sent|received): ([0-9,.]+)", said, re.MULTILINE)
    return sum(int(re.sub(r"[,.]", "", number)) for number in found)


def pause(attempt: int) -> float:
    """Seconds before the next try; a line that is down is not asked all the time."""
    return float(min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE))


def given_up(host: str, copy: Copy, attempts: int, minutes: int, said: str) -> str:
    last = said.strip().splitlines()[-1] if said.strip() else "nothing"
    return (
        f"The copy of {copy.step.image} to {host} did not finish within {duration(minutes * 60)} "
        f"(event_images_transfer_minutes), tries: {attempts}; rsync's last words: {last}. What arrived is kept: "
        f"run again, and it goes on where it stopped."
    )


def refused(host: str, copy: Copy, why: str, said: str) -> str:
    return f"The copy of {copy.step.image} to {host} failed: {why}. rsync said: {said.strip()[-400:]}"
