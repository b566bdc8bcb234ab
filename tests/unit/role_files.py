"""What the tests about structure read: roles, their tasks and variables, as data."""

from __future__ import annotations

import functools
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROOT = Path(__file__).resolve().parents[2]
TASK_WORDS = ("block", "rescue", "always")


@dataclass(frozen=True)
class Task:
    path: Path
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}: {self.body.get('name', self.body)}"


@dataclass(frozen=True)
class Role:
    name: str
    path: Path

    def load(self, relative: str) -> Any:
        """The file as Ansible reads it: its strings may be templates."""
        path = self.path / relative
        return DataLoader().load_from_file(str(path), trusted_as_template=True) if path.is_file() else None

    @functools.cached_property
    def defaults(self) -> dict[str, Any]:
        return self.load("defaults/main.yml") or {}

    @functools.cached_property
    def entry_points(self) -> dict[str, dict[str, Any]]:
        return (self.load("meta/argument_specs.yml") or {}).get("argument_specs", {})

    @functools.cached_property
    def options(self) -> dict[str, dict[str, Any]]:
        """The options of every entry point together."""
        return {name: option for entry in self.entry_points.values() for name, option in entry["options"].items()}

    def tasks(self, *directories: str) -> Iterator[Task]:
        for directory in directories or ("tasks", "handlers"):
            for path in sorted((self.path / directory).rglob("*.yml")):
                yield from flat(path, yaml.safe_load(path.read_text(encoding="utf-8")) or [])

    def texts(self) -> Iterator[tuple[Path, str]]:
        """The files of the role that Ansible evaluates."""
        for directory in ("defaults", "vars", "tasks", "handlers", "templates"):
            for path in sorted((self.path / directory).rglob("*")):
                if path.is_file():
                    yield path, path.read_text(encoding="utf-8")

    def render(self, value: Any) -> Any:
        """A default as it comes out when the inventory says nothing; raises where it needs the inventory or facts."""
        return Templar(loader=DataLoader(), variables=dict(self.defaults)).template(value)

    def __str__(self) -> str:
        return self.name


def flat(path: Path, tasks: list[dict[str, Any]]) -> Iterator[Task]:
    for body in tasks:
        yield Task(path, body)
        for word in TASK_WORDS:
            yield from flat(path, body.get(word, []))


def roles() -> list[Role]:
    tracked = {name.split("/")[1] for name in tracked_files() if re.match(r"roles/[^/]+/", name)}
    return [Role(name, ROOT / "roles" / name) for name in sorted(tracked)]


@functools.lru_cache(maxsize=1)
def tracked_files() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())
