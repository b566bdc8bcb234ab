"""What playbook runs did, as molecule/shared/callback_plugins/record.py wrote it down."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / ".cache" / "test" / "records"


@dataclass(frozen=True)
class Event:
    host: str
    task: str
    action: str
    outcome: str
    changed: bool
    message: str
    seconds: float = 0.0  # as the control node saw it


@dataclass(frozen=True)
class Run:
    path: Path
    kind: str  # check or run
    playbook: str
    events: tuple[Event, ...]

    @property
    def changed(self) -> Counter[tuple[str, str]]:
        """The (host, task) pairs that were called changed, and how often."""
        return Counter((event.host, event.task) for event in self.events if event.changed)

    @property
    def executed(self) -> list[Event]:
        return [event for event in self.events if event.outcome in ("ok", "failed", "ignored")]

    @property
    def failures(self) -> list[Event]:
        return [event for event in self.events if event.outcome in ("failed", "unreachable")]


def load(path: Path) -> Run:
    _, playbook, kind = path.stem.split("-", 2)[0], "-".join(path.stem.split("-")[1:-1]), path.stem.split("-")[-1]
    events = tuple(Event(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())
    return Run(path, kind, playbook, events)


def runs(directory: Path, playbook: str | None = None) -> list[Run]:
    """The runs of a directory in the order in which they began."""
    found = [load(path) for path in sorted(directory.glob("*.jsonl"))]
    return [run for run in found if playbook in (None, run.playbook)]


def difference(first: Run, second: Run) -> str:
    """In words, the pairs that one run called changed and the other did not; empty when there are none."""
    lines = [f"only in the {first.kind} ({first.path.name}): {pair}" for pair in first.changed - second.changed]
    lines += [f"only in the {second.kind} ({second.path.name}): {pair}" for pair in second.changed - first.changed]
    return "\n".join(lines)
