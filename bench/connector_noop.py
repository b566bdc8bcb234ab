# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of the module connector costs that has nothing to do, beside other ways to ask the same of a worker.

python -m bench.connector_noop                   on the tests' own workers (Docker, root)
python -m bench.connector_noop --url http://…    on a worker of yours; its password in EVENT_LOG_CONNECT_PASSWORD

The connector is Debezium's on the tests' workers, else a file source or what --config says.

Measured alternately: the module, `ansible.builtin.ping` started by Ansible in the same way, `ansible.builtin.uri` once
for each of the module's requests, and `curl` once for each. Exit code 1: a target was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import yaml

from bench.proxy import counting
from bench.results import ROOT, Measured, described, machine, table, write

MODULE = "openmrs.event_log.connector"
MOST_REQUESTS = 3
MOST_SECONDS = 0.5  # beyond ping
PER_ROUND = 5  # calls of each way in one run of ansible-playbook; the first round only warms up
CONFIG = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
    "tasks.max": 1,
    "file": "/etc/os-release",
    "topic": "bench-noop",
    "topic.creation.default.partitions": 1,
    "topic.creation.default.replication.factor": 1,
}


@dataclass(frozen=True)
class Bench:
    """One worker, one connector on it, and a directory for what is written meanwhile."""

    url: str
    username: str | None
    password: str | None
    name: str
    config: dict[str, Any]
    directory: Path

    @property
    def _login(self) -> dict[str, str]:
        return {"url_username": self.username, "url_password": self.password or ""} if self.username else {}

    def _module(self, url: str | None = None, **options: Any) -> dict[str, Any]:
        return {MODULE: {"url": url or self.url, **self._login, "name": self.name, **options}}

    def play(self, tasks: list[dict[str, Any]]) -> list[tuple[str, float]]:
        """Run tasks on this machine; the name of each and how long it took."""
        book, durations = self.directory / "play.yml", self.directory / "durations.jsonl"
        head = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        book.write_text(yaml.safe_dump([head], sort_keys=False), encoding="utf-8")
        durations.unlink(missing_ok=True)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))},
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "bench" / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "durations",
            "EVENT_LOG_BENCH_DURATIONS": str(durations),
        }
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(book)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"ansible-playbook failed:\n{done.stdout}{done.stderr}")
        lines = [json.loads(line) for line in durations.read_text(encoding="utf-8").splitlines()]
        return [(line["task"], line["seconds"]) for line in lines]

    def register(self) -> None:
        self.play([{"name": "register", **self._module(config=self.config)}])

    def remove(self) -> None:
        self.play([{"name": "remove", **self._module(state="absent")}])

    def requests(self) -> list[str]:
        """What a call that has nothing to do asks of the worker."""
        with counting(self.url) as (address, seen):
            self.play([self._noop("counted", address)])
        return seen

    def _noop(self, name: str, url: str | None = None) -> dict[str, Any]:
        return {
            "name": name,
            **self._module(url, config=self.config),
            "register": "noop",
            "failed_when": "noop is changed",
        }

    def round(self, paths: Sequence[str], calls: int) -> list[tuple[str, float]]:
        """All ways, so many times, by turns."""
        login = {**self._login, "force_basic_auth": True} if self.username else {}
        uris = [{"name": "uri", "ansible.builtin.uri": {"url": self.url + path, **login}} for path in paths]
        tasks = [{"name": "ping", "ansible.builtin.ping": {}}, self._noop("module"), *uris] * calls
        found = self.play(tasks)
        single = [seconds for task, seconds in found if task == "uri"]
        whole = [sum(single[first : first + len(paths)]) for first in range(0, len(single), len(paths))]
        found = [one for one in found if one[0] != "uri"] + [("uri", seconds) for seconds in whole]
        return found + [("curl", self._curl(paths)) for _ in range(calls)]

    def _curl(self, paths: Sequence[str]) -> float:
        # The login comes over standard input: it has no place among the arguments.
        login = f'user = "{self.username}:{self.password}"\n' if self.username else ""
        began = time.monotonic()
        for path in paths:
            command = ["curl", "--silent", "--fail", "--noproxy", "*", "--config", "-", self.url + path]
            subprocess.run(command, input=login, text=True, stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - began


def measure(bench: Bench, rounds: int) -> tuple[list[Measured], list[str]]:
    """Return what each way took, and the module's requests."""
    bench.remove()
    bench.register()
    try:
        requests = bench.requests()
        paths = [request.split(" ")[1] for request in requests]
        seconds: dict[str, list[float]] = {"module": [], "ping": [], "uri": [], "curl": []}
        for number in range(rounds + 1):
            for way, took in bench.round(paths, PER_ROUND):
                if number:
                    seconds[way].append(took)
            print(f"round {number} of {rounds}", file=sys.stderr)
    finally:
        bench.remove()
    names = {
        "module": "module connector, nothing to do",
        "ping": "ansible.builtin.ping",
        "uri": f"ansible.builtin.uri, {len(paths)} times",
        "curl": f"curl, {len(paths)} times",
    }
    return [Measured.of(names[way], took) for way, took in seconds.items()], requests


def verdict(rows: Sequence[Measured], requests: Sequence[str]) -> tuple[bool, str]:
    """Whether the targets are met, and the sentences that say so."""
    beyond = rows[0].median - rows[1].median
    met = len(requests) <= MOST_REQUESTS and beyond < MOST_SECONDS
    lines = [
        f"Beyond ping (median): {beyond:.3f} s; the target is less than {MOST_SECONDS} s.",
        f"Requests of one call: {len(requests)}; the target is at most {MOST_REQUESTS}:",
        *(f"- `{request}`" for request in requests),
        "The targets are met." if met else "A TARGET IS MISSED.",
    ]
    return met, "\n".join(lines) + "\n"


def versions(bench: Bench) -> dict[str, Any]:
    """What was measured."""
    login = f'user = "{bench.username}:{bench.password}"\n' if bench.username else ""
    command = ["curl", "--silent", "--fail", "--noproxy", "*", "--config", "-", bench.url + "/"]
    answer = subprocess.run(command, input=login, text=True, capture_output=True, check=True).stdout
    told = subprocess.run(
        [str(Path(sys.executable).parent / "ansible"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return {"ansible_core": told.split("]")[0].split()[-1], "connect": json.loads(answer)["version"]}


def report(bench: Bench, rounds: int) -> int:
    """Measure, print, keep; the exit code."""
    found = {**machine(), **versions(bench)}
    rows, requests = measure(bench, rounds)
    met, sentences = verdict(rows, requests)
    text = f"{table(rows)}\n{sentences}\nMachine: {described(found)}\n"
    kept = write("connector_noop", rows, {"machine": found, "requests": requests, "met": met}, text)
    print(text + f"\nKept in {kept.relative_to(ROOT)} and {kept.with_suffix('.json').name}")
    return 0 if met else 1


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.connector_noop", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", help="address of a worker; without it the tests' own is started")
    parser.add_argument("--username", help="its login; the password is read from EVENT_LOG_CONNECT_PASSWORD")
    parser.add_argument("--config", type=Path, help="file with the connector's configuration (JSON, flat)")
    parser.add_argument("--name", default="bench-noop", help="of the connector, which is made and deleted")
    parser.add_argument("--rounds", type=int, default=6, help=f"of {PER_ROUND} calls each")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        if chosen.url:
            password = os.environ.get("EVENT_LOG_CONNECT_PASSWORD")
            config = json.loads(chosen.config.read_text(encoding="utf-8")) if chosen.config else CONFIG
            url = chosen.url.rstrip("/")
            return report(Bench(url, chosen.username, password, chosen.name, config, directory), chosen.rounds)
        sys.path.insert(0, str(ROOT / ".cache"))
        from tests.helpers.worker_rig import rig  # noqa: PLC0415 - not needed for a worker of one's own

        with rig() as made:
            options = made.a.options
            login = (options.get("url_username"), options.get("url_password"))
            config = made.debezium(chosen.name)
            return report(Bench(made.a.url, *login, chosen.name, config, directory), chosen.rounds)


if __name__ == "__main__":
    sys.exit(main())
