# Copyright: OpenMRS Event Log contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Prometheus and its node exporter, on 127.0.0.1, with the collection's alert rules in a shorter time."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import pytest
import yaml

from tests.helpers.workers import wait_for

#: By this every time of the rules is divided: a minute is a second here. Everything else is as sites have it.
FASTER = 60
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE = re.compile(r"> (\d+)\s*$")  # "time() - … > 900": older than 900 seconds


def seconds(duration: str) -> int:
    """A duration of a rule, as ``15m`` or ``1d``."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


def faster(rules: Dict[str, Any]) -> Dict[str, Any]:
    """The rules with each ``for``, and each age that an expression compares with, divided. No other word changes."""
    changed = []
    for rule in rules["groups"][0]["rules"]:
        shorter = dict(rule)
        if "for" in rule:
            shorter["for"] = f"{seconds(rule['for']) * 1000 // FASTER}ms"
        if rule["expr"].startswith("time() - "):
            shorter["expr"] = _AGE.sub(lambda age: f"> {int(age.group(1)) / FASTER:g}", rule["expr"])
        changed.append(shorter)
    return {"groups": [{**rules["groups"][0], "rules": changed}]}


def programs() -> Dict[str, str]:
    """Where both are; a machine without them skips."""
    found = {}
    for name in ("prometheus", "prometheus-node-exporter"):
        found[name] = shutil.which(name) or pytest.skip(f"no {name} here (Debian package {name})")
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextlib.contextmanager
def _running(log: Path, *command: str) -> Iterator[None]:
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.terminate()


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    port: int
    log: Path

    def get(self, path: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, expression: str) -> List[float]:
        """What an expression gives now, of each series."""
        found = self.get(f"query?query={urllib.parse.quote(expression)}")
        return [float(one["value"][1]) for one in found["result"]]

    def alerts(self, state: str = "firing") -> Set[str]:
        """The names of those in a state."""
        return {str(one["labels"]["alertname"]) for one in self.get("alerts")["alerts"] if one["state"] == state}


@contextlib.contextmanager
def prometheus(directory: Path, figures: Path, rules: Path) -> Iterator[Prometheus]:
    """Scrape the files in ``figures`` each second, through a node exporter as a site has it."""
    found, exporter, port = programs(), _free_port(), _free_port()
    (directory / "rules.yml").write_text(yaml.safe_dump(faster(yaml.safe_load(rules.read_text()))))
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    reads = (
        found["prometheus-node-exporter"], f"--web.listen-address=127.0.0.1:{exporter}",
        "--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={figures}",
    )  # fmt: skip
    asks = (
        found["prometheus"], f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'prometheus'}", f"--web.listen-address=127.0.0.1:{port}",
    )  # fmt: skip
    with _running(directory / "exporter.log", *reads), _running(directory / "prometheus.log", *asks):
        made = Prometheus(port, directory / "prometheus.log")
        wait_for("Prometheus scrapes", lambda: made.value("up == 1"), 60)
        yield made
