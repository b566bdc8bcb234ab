# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rounds over the site that is broken, and what a person at its keyboard is told meanwhile."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from event_guard import acts, boot, flow, heal, look, loop
from event_guard.memory import Memory
from event_guard.settings import from_mapping
from event_log import doctor, settings, status
from event_log.verdict import Verdict

from tests.helpers.fault_load import Load, Outcome, outcome
from tests.helpers.fault_site import CAPTURE, DATABASE_PORT, PREFIX, STACK, WORKER, Site
from tests.helpers.worker_rig import images
from tests.helpers.workers import RigError, docker, wait_for

STEPS = ("boot", "heal")


class OnSite:
    """A guard that makes its rounds while a test waits, with files as on a host."""

    def __init__(self, site: Site, name: str, root: Path, port: int, **limits: Any) -> None:
        self.site, self.name = site, name
        self.config = root / "config"
        self.config.mkdir()
        (root / "database.properties").write_text(f"password={CAPTURE[1]}\n", encoding="utf-8")
        capture = {
            "connector": name, "topic_prefix": name, "host": "127.0.0.1", "port": port, "user": CAPTURE[0],
            "password_file": str(root / "database.properties"), "database": "openmrs",
        }  # fmt: skip
        about = {
            "image": images()["event log"], "bootstrap": STACK.bootstrap, "data_dir": str(site.root / "broker"),
            "project": PREFIX.rstrip("-"), "uid": 1001, "gid": 1001, "database": "openmrs", "guarded": True,
            "progress_dir": str(root / "progress"),
            "internal_topics": [STACK.configs_topic, STACK.offsets_topic, STACK.status_topic],
        }  # fmt: skip
        guard = {"directory": str(root / "guard"), "interval": 1, "reserve_mb": 1, **limits}
        for file, content in (("source", {"capture": capture}), ("event-log", about), ("guard", guard)):
            (self.config / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
        self.settings = settings.from_mapping(about, self.config / "event-log.json")
        self.guard = from_mapping(guard, self.config / "guard.json")
        steps = tuple(one for one in loop.steps() if one[0] in STEPS)
        assert len(steps) == len(STEPS)
        self.rounds = loop.Rounds(self.settings, self.guard, steps)

    def round(self) -> None:
        self.rounds.one(time.time())

    def until(self, what: str, seen: Callable[[], Any], seconds: float) -> float:
        """Make a round each second until the answer is true; the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self.round()
            with contextlib.suppress(OSError):
                if seen():
                    return time.monotonic() - began
            time.sleep(1)
        raise RigError(f"{what}: not within {seconds:g} s; {self.recent()}; {self.remembered()}; {self.told()}")

    def memory(self) -> Memory:
        return Memory.load(self.guard.directory)

    def remembered(self) -> Dict[str, Any]:
        return {key: self.memory().get(key) for key in ("hold", "waiting", "healing", "acts")}

    def recent(self) -> List[Dict[str, Any]]:
        return acts.recent(self.guard.directory, 100)

    def did(self, act: str) -> int:
        """How often the guard did something to the worker, or to the site's own connector."""
        return [one["act"] for one in self.recent() if one["about"] in ("", self.name)].count(act)

    def flow(self) -> flow.Flow:
        """What flows through the site's connector, as the guard sees it."""
        return next(one.flow for one in look.look(self.settings).connectors if one.connector.name == self.name)

    def verdict(self) -> Verdict:
        """What ``event-log status`` finds."""
        return status.verdict_of(self.settings)

    def told(self) -> str:
        """What ``event-log doctor`` prints."""
        return doctor.run(self.settings, as_json=False)

    def runs(self) -> bool:
        return self.site.states(self.name) == ["RUNNING", "RUNNING"]

    def all_came(self, load: Load, seconds: float = 150) -> Outcome:
        """Make rounds until the topic says what the table says; what became of the load."""
        found: List[Outcome] = []

        def look_again() -> bool:
            found.append(outcome(self.site.events(self.name), self.site.rows(), load))
            return found[-1].good

        try:
            self.until("every change has come", look_again, seconds)
        except RigError as error:
            pytest.fail(f"{found[-1:]} of {load.writes} writes\n{error}")
        return found[-1]


def on_site(
    site: Site, name: str, root: Path, patch: pytest.MonkeyPatch, *,
    port: int = DATABASE_PORT, remembered: bool = True, **limits: Any,
) -> OnSite:  # fmt: skip
    """A guard with the shipped limits but for those that are given, which remembers the history if there is one yet."""
    made = OnSite(site, name, root, port, **limits)
    patch.setenv(settings.ENVIRONMENT_VARIABLE, str(made.config / "event-log.json"))
    # What a service keeps between its rounds is this guard's own.
    patch.setattr(boot, "_WATCH", boot.Watch())
    patch.setattr(heal, "_progress", flow.Progress())
    if remembered:
        made.until("the history is remembered", lambda: made.memory().get("history").get(name), 60)
    return made


def register(site: Site, name: str, **options: Any) -> None:
    """Register a connector with options beside those that the collection gives it, and wait until it streams."""
    site.known.append(name)
    given = {key: str(value) for key, value in options.items()}
    status_, answer = site.rest("PUT", f"/connectors/{name}/config", {**site.config(name), **given})
    assert status_ in (200, 201), answer
    site.await_running(name)
    wait_for(f"{name} streams", lambda: site.streams(name), 90, WORKER)


@contextlib.contextmanager
def remade(name: str, *options: str) -> Iterator[None]:
    """A container of the site made anew with options beside its own, which comes back as it was afterwards."""
    ((described,)) = json.loads(docker("inspect", name))
    config, host = described["Config"], described["HostConfig"]
    former = f"{name}-former"
    given = [part for one in config["Env"] for part in ("--env", one)]
    given += [part for one in host.get("Binds") or [] for part in ("--volume", one)]
    given += [part for where, how in (host.get("Tmpfs") or {}).items() for part in ("--tmpfs", f"{where}:{how}")]
    given += ["--read-only"] if host["ReadonlyRootfs"] else []
    given += ["--entrypoint", config["Entrypoint"][0]] if config["Entrypoint"] else []
    docker("stop", name)
    docker("rename", name, former)
    try:
        docker("run", "--detach", "--name", name, "--network", host["NetworkMode"], "--user", config["User"],
               *given, *options, config["Image"],
               *(config["Entrypoint"] or [])[1:], *(config["Cmd"] or []))  # fmt: skip
        yield
    finally:
        docker("rm", "--force", name, check=False)
        docker("rename", former, name)
        docker("start", name)
