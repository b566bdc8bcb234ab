# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says where a playbook stands: step n of m at each play, and a sign of life while a task is quiet."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Step n of m for each play, and a sign of life in long tasks
version_added: "0.1.0"
author:
  - OpenMRS Event Log contributors (@openmrs)
description:
  - At the start of each play it prints C(step n of m) with the name of the play, where m counts the plays of the
    playbook, imported ones included.
  - While nothing is printed for O(interval) seconds, it prints the name of the running task, the seconds since that
    task started, and, where O(log_path) names a file that grew during the task, the last line of it.
  - All lines go to standard error, so that what the stdout callback prints stays as it is, JSON included.
  - Quick tasks print nothing.
options:
  interval:
    description: Seconds of silence after which a line is printed; V(0) prints none.
    type: int
    default: 10
    env:
      - name: EVENT_LOG_PROGRESS_INTERVAL
    ini:
      - section: callback_progress
        key: interval
  log_path:
    description:
      - A file that a long task writes to, for instance the log of an image build.
      - A C(log_path) among the arguments of the running task goes before this one.
    type: path
    env:
      - name: EVENT_LOG_PROGRESS_FILE
    ini:
      - section: callback_progress
        key: log_path
requirements:
  - enabled in configuration, see C(callbacks_enabled)
"""

EXAMPLES = r"""
ansible_cfg: >
  # Enable the callback in ansible.cfg
  [defaults]
  callbacks_enabled = openmrs.event_log.progress
"""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional

from ansible.plugins.callback import CallbackBase

_TAIL_BYTES = 4096
_WIDTH = 100
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")


def shorten(text: str, width: int = _WIDTH) -> str:
    """One line of printable text of at most `width` characters."""
    line = " ".join(_ESCAPES.sub("", text).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def last_line(path: str, since: float) -> str:
    """The last line of a log that was written after `since` (seconds of the epoch), else nothing."""
    try:
        file = Path(path)
        if file.stat().st_mtime < since:
            return ""
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            tail = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [shorten(line) for line in re.split(r"[\r\n]+", tail)]
    return next((line for line in reversed(lines) if line), "")


def heartbeat(task: str, seconds: float, line: str) -> str:
    """The sign of life of one task."""
    return f"... {shorten(task)}: {seconds:.0f} s" + (f" | {line}" if line else "")


@dataclass(frozen=True)
class Running:
    """The task that runs now."""

    name: str
    started: float
    log_path: str


class Watch:
    """When something was last said, and what runs; every method may be called from any thread."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._lock = threading.Lock()
        self._spoken = 0.0
        self._task: Optional[Running] = None

    def spoke(self, now: float) -> None:
        """Something was printed."""
        with self._lock:
            self._spoken = now

    def start(self, task: Optional[Running]) -> None:
        """Another task runs, or none. A task that starts prints nothing yet."""
        with self._lock:
            self._task = task

    def seconds_left(self, now: float) -> float:
        """Seconds until the silence has lasted for the interval."""
        with self._lock:
            return max(0.0, self._spoken + self.interval - now)

    def take(self, now: float) -> Optional[Running]:
        """The task to report if it is time to; the silence then starts anew."""
        with self._lock:
            if now < self._spoken + self.interval:
                return None
            self._spoken = now
            return self._task


def _log_of(args: Any, default: str) -> str:
    """The log named by the task, unless it is still a template, else the default."""
    own = args.get("log_path") if isinstance(args, dict) else None
    return own if isinstance(own, str) and "{{" not in own else default


class CallbackModule(CallbackBase):
    """Prints steps and signs of life beside any stdout callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "openmrs.event_log.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._steps: Dict[str, int] = {}
        self._total = 0
        self._watch: Optional[Watch] = None
        self._ended = threading.Event()

    def _say(self, text: str) -> None:
        # Ansible holds the display's lock while it forks, so a thread that prints this way cannot block a worker.
        self._display.display(text, stderr=True)

    def _spoke(self) -> None:
        if self._watch:
            self._watch.spoke(time.time())

    def _beat(self, watch: Watch) -> None:
        while not self._ended.wait(max(0.1, watch.seconds_left(time.time()))):
            now = time.time()
            task = watch.take(now)
            if task:
                self._say(heartbeat(task.name, now - task.started, last_line(task.log_path, task.started)))

    # -- where the playbook stands

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Count the plays and start to watch."""
        self._steps, self._total = {}, len(playbook.get_plays())
        interval = self.get_option("interval")
        if interval > 0 and self._watch is None:
            self._watch = Watch(interval)
            self._spoke()
            threading.Thread(target=self._beat, args=(self._watch,), daemon=True, name="progress").start()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Say the step; the batches of a `serial` play are one step."""
        uuid = str(play._uuid)
        if uuid not in self._steps:
            self._steps[uuid] = len(self._steps) + 1
            self._say(f"step {self._steps[uuid]} of {self._total}: {play.get_name().strip()}")
        self._spoke()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note the task; the stdout callback may keep its banner back until there is a result."""
        if self._watch:
            path = _log_of(task.args, self.get_option("log_path") or "")
            self._watch.start(Running(task.get_name().strip(), time.time(), path))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """A handler is a task."""
        self.v2_playbook_on_task_start(task, False)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The end: nothing more to watch."""
        if self._watch:
            self._watch.start(None)
        self._ended.set()

    # -- results that every stdout callback prints

    def v2_runner_on_ok(self, result: Any) -> None:
        """A result was printed."""
        self._spoke()

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A result was printed."""
        self._spoke()

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A result was printed."""
        self._spoke()

    def v2_runner_retry(self, result: Any) -> None:
        """A result was printed."""
        self._spoke()

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """A result was printed."""
        self._spoke()

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """A result was printed."""
        self._spoke()
