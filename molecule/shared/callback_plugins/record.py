# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what every playbook run did, as JSON lines: one file per run, for the tests to compare."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: record
type: aggregate
short_description: Record host, task and result of every executed task
description:
  - Writes one file of JSON lines per run into the directory that E(EVENT_LOG_TEST_RECORD) names; without it, nothing.
requirements:
  - enabled in the configuration
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.begun: dict[tuple[str, str], float] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        directory = os.environ.get("EVENT_LOG_TEST_RECORD", "")
        if not directory:
            return
        kind = "check" if context.CLIARGS.get("check") else "run"
        name = Path(playbook._file_name).stem
        self.path = Path(directory) / f"{time.time_ns()}-{name}-{kind}.jsonl"

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self.begun[host.get_name(), task._uuid] = time.monotonic()

    def _write(self, result: Any, outcome: str) -> None:
        if self.path is None:
            return
        task, host = (getattr(result, name, None) or getattr(result, f"_{name}") for name in ("task", "host"))
        content = getattr(result, "result", None) or result._result
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = {
            "host": host.get_name(),
            "task": task.get_name().strip(),
            "action": task.action,
            "outcome": outcome,
            "seconds": round(time.monotonic() - self.begun.get((host.get_name(), task._uuid), time.monotonic()), 3),
            "changed": bool(content.get("changed", False)),
            "message": str(content.get("msg", ""))[:4000] if outcome in ("failed", "unreachable") else "",
        }
        with self.path.open("a", encoding="utf-8") as record:
            record.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result, "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write(result, "unreachable")
